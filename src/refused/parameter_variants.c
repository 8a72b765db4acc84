#include "parameter_variants.h"

/* A larger form is not rewritten: Twilio's have one or two kilobytes. */
#define BODY_MAX (32 * 1024)
#define FIELDS_MAX 1024

/* Changes that filters make, undone: escapes that replace others. */
static const struct {
	struct slice what, with;
} replacements[] = {
    {SLICE_INIT("+"), SLICE_INIT("%2B")},
    {SLICE_INIT("%25"), SLICE_INIT("%")},
    {SLICE_INIT("%0D%0A"), SLICE_INIT("%0A")},
    {SLICE_INIT("%0A"), SLICE_INIT("%0D%0A")},
};

#define REPLACEMENT_COUNT (sizeof replacements / sizeof replacements[0])

/* Numbers of the rules. */
enum {
	RULE_AS_RECEIVED = PARAMETER_VARIANTS_AS_RECEIVED,
	RULE_NONE,
	RULE_REPLACE, /* each of replacements */
	RULE_WITHOUT_LINE_END = RULE_REPLACE + REPLACEMENT_COUNT,
	RULE_COUNT,
};

static void
replace(struct buffer *out, struct slice text, struct slice what, struct slice with)
{
	while (text.len > 0) {
		bool found = text.len >= what.len &&
			     slice_equal_nocase((struct slice){text.ptr, what.len}, what);
		buffer_append(out, found ? with : (struct slice){text.ptr, 1});
		text = slice_from(text, found ? what.len : 1);
	}
}

static struct slice
without_line_end(struct slice body)
{
	while (body.len > 0 && (body.ptr[body.len - 1] == '\r' || body.ptr[body.len - 1] == '\n'))
		body.len--;
	return body;
}

/* Writes the body as it may have been. */
static void
rewrite(struct buffer *out, struct slice body, unsigned rule)
{
	if (rule == RULE_WITHOUT_LINE_END)
		buffer_append(out, without_line_end(body));
	else
		replace(out, body, replacements[rule - RULE_REPLACE].what,
		    replacements[rule - RULE_REPLACE].with);
}

static bool
write_rewritten(struct buffer *out, const struct reading *reading, unsigned rule)
{
	struct buffer body = BUFFER_EMPTY;
	struct form form = FORM_EMPTY;

	rewrite(&body, reading->incoming->body, rule);
	bool writes = !body.failed &&
		      form_decode(&form, buffer_slice(&body), FIELDS_MAX) == RESULT_OK &&
		      signature_append_parameters(out, &form) == RESULT_OK;
	form_done(&form);
	buffer_done(&body);
	return writes;
}

enum variant_body
parameter_variants_body(unsigned rule)
{
	if (rule == RULE_AS_RECEIVED)
		return VARIANT_BODY_AS_RECEIVED;
	return rule == RULE_NONE ? VARIANT_BODY_ALONE : VARIANT_BODY_CHANGED;
}

bool
parameter_variants_write(struct buffer *out, const struct reading *reading, unsigned rule)
{
	if (rule == RULE_NONE)
		return true;
	if (rule >= RULE_REPLACE)
		return !incoming_is_get(reading->incoming) && reading->incoming->body.len > 0 &&
		       reading->incoming->body.len <= BODY_MAX && rule < RULE_COUNT &&
		       write_rewritten(out, reading, rule);
	return incoming_is_get(reading->incoming) || reading->form == NULL ||
	       signature_append_parameters(out, reading->form) == RESULT_OK;
}

enum result
parameter_variants_add(struct variants *variants, const struct reading *reading)
{
	struct buffer out = BUFFER_EMPTY;
	enum result result = RESULT_OK;

	if (!parameter_variants_write(&out, reading, RULE_AS_RECEIVED))
		result = RESULT_NO_MEMORY;
	else
		variants_add(variants, VARIANT_PARAMETERS, buffer_slice(&out), VARIANT_AS_RECEIVED,
		    parameter_variants_body(RULE_AS_RECEIVED), RULE_AS_RECEIVED);
	if (result == RESULT_OK && variants->lists[VARIANT_PARAMETERS].count == 0)
		result = RESULT_LIMIT;
	if (result == RESULT_OK && !incoming_is_get(reading->incoming) && reading->form != NULL)
		variants_add(variants, VARIANT_PARAMETERS, SLICE(""), VARIANT_DEVIATION,
		    parameter_variants_body(RULE_NONE), RULE_NONE);
	/* A body that is not a form by its Content-Type may be one whose type was lost. */
	for (unsigned rule = RULE_REPLACE; result == RESULT_OK && rule < RULE_COUNT; rule++) {
		buffer_clear(&out);
		if (parameter_variants_write(&out, reading, rule))
			variants_add(variants, VARIANT_PARAMETERS, buffer_slice(&out),
			    VARIANT_DEVIATION, parameter_variants_body(rule), rule);
	}
	buffer_done(&out);
	return result;
}
