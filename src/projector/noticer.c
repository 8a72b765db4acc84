#include "dlrd/projector/noticer.h"

#include "dlrd/base/log.h"
#include "dlrd/twilio/url.h"

/* Bytes of a URL that a text quotes; the alert itself has the whole URL. */
#define QUOTED_MAX 200

void
noticer_init(struct noticer *noticer, const struct routes *routes)
{
	*noticer = (struct noticer){.routes = routes};
}

static bool
is_voice(const struct callback *callback)
{
	return callback->kind == CALLBACK_UNRECOGNISED && callback->call.len > 0;
}

bool
noticer_wants(const struct callback *callback)
{
	bool at_fallback = callback->failed_url.len > 0 || callback->failed_code > 0;
	return is_voice(callback) || (callback->kind == CALLBACK_INBOUND && at_fallback);
}

/* Appends the URL without user information and query, which may have a password or a person's
 * number. Any text may be in the parameter. */
static void
append_url(struct buffer *out, struct slice url)
{
	struct slice base, target;
	struct url_parts parts;
	struct buffer plain = BUFFER_EMPTY;
	if (url_split(url, &base, &target) != RESULT_OK ||
	    url_read_parts(base, &parts) != RESULT_OK) {
		buffer_append(out, SLICE("another URL"));
		return;
	}

	url_append_origin(&parts, &plain);
	buffer_append(&plain, url_path(target));
	struct slice quoted = buffer_slice(&plain);
	buffer_append_visible(out, slice_cut(quoted, QUOTED_MAX));
	buffer_append(out, quoted.len > QUOTED_MAX ? SLICE("...") : SLICE(""));
	out->failed = out->failed || plain.failed;
	buffer_done(&plain);
}

static void
append_advice(struct buffer *out, const struct callback *callback, bool is_ours)
{
	buffer_append(out, SLICE(" failed"));
	if (callback->failed_code > 0)
		buffer_appendf(out, " with error %lld", (long long)callback->failed_code);
	buffer_append(out, is_ours ? SLICE(": see why dlrd did not answer (`dlrd alerts`, log, "
					   "proxy); the fallback works")
				   : SLICE(": see why that server did not answer, or correct the "
					   "URL in Twilio; the fallback works"));
}

static void
write_voice(struct buffer *out, struct slice path)
{
	buffer_append(out, SLICE("a voice callback arrived on "));
	buffer_append_visible(out, path);
	buffer_append(out, SLICE(": in Twilio, the voice StatusCallback or voice URL of the number "
				 "or TwiML app points to it; give it another URL, or remove it"));
}

/* url: the one that failed; absent: it is not named. */
static void
write_fallback(struct buffer *out, struct slice path, const struct callback *callback,
    struct slice url, bool is_ours)
{
	buffer_append(out, SLICE("Twilio called the fallback URL "));
	buffer_append_visible(out, path);
	buffer_append(out, SLICE(", since its request to "));
	append_url(out, url);
	append_advice(out, callback, is_ours);
}

/* The URL is not in the log, since its path may have a person's number. */
static void
log_once(struct noticer *noticer, const struct callback *callback, struct slice path, bool is_ours)
{
	const struct route *route = routes_find(noticer->routes, path);
	bool *logged = is_voice(callback) ? noticer->voice_logged : noticer->fallback_logged;
	struct buffer line = BUFFER_EMPTY;
	if (route == NULL || logged[route - noticer->routes->items])
		return;

	logged[route - noticer->routes->items] = true;
	if (is_voice(callback))
		write_voice(&line, path);
	else
		write_fallback(&line, path, callback, SLICE_NONE, is_ours);
	log_line(LOG_WARNING, "%.*s; see /v1/alerts (logged once for each path)",
	    SLICE_ARG(buffer_slice(&line)));
	buffer_done(&line);
}

enum result
noticer_fill(struct noticer *noticer, const struct callback *callback, struct slice path,
    bool is_ours, struct event_alert *out_alert)
{
	struct buffer *text = &noticer->text;
	struct slice url = callback->failed_url;
	buffer_clear(text);
	if (is_voice(callback))
		write_voice(text, path);
	else
		write_fallback(text, path, callback, url, is_ours);
	if (text->failed)
		return RESULT_NO_MEMORY;

	log_once(noticer, callback, path, is_ours);
	*out_alert = (struct event_alert){.level = SLICE("warning"),
	    .resource = is_voice(callback) ? callback->call : callback->message,
	    .request_url = url.len > 0 ? url : SLICE_NONE,
	    .text = buffer_slice(text),
	    .response_status = -1,
	    .ours = true,
	    .by_dlrd = true};
	return RESULT_OK;
}

void
noticer_done(struct noticer *noticer)
{
	buffer_done(&noticer->text);
}
