/* address: what kind of sender or recipient an address of Twilio's is.
 *
 * Twilio names both sides of a message by a telephone number in E.164, a short code, an
 * alphanumeric sender, a masked number, or one of these behind a channel's prefix
 * ("whatsapp:+1...", "rcs:..."). Pure; any thread. */
#ifndef DLRD_TWILIO_ADDRESS_H
#define DLRD_TWILIO_ADDRESS_H

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
	ADDRESS_SERVICE, /* no sender is known but the messaging service */
	ADDRESS_OTHER,   /* another channel, or something nobody has seen yet */
	ADDRESS_KIND_COUNT,
};

enum address_kind address_kind(struct slice address);

/* The kind of a provider: its sender's, or ADDRESS_SERVICE where it has only a service (MG...). */
enum address_kind address_kind_of_sender(struct slice sender, struct slice service);

/* "long_code", "short_code", "toll_free", "alphanumeric", "whatsapp", "rcs", "messaging_service",
 * "other"; "none" for ADDRESS_NONE. Never absent. */
struct slice address_kind_name(enum address_kind kind);

#define ADDRESS_MAX 64 /* bytes of the longest address that is put together here */

/* The one address of a person who has several. Consent and replies are kept under it.
 *
 * - "rcs:" is left out in front of a telephone number, since Twilio shares opt-outs among RCS, SMS
 *   and MMS (changelog of 16 March 2026).
 * - Mexico: +52 1 and ten digits are +52 and ten digits. The 1 was dialled to mobile phones until
 *   August 2019, and WhatsApp still has it (Twilio help article 360047436274; IFT numbering plan).
 * - Argentina: +54 and ten digits are +54 9 and ten digits. The 9 is that of mobile phones called
 *   from abroad, and a message goes to a mobile phone (ENACOM numbering plan).
 * - Brazil: +55, an area code and eight digits that begin with 6 to 9 have a 9 in front of those.
 *   Mobile numbers got it until 2016 (ANATEL resolution 553), and WhatsApp keeps many without.
 *
 * The rules hold for bare numbers and behind "whatsapp:" and "rcs:"; any other address is returned
 * as it is. The result is borrowed from address or from made. */
struct slice address_of_person(struct slice address, char made[ADDRESS_MAX]);

/* Whether the address is a telephone number, bare or behind "whatsapp:" or "rcs:", and not masked.
 */
bool address_is_number(struct slice address);

#define ADDRESS_SPELLINGS_MAX 7

/* The addresses that a person may mean by a text, the likeliest first. */
struct address_spellings {
	size_t count;
	struct slice items[ADDRESS_SPELLINGS_MAX]; /* borrowed from the text, or in made */
	char made[ADDRESS_SPELLINGS_MAX][ADDRESS_MAX];
	bool is_address; /* the text is one, however it is written */
	/* The digits of a number that was written without a plus or 00, so that its country code
	 * may be missing; absent for any other text. In digits_made. */
	struct slice bare_digits;
	char digits_made[ADDRESS_MAX];
	struct slice channel; /* in front of such digits, with its colon; else empty. Borrowed. */
};

/* The error text for a text that is not an address. */
#define ADDRESS_EXPECTED                                                                \
	"a number with its country code (+15560000000), a short code, a sender's name " \
	"or one of these behind a channel (whatsapp:+15560000000)"

#define ADDRESS_COUNTRY_MAX 999 /* the largest country code has three digits */

/* Reads an address as people write and copy it. The exact text comes first, whatever it is. Then
 * comes the number without quotes and separators, with the plus that is missing or written as 00,
 * without tel: or sms: (RFC 3966, RFC 5724). A plus that was decoded to a space counts as missing.
 * If country_code is not 0, a number without a plus is also read as one of that country, with or
 * without its trunk prefix (ITU-T E.164, national prefixes). Without a country code, a national
 * number with 0 in front is not an address. *out_spellings points into itself: do not copy it. */
void address_spell(
    struct slice text, int64_t country_code, struct address_spellings *out_spellings);

#endif
