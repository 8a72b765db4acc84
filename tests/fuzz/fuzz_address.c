/* address: a sender, a person's address, or a number as people write it. Lines: the configured
 * country code; the text. */
#include "dlrd/twilio/address.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	char made[ADDRESS_MAX], again[ADDRESS_MAX];
	struct slice country = fuzz_line(&input), text = fuzz_rest(&input);
	struct slice person = address_of_person(text, made);
	int64_t code = 0;
	if (slice_to_int(country, &code) != RESULT_OK || code > ADDRESS_COUNTRY_MAX)
		code = 0;
	struct address_spellings spellings;
	CHECK(address_kind_name(address_kind(text)).len > 0);
	CHECK((address_kind(text) == ADDRESS_NONE) == (text.len == 0));
	CHECK(person.len <= text.len + 1 && slice_equal(address_of_person(person, again), person));
	address_spell(text, code, &spellings);
	CHECK(spellings.count <= ADDRESS_SPELLINGS_MAX);
	for (size_t i = 0; i < spellings.count; i++) {
		struct slice item = spellings.items[i];
		CHECK(item.len <= text.len || item.len <= ADDRESS_MAX);
		CHECK(i == 0 || item.len > 0);
		for (size_t other = 0; other < i; other++)
			CHECK(!slice_equal(item, spellings.items[other]));
	}
	CHECK(spellings.count == 0 ||
	      slice_equal(address_of_person(spellings.items[0], again), person));
	fuzz_end(&input);
	return 0;
}
