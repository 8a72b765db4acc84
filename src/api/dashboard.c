#include "dashboard.h"

#include "dlrd/twilio/url.h"

/* A file of src/dashboard; scripts/embed_dashboard.py makes them a part of the program. */
struct dashboard_file {
	struct slice path; /* "/" of the page; the others have a hash of all files in theirs */
	const char *media_type;
	struct slice plain, gzipped;
};

extern const struct dashboard_file dashboard_files[];
extern const size_t dashboard_file_count;
extern const char dashboard_etag[]; /* of the page */

/* Scripts and styles only from here; no inline ones, and no text that becomes markup by itself. */
static const char page_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
				  "img-src 'self' data:; connect-src 'self'; "
				  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
				  "require-trusted-types-for 'script'";

static const struct dashboard_file *
find_file(struct slice path)
{
	for (size_t i = 0; i < dashboard_file_count; i++)
		if (slice_equal(dashboard_files[i].path, path))
			return &dashboard_files[i];
	return NULL;
}

/* If-None-Match: a list of etags, or "*". */
static bool
has_page(struct slice header)
{
	while (header.ptr != NULL) {
		struct slice etag = slice_trim(slice_take(&header, ','));
		if (slice_equal(etag, slice_of(dashboard_etag)) || slice_equal(etag, SLICE("*")))
			return true;
	}
	return false;
}

void
dashboard_answer(struct question *question)
{
	const struct api_request *request = question->request;
	struct api_answer *answer = &question->answer;
	const struct dashboard_file *file = find_file(url_path(request->target));
	if (file == NULL) {
		question_refuse(question, 404, "there is nothing at this path");
		return;
	}
	bool is_page = slice_equal(file->path, SLICE("/"));
	answer->media_type = file->media_type;
	answer->policy = page_policy;
	answer->cache = is_page ? "no-cache" : "public, max-age=31536000, immutable";
	answer->etag = is_page ? dashboard_etag : NULL;
	if (is_page && has_page(request->if_none_match)) {
		answer->status = 304;
		return;
	}
	answer->file = request->accepts_gzip ? file->gzipped : file->plain;
	answer->file_is_gzipped = request->accepts_gzip;
}
