/* address: classifies the senders and recipients of messages.
 *
 * Twilio's addresses are telephone numbers in E.164, short codes, alphanumeric senders and masked
 * numbers, perhaps with a channel's prefix ("whatsapp:+1...", "rcs:..."). Pure; any thread. */
#pragma once

#include "dlrd/base/slice.h"

enum address_kind {
	ADDRESS_NONE, /* absent or empty */
	ADDRESS_LONG_CODE,
	ADDRESS_SHORT_CODE,
	ADDRESS_TOLL_FREE, /* of the North American plan: +1 and 800, 833, 844, 855, 866, 877, 888
			    */
	ADDRESS_ALPHANUMERIC,
	ADDRESS_WHATSAPP,
	ADDRESS_RCS,
	ADDRESS_SERVICE, /* only the messaging service is known, not the sender */
	ADDRESS_OTHER,   /* another channel, or an unknown form */
	ADDRESS_KIND_COUNT,
};

enum address_kind address_kind(struct slice address);

/* Returns the kind of a provider: its sender's, or ADDRESS_SERVICE if it has only a service
 * (MG...). */
enum address_kind address_kind_of_sender(struct slice sender, struct slice service);

/* "long_code", "short_code", "toll_free", "alphanumeric", "whatsapp", "rcs", "messaging_service",
 * "other"; "none" for ADDRESS_NONE. Never absent. */
struct slice address_kind_name(enum address_kind kind);

/* Returns whether messages to a sender of that kind reach Twilio. Alphanumeric senders cannot
 * receive: people cannot answer them, nor opt out by a text
 * (docs/glossary/what-alphanumeric-sender-id).
 */
bool address_can_receive(enum address_kind kind);

/* What people are shown of a sender that cannot receive. */
#define ADDRESS_CANNOT_RECEIVE "cannot be answered, cannot opt out by text"

#define ADDRESS_MAX 64 /* bytes of the longest address that this module writes */

/* Returns the canonical address of a person who has several. Consent and replies are stored with
 * it.
 *
 * - "rcs:" is removed from a telephone number, since Twilio shares opt-outs among RCS, SMS and MMS
 *   (changelog of 16 March 2026).
 * - Mexico: +52 1 and ten digits become +52 and ten digits. The 1 was dialled for mobile phones
 *   until August 2019, and WhatsApp still uses it (Twilio help article 360047436274; IFT numbering
 *   plan).
 * - Argentina: +54 and ten digits become +54 9 and ten digits. The 9 marks mobile phones in calls
 *   from abroad, and messages go to mobile phones (ENACOM numbering plan).
 * - Brazil: +55, an area code and eight digits that begin with 6 to 9 get a 9 before the eight
 *   digits. Mobile numbers got it by 2016 (ANATEL resolution 553), but WhatsApp has many without.
 *
 * The rules apply to bare numbers and after "whatsapp:" and "rcs:". Any other address is returned
 * unchanged. The result is borrowed from address or from made. */
struct slice address_of_person(struct slice address, char made[ADDRESS_MAX]);

/* Returns whether the address is an unmasked telephone number, bare or after "whatsapp:" or
 * "rcs:". */
bool address_is_number(struct slice address);

#define ADDRESS_SPELLINGS_MAX 7

/* The addresses that a text may mean, in the order to look them up. */
struct address_spellings {
	size_t count;
	struct slice items[ADDRESS_SPELLINGS_MAX]; /* borrowed from the text, or in made */
	char made[ADDRESS_SPELLINGS_MAX][ADDRESS_MAX];
	bool is_address; /* the text is an address in some spelling */
	/* The digits of a number without a plus or 00, which may lack its country code; absent for
	 * any other text. In digits_made. */
	struct slice bare_digits;
	char digits_made[ADDRESS_MAX];
	struct slice channel; /* before bare_digits, with its colon; else empty. Borrowed. */
};

/* The error text for a text that is not an address. */
#define ADDRESS_EXPECTED                                                                \
	"a number with its country code (+15560000000), a short code, a sender's name " \
	"or one of these behind a channel (whatsapp:+15560000000)"

#define ADDRESS_COUNTRY_MAX 999 /* the largest country code has three digits */

/* Reads an address as people write and copy it. The first result is always the exact text. The next
 * is the number with a plus, without quotes, separators, 00, tel: or sms: (RFC 3966, RFC 5724). A
 * plus that was decoded to a space counts as missing. If country_code is not 0, a number without a
 * plus is also read as a number of that country, with or without its trunk prefix (ITU-T E.164,
 * national prefixes). Without a country code, a national number with a leading 0 is not an address.
 * *out_spellings points into itself: do not copy it. */
void address_spell(
    struct slice text, int64_t country_code, struct address_spellings *out_spellings);
