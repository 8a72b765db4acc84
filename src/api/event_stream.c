#include "event_stream.h"

#include "dlrd/query/events.h"
#include "mask.h"

#include <stdlib.h>

/* A filter that few events pass must not occupy a thread for long, or exceed a question's time
 * limit. Therefore one query reads WINDOW events at most, and one call makes WINDOWS_MAX queries.
 */
#define WINDOW 10000
#define WINDOWS_MAX 10

struct event_stream {
	struct event_filter filter; /* its texts are in texts */
	struct buffer texts;
	bool masked;
};

struct writing {
	struct buffer *out;
	uint64_t last_seq;
	size_t count;
};

/* Copies text to texts, which has room, and returns the copy; absent stays absent. */
static struct slice
keep_text(struct buffer *texts, struct slice text)
{
	if (text.ptr == NULL)
		return SLICE_NONE;
	size_t start = texts->len;
	buffer_append(texts, text);
	return (struct slice){texts->ptr + start, text.len};
}

enum result
event_stream_new(const struct event_filter *filter, bool masked, struct event_stream **out_stream)
{
	struct event_stream *stream = calloc(1, sizeof *stream);
	size_t len =
	    filter->type.len + filter->workspace.len + filter->campaign.len + filter->variant.len;
	if (stream == NULL || !buffer_reserve(&stream->texts, len + 1)) {
		event_stream_free(stream);
		return RESULT_NO_MEMORY;
	}

	stream->filter = (struct event_filter){.after_seq = filter->after_seq,
	    .type = keep_text(&stream->texts, filter->type),
	    .workspace = keep_text(&stream->texts, filter->workspace),
	    .campaign = keep_text(&stream->texts, filter->campaign),
	    .variant = keep_text(&stream->texts, filter->variant),
	    .limit = EVENT_STREAM_EVENTS_MAX};
	stream->masked = masked;
	*out_stream = stream;
	return RESULT_OK;
}

void
event_stream_begin(struct buffer *out)
{
	buffer_append(out, SLICE("retry: 2000\n\n"));
}

void
event_stream_keep_alive(struct buffer *out)
{
	buffer_append(out, SLICE(": still here\n\n"));
}

/* JSON without a line break is one line of data. */
static void
write_event(void *context, const struct event_row *row)
{
	struct writing *writing = context;
	struct slice type = event_type_name(row->event.type);
	struct report_row cells = query_event_row(row);
	struct json_t *object = report_json(&query_events.report, &cells, NULL);
	buffer_appendf(writing->out, "id: %llu\nevent: %.*s\ndata: ", (unsigned long long)row->seq,
	    SLICE_ARG(type));
	if (json_write(object, writing->out) != RESULT_OK)
		writing->out->failed = true;
	buffer_append(writing->out, SLICE("\n\n"));
	json_free(object);
	writing->last_seq = row->seq;
	writing->count++;
}

/* Reads the next window of events. */
static enum result
read_window(struct event_stream *stream, struct store_reader *reader, uint64_t last_event,
    struct writing *writing)
{
	struct event_filter *filter = &stream->filter;
	uint64_t left = last_event - filter->after_seq;
	filter->until_seq = filter->after_seq + (left < WINDOW ? left : WINDOW);

	enum result result = store_read_events(reader, filter, write_event, writing);
	if (writing->out->failed)
		return RESULT_NO_MEMORY;
	if (writing->last_seq > filter->after_seq)
		filter->after_seq = writing->last_seq;
	/* The window is complete: the rest of its events did not pass the filter. */
	if (result == RESULT_OK && writing->count < EVENT_STREAM_EVENTS_MAX)
		filter->after_seq = filter->until_seq;
	return result;
}

enum result
event_stream_read(struct event_stream *stream, struct store_reader *reader, struct buffer *out)
{
	struct writing writing = {.out = out};
	size_t start = out->len;
	uint64_t last_event;
	enum result result = store_read_last_event(reader, &last_event);
	for (int i = 0; result == RESULT_OK && i < WINDOWS_MAX && writing.count == 0 &&
			stream->filter.after_seq < last_event;
	     i++)
		result = read_window(stream, reader, last_event, &writing);
	if (result == RESULT_OK && writing.count == 0 && stream->filter.after_seq < last_event)
		event_stream_keep_alive(out);
	if (stream->masked)
		mask_numbers(out, start);
	return result;
}

void
event_stream_free(struct event_stream *stream)
{
	if (stream == NULL)
		return;
	buffer_done(&stream->texts);
	free(stream);
}
