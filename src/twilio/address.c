#include "dlrd/twilio/address.h"

#include "dlrd/twilio/callback.h"

#include <stdio.h>
#include <string.h>

#define E164_MIN 7 /* digits of the shortest numbers: +290 or +683, and 4 more */
#define E164_MAX 15
#define SHORT_CODE_MIN 3
#define SHORT_CODE_MAX 8
#define SENDER_MAX 11 /* characters of an alphanumeric sender (docs/glossary) */

static const struct slice names[ADDRESS_KIND_COUNT] = {
    [ADDRESS_NONE] = SLICE_INIT("none"),
    [ADDRESS_LONG_CODE] = SLICE_INIT("long_code"),
    [ADDRESS_SHORT_CODE] = SLICE_INIT("short_code"),
    [ADDRESS_TOLL_FREE] = SLICE_INIT("toll_free"),
    [ADDRESS_ALPHANUMERIC] = SLICE_INIT("alphanumeric"),
    [ADDRESS_WHATSAPP] = SLICE_INIT("whatsapp"),
    [ADDRESS_RCS] = SLICE_INIT("rcs"),
    [ADDRESS_SERVICE] = SLICE_INIT("messaging_service"),
    [ADDRESS_OTHER] = SLICE_INIT("other"),
};

static const struct {
	struct slice prefix;
	enum address_kind kind;
} channels[] = {
    {SLICE_INIT("whatsapp"), ADDRESS_WHATSAPP},
    {SLICE_INIT("rcs"), ADDRESS_RCS},
};

static const struct slice toll_free[] = {SLICE_INIT("+1800"), SLICE_INIT("+1833"),
    SLICE_INIT("+1844"), SLICE_INIT("+1855"), SLICE_INIT("+1866"), SLICE_INIT("+1877"),
    SLICE_INIT("+1888")};

#define NORTH_AMERICAN_LEN 12 /* +1 and ten digits */

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
is_letter(char byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* Returns the number of digits at the start of text. */
static size_t
count_digits(struct slice text)
{
	size_t count = 0;
	while (count < text.len && is_digit(text.ptr[count]))
		count++;
	return count;
}

/* Returns the number of X at the end of text. Twilio masks the digits of a number as X. */
static size_t
count_masked(struct slice text)
{
	size_t count = 0;
	while (count < text.len && text.ptr[text.len - 1 - count] == 'X')
		count++;
	return count;
}

/* A plus and digits. The last digits may be masked, the first one may not. */
static bool
is_number(struct slice address, bool may_be_masked)
{
	if (!slice_starts_with(address, SLICE("+")))
		return false;
	struct slice digits = slice_from(address, 1);
	size_t count = count_digits(digits), masked = may_be_masked ? count_masked(digits) : 0;
	return count > 0 && count + masked == digits.len && digits.len >= E164_MIN &&
	       digits.len <= E164_MAX;
}

static bool
is_toll_free(struct slice number)
{
	for (size_t i = 0; i < sizeof toll_free / sizeof toll_free[0]; i++)
		if (number.len == NORTH_AMERICAN_LEN && slice_starts_with(number, toll_free[i]))
			return true;
	return false;
}

/* Letters, digits and a few signs, with at least one letter
 * (help article "Alphanumeric Sender ID for Twilio Programmable SMS"). */
static bool
is_alphanumeric(struct slice address)
{
	size_t letters = 0;
	for (size_t i = 0; i < address.len; i++) {
		char byte = address.ptr[i];
		if (is_letter(byte))
			letters++;
		else if (!is_digit(byte) && slice_find(SLICE(" &+-_"), byte) == 5)
			return false;
	}
	/* An invalid number is not a sender either. */
	return letters > 0 && address.len <= SENDER_MAX && address.ptr[0] != '+';
}

static enum address_kind
kind_of_channel(struct slice channel)
{
	for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
		if (slice_equal_nocase(channel, channels[i].prefix))
			return channels[i].kind;
	return ADDRESS_OTHER;
}

enum address_kind
address_kind(struct slice address)
{
	size_t colon = slice_find(address, ':');
	if (address.len == 0)
		return ADDRESS_NONE;
	if (colon < address.len)
		return kind_of_channel((struct slice){address.ptr, colon});
	if (is_number(address, true))
		return is_toll_free(address) ? ADDRESS_TOLL_FREE : ADDRESS_LONG_CODE;
	if (count_digits(address) == address.len)
		return address.len >= SHORT_CODE_MIN && address.len <= SHORT_CODE_MAX
			   ? ADDRESS_SHORT_CODE
			   : ADDRESS_OTHER;
	if (callback_is_sid(address) && slice_starts_with(address, SLICE("MG")))
		return ADDRESS_SERVICE;
	return is_alphanumeric(address) ? ADDRESS_ALPHANUMERIC : ADDRESS_OTHER;
}

enum address_kind
address_kind_of_sender(struct slice sender, struct slice service)
{
	enum address_kind kind = address_kind(sender);
	return kind == ADDRESS_NONE && service.len > 0 ? ADDRESS_SERVICE : kind;
}

struct slice
address_kind_name(enum address_kind kind)
{
	return names[kind];
}

bool
address_can_receive(enum address_kind kind)
{
	return kind != ADDRESS_ALPHANUMERIC;
}

/* Reads the channel in front of an address, with its colon; empty for a bare address. Returns false
 * for a channel whose addresses are not telephone numbers. */
static bool
take_channel(struct slice address, struct slice *out_channel)
{
	size_t colon = slice_find(address, ':');
	struct slice name = {address.ptr, colon};
	if (colon < address.len && kind_of_channel(name) == ADDRESS_OTHER)
		return false;
	*out_channel = colon == address.len ? SLICE("") : (struct slice){address.ptr, colon + 1};
	return true;
}

bool
address_is_number(struct slice address)
{
	struct slice channel;
	return take_channel(address, &channel) &&
	       is_number(slice_from(address, channel.len), false);
}

/* Numbers that have a second form: the first `kept` digits, then `insert` in place of the `skipped`
 * digits, then the rest. */
static const struct {
	struct slice start; /* the first digits */
	size_t digits;      /* number of digits */
	size_t kept, skipped;
	struct slice insert;
	size_t at;           /* index of a digit ... */
	struct slice one_of; /* ... that must be one of these */
} forms[] = {
    {SLICE_INIT("521"), 13, 2, 1, SLICE_INIT(""), 3, SLICE_INIT("123456789")},
    {SLICE_INIT("54"), 12, 2, 0, SLICE_INIT("9"), 2, SLICE_INIT("12345678")},
    {SLICE_INIT("55"), 12, 4, 0, SLICE_INIT("9"), 4, SLICE_INIT("6789")},
};

static size_t
copy_to(char *made, size_t len, struct slice text)
{
	if (text.len > 0)
		memcpy(made + len, text.ptr, text.len);
	return len + text.len;
}

struct slice
address_of_person(struct slice address, char made[ADDRESS_MAX])
{
	struct slice channel;
	if (!take_channel(address, &channel) || !is_number(slice_from(address, channel.len), false))
		return address;

	struct slice digits = slice_from(address, channel.len + 1), unchanged = address;
	if (channel.len > 0 &&
	    kind_of_channel((struct slice){channel.ptr, channel.len - 1}) == ADDRESS_RCS) {
		unchanged = slice_from(address, channel.len);
		channel = SLICE("");
	}
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		size_t kept = forms[i].kept;
		if (digits.len != forms[i].digits || !slice_starts_with(digits, forms[i].start) ||
		    slice_find(forms[i].one_of, digits.ptr[forms[i].at]) == forms[i].one_of.len)
			continue;

		size_t len = copy_to(made, 0, channel);
		len = copy_to(made, len, SLICE("+"));
		len = copy_to(made, len, (struct slice){digits.ptr, kept});
		len = copy_to(made, len, forms[i].insert);
		len = copy_to(made, len, slice_from(digits, kept + forms[i].skipped));
		return (struct slice){made, len};
	}
	return unchanged;
}

/* --- addresses as people write them --- */

/* Separators between digits, and invisible characters that are copied with a number. */
static const struct slice decoration[] = {
    SLICE_INIT("(0)"), /* the trunk prefix, not dialled from abroad */
    SLICE_INIT(" "), SLICE_INIT("\t"), SLICE_INIT("-"), SLICE_INIT("."), SLICE_INIT("/"),
    SLICE_INIT("("), SLICE_INIT(")"),
    /* spaces, hyphens and a dash, marks of direction */
    SLICE_INIT("\u00a0"), SLICE_INIT("\u2009"), SLICE_INIT("\u202f"), SLICE_INIT("\u2010"),
    SLICE_INIT("\u2011"), SLICE_INIT("\u2013"), SLICE_INIT("\u200e"), SLICE_INIT("\u202a"),
    SLICE_INIT("\u202c"), SLICE_INIT("\u2066"), SLICE_INIT("\u2069")};

static bool
is_quote(char byte)
{
	return byte == '"' || byte == '\'';
}

/* Removes the quotes of CSV or JSON, the apostrophe of a spreadsheet, and white space. */
static struct slice
unquoted(struct slice text)
{
	text = slice_trim(text);
	while (text.len > 0 && is_quote(text.ptr[0]))
		text = slice_from(text, 1);
	while (text.len > 0 && is_quote(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

static size_t
decoration_len(struct slice text)
{
	for (size_t i = 0; i < sizeof decoration / sizeof decoration[0]; i++)
		if (slice_starts_with(text, decoration[i]))
			return decoration[i].len;
	return 0;
}

/* Copies text without its decoration; absent if it does not fit. */
static struct slice
undecorated(struct slice text, char out[ADDRESS_MAX])
{
	size_t len = 0;
	while (text.len > 0) {
		size_t skip = decoration_len(text);
		if (skip == 0 && len == ADDRESS_MAX)
			return SLICE_NONE;
		if (skip == 0)
			out[len++] = text.ptr[0];
		text = slice_from(text, skip == 0 ? 1 : skip);
	}
	return (struct slice){out, len};
}

/* Removes a scheme (tel:, sms: or smsto:) and the parameters of the URI. Returns false if there is
 * no scheme. */
static bool
take_scheme(struct slice *text)
{
	static const struct slice schemes[] = {
	    SLICE_INIT("tel"), SLICE_INIT("sms"), SLICE_INIT("smsto")};
	size_t colon = slice_find(*text, ':');
	for (size_t i = 0; colon < text->len && i < sizeof schemes / sizeof schemes[0]; i++)
		if (slice_equal_nocase((struct slice){text->ptr, colon}, schemes[i])) {
			*text = slice_from(*text, colon + 1);
			text->len = slice_find(*text, ';');
			text->len = slice_find(*text, '?');
			return true;
		}
	return false;
}

/* The digits of an E.164 number that is written with +, with 00 or without either. Absent if it is
 * not a valid number. No country code begins with 0. */
static struct slice
digits_of(struct slice plain)
{
	if (slice_starts_with(plain, SLICE("+")))
		plain = slice_from(plain, 1);
	else if (slice_starts_with(plain, SLICE("00")))
		plain = slice_from(plain, 2);
	bool fits = plain.len >= E164_MIN && plain.len <= E164_MAX && plain.ptr[0] != '0';
	return fits && count_digits(plain) == plain.len ? plain : SLICE_NONE;
}

static void
add_spelling(struct address_spellings *spellings, struct slice address)
{
	if (address_is_number(address) && address_kind(address) == ADDRESS_RCS)
		address = slice_from(address, sizeof "rcs:" - 1);
	for (size_t i = 0; i < spellings->count; i++)
		if (slice_equal(spellings->items[i], address))
			return;
	spellings->items[spellings->count++] = address;
}

/* Adds the address of channel (with its colon, or empty), a plus and digits. */
static void
add_number(struct address_spellings *spellings, struct slice channel, struct slice digits)
{
	char *made = spellings->made[spellings->count];
	size_t len = channel.len;
	if (len + 1 + digits.len > ADDRESS_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		made[i] = channel.ptr[i] >= 'A' && channel.ptr[i] <= 'Z'
			      ? (char)(channel.ptr[i] - 'A' + 'a')
			      : channel.ptr[i];
	made[len++] = '+';
	memcpy(made + len, digits.ptr, digits.len);
	add_spelling(spellings, (struct slice){made, len + digits.len});
}

/* Adds a short code that was written with separators. */
static void
add_short_code(struct address_spellings *spellings, struct slice plain)
{
	char *made = spellings->made[spellings->count];
	memcpy(made, plain.ptr, plain.len);
	add_spelling(spellings, (struct slice){made, plain.len});
}

/* A channel's name, a colon, and at least one more character. */
static bool
is_of_channel(struct slice address)
{
	size_t colon = slice_find(address, ':');
	for (size_t i = 0; i < colon; i++)
		if (!is_letter(address.ptr[i]))
			return false;
	return colon > 0 && colon + 1 < address.len;
}

/* The SID of a service is not a person's address, and no country code begins with 0. */
static bool
is_well_formed(struct slice address)
{
	enum address_kind kind = address_kind(address);
	if (slice_find(address, ':') < address.len)
		return is_of_channel(address);
	return !slice_starts_with(address, SLICE("+0")) && kind != ADDRESS_NONE &&
	       kind != ADDRESS_OTHER && kind != ADDRESS_SERVICE;
}

/* Trunk prefixes: dialled before a national number, but not from abroad. All other countries with a
 * trunk prefix use 0 (ITU-T E.164, list of dialling procedures). */
static const struct {
	int64_t country_code;
	struct slice prefix;
} trunk_prefixes[] = {
    {1, SLICE_INIT("1")}, {7, SLICE_INIT("8")}, {36, SLICE_INIT("06")}, {370, SLICE_INIT("8")}};

static struct slice
trunk_prefix(int64_t country_code)
{
	for (size_t i = 0; i < sizeof trunk_prefixes / sizeof trunk_prefixes[0]; i++)
		if (trunk_prefixes[i].country_code == country_code)
			return trunk_prefixes[i].prefix;
	return SLICE("0");
}

/* Adds country_code and digits as a number. */
static void
add_national(struct address_spellings *spellings, struct slice channel, int64_t country_code,
    struct slice digits)
{
	char whole[E164_MAX + 4];
	int len =
	    snprintf(whole, sizeof whole, "%lld%.*s", (long long)country_code, SLICE_ARG(digits));
	if (len >= E164_MIN && len <= E164_MAX)
		add_number(spellings, channel, (struct slice){whole, (size_t)len});
}

/* In some countries a leading 0 is part of the number, so both readings are added. */
static void
add_in_country(struct address_spellings *spellings, struct slice channel, int64_t country_code)
{
	struct slice digits = spellings->bare_digits, trunk = trunk_prefix(country_code);
	if (slice_starts_with(digits, trunk))
		add_national(spellings, channel, country_code, slice_from(digits, trunk.len));
	add_national(spellings, channel, country_code, digits);
}

/* Stores the digits of a number that may lack its country code. */
static void
set_bare_digits(struct address_spellings *spellings, struct slice channel, struct slice plain)
{
	bool is_bare = plain.len >= E164_MIN && plain.len <= E164_MAX &&
		       count_digits(plain) == plain.len && !slice_starts_with(plain, SLICE("00"));
	if (!is_bare)
		return;
	memcpy(spellings->digits_made, plain.ptr, plain.len);
	spellings->bare_digits = (struct slice){spellings->digits_made, plain.len};
	spellings->channel = channel;
}

/* Adds the possible readings of plain as a number. Returns whether plain is a number. */
static bool
add_numbers(struct address_spellings *spellings, struct slice channel, int64_t country_code,
    struct slice plain)
{
	char code[8];
	struct slice digits = digits_of(plain), bare = spellings->bare_digits;
	size_t count = spellings->count;
	snprintf(code, sizeof code, "%lld", (long long)country_code);
	bool in_country = bare.ptr != NULL && country_code > 0;
	bool begins_with_code = slice_starts_with(bare, slice_of(code));

	if (in_country && begins_with_code)
		add_in_country(spellings, channel, country_code);
	if (digits.ptr != NULL)
		add_number(spellings, channel, digits);
	if (in_country && !begins_with_code)
		add_in_country(spellings, channel, country_code);
	return spellings->count > count || digits.ptr != NULL;
}

void
address_spell(struct slice text, int64_t country_code, struct address_spellings *out_spellings)
{
	char buffer[ADDRESS_MAX];
	struct slice rest = unquoted(text), channel = SLICE("");
	bool has_scheme = take_scheme(&rest);

	out_spellings->count = 0;
	out_spellings->bare_digits = SLICE_NONE;
	out_spellings->channel = SLICE("");

	add_spelling(out_spellings, text);
	out_spellings->is_address = !has_scheme && is_well_formed(rest);
	if (out_spellings->is_address)
		add_spelling(out_spellings, rest);

	if (!has_scheme && is_of_channel(rest)) {
		channel = (struct slice){rest.ptr, slice_find(rest, ':') + 1};
		rest = slice_from(rest, channel.len);
	}

	struct slice plain = undecorated(rest, buffer);
	bool is_short = channel.len == 0 && address_kind(plain) == ADDRESS_SHORT_CODE;
	if (is_short)
		add_short_code(out_spellings, plain);
	set_bare_digits(out_spellings, channel, plain);
	out_spellings->is_address |=
	    add_numbers(out_spellings, channel, country_code, plain) || is_short;
}
