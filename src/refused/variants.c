#include "variants.h"

#include <string.h>

static bool
is_known(const struct variants *variants, const struct variant_list *list, struct slice text)
{
	for (size_t i = 0; i < list->count; i++)
		if (!list->items[i].has_parameters &&
		    slice_equal(variant_text(variants, &list->items[i]), text))
			return true;
	return false;
}

static bool
has_room(const struct variants *variants, const struct variant_list *list, size_t len)
{
	size_t most = list->count == 0 ? VARIANTS_FIRST_MAX : VARIANTS_TEXT_MAX;
	size_t first = 0; /* bytes of the first candidates, which do not count */

	for (int part = 0; part < VARIANT_PARTS; part++)
		if (variants->lists[part].count > 0)
			first += variants->lists[part].items[0].len;
	size_t others = variants->text.len > first ? variants->text.len - first : 0;
	return list->count < VARIANTS_MAX && len <= most &&
	       (list->count == 0 || others + len <= VARIANTS_TEXT_MAX);
}

static struct variant *
add(struct variants *variants, enum variant_part part, size_t extra, struct slice text,
    enum variant_weight weight)
{
	struct variant_list *list = &variants->lists[part];

	if (!has_room(variants, list, text.len + extra)) {
		variants->cut = true;
		return NULL;
	}
	size_t start = variants->text.len;
	buffer_append(&variants->text, text);
	if (variants->text.failed)
		return NULL;
	struct variant *added = &list->items[list->count++];
	*added = (struct variant){.start = start, .len = text.len, .weight = weight};
	return added;
}

void
variants_add(struct variants *variants, enum variant_part part, struct slice text,
    enum variant_weight weight, enum variant_body body, unsigned rule)
{
	if (is_known(variants, &variants->lists[part], text))
		return;
	struct variant *added = add(variants, part, 0, text, weight);
	if (added == NULL)
		return;
	added->body = body;
	added->rule = rule;
}

void
variants_add_split_query(struct variants *variants, struct slice query, struct slice parameters,
    enum variant_weight weight, unsigned rule)
{
	struct variant *added = add(variants, VARIANT_QUERY, parameters.len, query, weight);

	if (added == NULL)
		return;
	added->body = VARIANT_BODY_IN_QUERY;
	added->rule = rule;
	added->has_parameters = true;
	added->parameters_start = variants->text.len;
	added->parameters_len = parameters.len;
	buffer_append(&variants->text, parameters);
}

void
variants_sort(struct variants *variants)
{
	struct variant sorted[VARIANTS_MAX];

	for (int part = 0; part < VARIANT_PARTS; part++) {
		struct variant_list *list = &variants->lists[part];
		size_t count = 0;
		for (unsigned weight = 0; weight < VARIANT_WEIGHTS; weight++) {
			list->first[weight] = count;
			for (size_t i = 0; i < list->count; i++)
				if (list->items[i].weight == weight)
					sorted[count++] = list->items[i];
		}
		list->first[VARIANT_WEIGHTS] = count;
		memcpy(list->items, sorted, count * sizeof *sorted);
	}
}

struct slice
variant_text(const struct variants *variants, const struct variant *variant)
{
	if (variant->len == 0)
		return SLICE("");
	return (struct slice){variants->text.ptr + variant->start, variant->len};
}

struct slice
variant_parameters(const struct variants *variants, const struct variant *variant)
{
	if (variant->parameters_len == 0)
		return SLICE("");
	return (struct slice){
	    variants->text.ptr + variant->parameters_start, variant->parameters_len};
}

void
variants_done(struct variants *variants)
{
	buffer_done(&variants->text);
}
