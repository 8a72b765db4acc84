/* values: small texts of a configuration or a question: a time, an address to listen on, a network,
 * a header's signature. Writing and re-reading them must not change them. */
#include "dlrd/base/clock.h"
#include "dlrd/base/socket.h"
#include "dlrd/twilio/shared_keys.h"
#include "dlrd/twilio/signature.h"

#include "fuzz.h"

static void
check_time(struct slice text)
{
	int64_t time_us, again_us;
	char written[CLOCK_TEXT_SIZE];
	if (clock_parse(text, &time_us) != RESULT_OK)
		return;
	clock_format(time_us, written);
	CHECK_OK(clock_parse(slice_of(written), &again_us));
	CHECK(again_us <= time_us && time_us - again_us < 1000);
}

static void
check_socket(struct slice text)
{
	struct socket_address address;
	struct socket_peer peer;
	struct failure failure = {""};
	if (socket_address_read(text, &address, &failure) == RESULT_OK)
		CHECK(address.len > 0 && address.len <= sizeof address.address);
	else
		CHECK(failure.text[0] != '\0');
	failure.text[0] = '\0';
	if (socket_peer_read(text, &peer, &failure) == RESULT_OK)
		CHECK(peer.bits <= 128 || peer.bits == SOCKET_PEER_UNIX);
	else
		CHECK(failure.text[0] != '\0');
}

static void
check_signature(struct slice text)
{
	struct signature digest;
	char written[SIGNATURE_TEXT_MAX];
	if (signature_read(text, &digest) != RESULT_OK)
		return;
	signature_write(&digest, written);
	CHECK(slice_equal(slice_of(written), text));
}

/* The header of a request that is signed with a shared key. */
static void
check_claim(struct slice text)
{
	struct slice id = SLICE_NONE;
	if (shared_key_read_claim(text, &id) == SHARED_KEY_CLAIMED)
		CHECK(shared_key_is_id(id) && id.len < text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	check_time(text);
	check_socket(text);
	check_signature(text);
	check_claim(text);
	fuzz_end(&input);
	return 0;
}
