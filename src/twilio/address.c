#include "dlrd/twilio/address.h"

#define E164_MIN 7 /* digits of the shortest numbers there are: +290 and +683 with 4 behind */
#define E164_MAX 15
#define SHORT_CODE_MIN 3
#define SHORT_CODE_MAX 8
#define SENDER_MAX 11 /* characters of an alphanumeric sender (docs/glossary) */
#define SID_LEN 34

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

static const struct slice toll_free[] = {
    SLICE_INIT("+1800"),
    SLICE_INIT("+1833"),
    SLICE_INIT("+1844"),
    SLICE_INIT("+1855"),
    SLICE_INIT("+1866"),
    SLICE_INIT("+1877"),
    SLICE_INIT("+1888"),
};

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

/* How many digits text starts with. */
static size_t
count_digits(struct slice text)
{
	size_t count = 0;
	while (count < text.len && is_digit(text.ptr[count]))
		count++;
	return count;
}

/* How many bytes text ends with X, as Twilio masks the digits of a number. */
static size_t
count_masked(struct slice text)
{
	size_t count = 0;
	while (count < text.len && text.ptr[text.len - 1 - count] == 'X')
		count++;
	return count;
}

/* + and digits; the last ones may be masked, but not the first. */
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

static bool
is_service(struct slice address)
{
	if (address.len != SID_LEN || !slice_starts_with(address, SLICE("MG")))
		return false;
	for (size_t i = 2; i < address.len; i++)
		if (slice_hex_digit(address.ptr[i]) < 0)
			return false;
	return true;
}

/* Letters, digits and a few signs, a letter among them
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
	/* What starts like a number and is none is no sender either. */
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
	if (is_service(address))
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

struct slice
address_of_person(struct slice address)
{
	size_t colon = slice_find(address, ':');
	if (colon == address.len ||
	    kind_of_channel((struct slice){address.ptr, colon}) != ADDRESS_RCS)
		return address;
	struct slice number = slice_from(address, colon + 1);
	return is_number(number, false) ? number : address;
}
