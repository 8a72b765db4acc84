#include "series.h"

#include "campaigns.h"
#include "dlrd/api/course.h"
#include "list.h"

#define ZONE_MAX_BYTES 64 /* of a name in an error */

static const char *const intervals[] = {[COURSE_HOUR] = "hour", [COURSE_DAY] = "day", NULL};

static void
add_point(void *context, int64_t time_us, const int64_t figures[FIGURE_COUNT])
{
	struct report_row cells = report_point_row(time_us, figures);
	list_add(context, &cells, time_us);
}

static void
pass_over(void *context, int64_t time_us, const int64_t figures[FIGURE_COUNT])
{
	(void)context, (void)time_us, (void)figures;
}

static bool
is_day(const struct question *question, const char *name)
{
	return question_text(question, name).len == sizeof "2026-11-20" - 1;
}

static bool
refuse_zone(
    struct question *question, enum result result, struct slice name, const struct failure *failure)
{
	if (result == RESULT_NO_MEMORY || result == RESULT_IO)
		return question_refuse(question, 503, "tz: %s", failure->text);
	return question_refuse(question, 400,
	    "tz must be UTC, an offset like +05:30 (in a URL, a plus sign is written %%2B) or a "
	    "name like Europe/Berlin, and \"%.*s\" is none",
	    (int)(name.len < ZONE_MAX_BYTES ? name.len : ZONE_MAX_BYTES), name.ptr);
}

/* question_time moves 1970-01-01 by a microsecond. */
static int64_t
exact_us(int64_t time_us)
{
	return time_us == -1 ? 0 : time_us;
}

static bool
open_course(struct question *question, struct slice zone, struct course *out_course)
{
	size_t interval;
	struct failure failure;
	if (!question_choice(question, "interval", "hour|day", COURSE_HOUR, &interval))
		return false;
	enum result result =
	    course_open((enum course_interval)interval, zone, out_course, &failure);
	if (result != RESULT_OK)
		return refuse_zone(question, result, zone, &failure);
	if (question->from_us != 0)
		course_from(out_course, exact_us(question->from_us), is_day(question, "from"));
	if (question->to_us != 0)
		course_to(out_course, exact_us(question->to_us), is_day(question, "to"));
	return true;
}

static void
answer_course(struct question *question, struct course *course, struct slice zone)
{
	int64_t campaign_id;
	if (!campaigns_find(question, &campaign_id))
		return;
	struct list list = {.question = question, .report = &report_series, .whole = true};
	struct slice variant = question_text(question, "variant");
	/* Whether the course is exact is known behind its last point, and shown before the first.
	 */
	struct course first = *course;
	enum result result =
	    course_read(&first, question->reader, campaign_id, variant, pass_over, NULL);
	struct json_t *object = json_new_object();
	json_put_text(object, "campaign", question->name);
	json_put_text(object, "interval", slice_of(intervals[course->interval]));
	json_put_text(object, "time_zone", zone);
	json_put_bool(object, "exact", first.exact);
	list_begin(&list, object);
	if (result == RESULT_OK)
		result =
		    course_read(course, question->reader, campaign_id, variant, add_point, &list);
	list_end(&list, NULL, result);
}

void
series_answer(struct question *question)
{
	struct course course;
	struct slice zone = question_text(question, "tz");
	if (zone.ptr == NULL)
		zone = SLICE("UTC");
	if (!open_course(question, zone, &course))
		return;
	answer_course(question, &course, zone);
	course_close(&course);
}
