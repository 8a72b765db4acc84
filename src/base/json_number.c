#include "json_number.h"

/* Doubles reach from about 1e-308 to 1.8e308. Numbers from 1e-307 to 1e308 stay within that range
 * when they are rounded to the number of digits that json_write writes. */
#define MAGNITUDE_MAX 309
#define MAGNITUDE_MIN (-306)

#define INT64_DIGITS 19     /* digits of the largest one */
#define EXPONENT_MAX 999999 /* larger ones are beyond a double for any digits */

/* A number in JSON's spelling: 0.digits * 10^magnitude, without zeros at either end of the digits.
 */
struct number {
	bool negative, plain; /* it has neither a point nor an exponent */
	struct slice digits;  /* may include the point */
	int64_t magnitude;
};

static struct slice
take_digits(struct slice *rest)
{
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
		len++;
	struct slice digits = {rest->ptr, len};
	*rest = slice_from(*rest, len);
	return digits;
}

/* Takes an exponent, if there is one. Returns false if it begins as an exponent but is not valid.
 */
static bool
take_exponent(struct slice *rest, int64_t *out_exponent)
{
	*out_exponent = 0;
	if (rest->len == 0 || (rest->ptr[0] != 'e' && rest->ptr[0] != 'E'))
		return true;
	*rest = slice_from(*rest, 1);
	bool negative = slice_starts_with(*rest, SLICE("-"));
	if (negative || slice_starts_with(*rest, SLICE("+")))
		*rest = slice_from(*rest, 1);

	struct slice digits = take_digits(rest);
	for (size_t i = 0; i < digits.len && *out_exponent <= EXPONENT_MAX; i++)
		*out_exponent = *out_exponent * 10 + (digits.ptr[i] - '0');
	if (negative)
		*out_exponent = -*out_exponent;
	return digits.len > 0;
}

/* Removes the zeros at both ends and adjusts the magnitude. */
static void
strip_zeros(struct number *number)
{
	struct slice *digits = &number->digits;
	while (digits->len > 0 && (digits->ptr[0] == '0' || digits->ptr[0] == '.')) {
		number->magnitude -= digits->ptr[0] == '0';
		*digits = slice_from(*digits, 1);
	}
	/* A leading point: the zeros after it were removed and counted, as those before it. */
	while (digits->len > 0 &&
	       (digits->ptr[digits->len - 1] == '0' || digits->ptr[digits->len - 1] == '.'))
		digits->len--;
}

/* Returns false if text is not a number in JSON's spelling. */
static bool
read_number(struct slice text, struct number *out_number)
{
	struct number number = {.negative = slice_starts_with(text, SLICE("-"))};
	struct slice rest = slice_from(text, number.negative ? 1 : 0), start = rest;
	struct slice whole = take_digits(&rest), fraction = {NULL, 0};
	int64_t exponent;
	if (whole.len == 0 || (whole.len > 1 && whole.ptr[0] == '0'))
		return false;
	if (slice_starts_with(rest, SLICE("."))) {
		rest = slice_from(rest, 1);
		fraction = take_digits(&rest);
		if (fraction.len == 0)
			return false;
	}
	number.digits = (struct slice){start.ptr, start.len - rest.len};
	number.plain = rest.len == 0 && fraction.len == 0;
	if (!take_exponent(&rest, &exponent) || rest.len > 0)
		return false;

	number.magnitude = (int64_t)whole.len + exponent;
	strip_zeros(&number);
	*out_number = number;
	return true;
}

/* Converts to an integer of 64 bits. Returns false if the number is not exactly one. */
static bool
number_to_int(const struct number *number, int64_t *out_value)
{
	uint64_t value = 0, limit = (uint64_t)INT64_MAX + number->negative;
	int64_t left = number->magnitude; /* digits before the point */
	if (number->digits.len == 0) {    /* zero */
		*out_value = 0;
		return true;
	}
	if (left > INT64_DIGITS)
		return false;
	for (size_t i = 0; i < number->digits.len; i++) {
		if (number->digits.ptr[i] == '.')
			continue;
		unsigned digit = (unsigned)(number->digits.ptr[i] - '0');
		if (left-- <= 0 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	for (; left > 0 && value > 0; left--) {
		if (value > limit / 10)
			return false;
		value *= 10;
	}
	*out_value = number->negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

enum json_number
json_number_read(struct slice text, int64_t *out_value)
{
	struct number number;
	if (!read_number(text, &number))
		return JSON_NUMBER_NONE;
	if (number_to_int(&number, out_value))
		return JSON_NUMBER_INTEGER;
	bool is_held =
	    number.magnitude >= MAGNITUDE_MIN &&
	    (number.magnitude < MAGNITUDE_MAX ||
		(number.magnitude == MAGNITUDE_MAX && slice_equal(number.digits, SLICE("1"))));
	return is_held && !number.plain ? JSON_NUMBER_REAL : JSON_NUMBER_BEYOND;
}
