/* json: a JSON text of any bytes. Writing and re-reading it must not change it. */
#include "fuzz.h"

#include <jansson.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct json_t *value = NULL;
	if (json_parse(text, &value) == RESULT_OK) {
		void *cursor = NULL;
		const char *key;
		struct json_t *member;
		while (json_next(value, &cursor, &key, &member))
			CHECK(json_get(value, key) == member);
		for (size_t i = 0; i < json_array_size(value); i++)
			CHECK(json_array_get(value, i) != NULL);
		CHECK(json_array_get(value, json_array_size(value)) == NULL);
		fuzz_check_json(text, json_kind(value));
	} else
		CHECK(value == NULL);
	json_free(value);
	fuzz_end(&input);
	return 0;
}
