/* url: public URLs, Host headers and callback URLs. Lines: a URL; a host; a text to escape. */
#include "dlrd/twilio/callback_url.h"
#include "dlrd/twilio/connection_overrides.h"
#include "dlrd/twilio/form.h"

#include "fuzz.h"

static void
check_split(struct slice url)
{
	struct slice base, target;
	struct url_parts parts;
	if (url_split(url, &base, &target) != RESULT_OK)
		return;
	CHECK(base.ptr == url.ptr && base.len + target.len <= url.len);
	CHECK(target.len == 0 || target.ptr == url.ptr + base.len);
	struct slice path = url_path(target), query = url_query(target);
	CHECK(path.len + query.len + (query.ptr != NULL ? 1 : 0) == target.len);
	if (url_read_parts(base, &parts) == RESULT_OK)
		CHECK(parts.host.len > 0 && parts.host.len + parts.port.len < base.len);
}

static void
check_base(struct slice url)
{
	struct url_base base = {{NULL}};
	struct url_parts parts;
	struct failure failure = {""};
	if (url_base_init(&base, url, &failure) != RESULT_OK) {
		CHECK(failure.text[0] != '\0' && base.spelling[0] == NULL);
		return;
	}
	for (size_t i = 0; i < URL_SPELLINGS; i++)
		if (base.spelling[i] != NULL) {
			CHECK_OK(url_read_parts(slice_of(base.spelling[i]), &parts));
			CHECK(parts.host.len > 0);
		}
	url_base_done(&base);
}

/* What a Host header says becomes the authority of a URL, and nothing else of it. */
static void
check_host(struct slice host)
{
	struct url_base base = {{NULL}};
	struct url_parts parts;
	if (!url_is_authority(host))
		return;
	CHECK_OK(url_read_authority(host, &parts));
	if (url_base_derive(&base, SLICE("https"), host) != RESULT_OK)
		return;
	CHECK_OK(url_read_parts(slice_of(base.spelling[0]), &parts));
	CHECK(parts.path.len == 0 && slice_find(parts.host, '@') == parts.host.len);
	url_base_done(&base);
}

static void
check_findings(const struct url_findings *findings)
{
	CHECK(findings->count <= URL_FINDINGS_MAX);
	for (size_t i = 0; i < findings->count; i++) {
		CHECK(strlen(findings->items[i].text) < sizeof findings->items[i].text);
		CHECK(url_finding_name(findings->items[i].kind) != NULL);
	}
}

static void
check_callback_url(struct slice text)
{
	static struct url_findings findings;
	struct connection_overrides overrides;
	struct callback_url url;
	struct buffer words = BUFFER_EMPTY;
	findings.count = 0;
	if (callback_url_read(text, &url) != RESULT_OK)
		return;
	CHECK(url.authority.len > 0);
	callback_url_lint(&url, &findings);
	connection_overrides_read(url.fragment, &overrides, &findings);
	connection_overrides_judge(&overrides, 5000, &findings);
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++) {
		buffer_clear(&words);
		connection_overrides_explain(&overrides, (enum override_key)key, &words);
		CHECK(!words.failed);
	}
	buffer_done(&words);
	check_findings(&findings);
}

static void
check_escape(struct slice text)
{
	struct buffer escaped = BUFFER_EMPTY;
	callback_url_escape(text, &escaped);
	struct slice shown = buffer_slice(&escaped);
	for (size_t i = 0; i < shown.len; i++)
		CHECK(shown.ptr[i] == '%' || callback_url_is_plain(shown.ptr[i]));
	char *plain = malloc(shown.len + 1);
	CHECK(plain != NULL && slice_equal(form_unescape(shown, plain), text));
	free(plain);
	buffer_done(&escaped);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice url = fuzz_line(&input);
	check_split(url);
	check_base(url);
	check_callback_url(url);
	check_host(fuzz_line(&input));
	check_escape(fuzz_rest(&input));
	fuzz_end(&input);
	return 0;
}
