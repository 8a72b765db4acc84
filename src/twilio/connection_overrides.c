#include "dlrd/twilio/connection_overrides.h"

/* Bounds and defaults. Keys that are not numbers have bounds of 0. */
static const struct {
	const char *name;
	int64_t min, max, fallback;
} keys[OVERRIDE_KEY_COUNT] = {
    [OVERRIDE_CT] = {"ct", 100, 10000, 5000},
    [OVERRIDE_RT] = {"rt", 100, 15000, 15000},
    [OVERRIDE_TT] = {"tt", 100, 15000, 15000},
    [OVERRIDE_RC] = {"rc", 0, 5, 1},
    [OVERRIDE_RP] = {"rp", 0, 0, RETRY_CT},
    [OVERRIDE_SNI] = {"sni", 0, 0, 1},
    [OVERRIDE_E] = {"e", 0, 0, 0},
};

static const struct {
	struct slice name;
	unsigned bits;
} policies[] = {
    {SLICE_INIT("4xx"), RETRY_4XX},
    {SLICE_INIT("5xx"), RETRY_5XX},
    {SLICE_INIT("ct"), RETRY_CT},
    {SLICE_INIT("rt"), RETRY_RT},
    {SLICE_INIT("all"), RETRY_4XX | RETRY_5XX | RETRY_CT | RETRY_RT},
};

#define POLICY_COUNT (sizeof policies / sizeof policies[0])
#define EDGES "ashburn, dublin, frankfurt, sao-paulo, singapore, sydney, tokyo or umatilla"
#define INTERCONNECT SLICE("-ix")

static const struct slice edges[] = {SLICE_INIT("ashburn"), SLICE_INIT("dublin"),
    SLICE_INIT("frankfurt"), SLICE_INIT("sao-paulo"), SLICE_INIT("singapore"), SLICE_INIT("sydney"),
    SLICE_INIT("tokyo"), SLICE_INIT("umatilla")};

static enum override_key
key_of(struct slice name)
{
	int key = 0;
	while (key < OVERRIDE_KEY_COUNT && !slice_equal(name, slice_of(keys[key].name)))
		key++;
	return (enum override_key)key;
}

static void
read_number(struct connection_overrides *overrides, enum override_key key, struct slice value,
    struct url_findings *findings)
{
	int64_t number;
	if (slice_to_int(value, &number) == RESULT_OK && number >= keys[key].min &&
	    number <= keys[key].max)
		overrides->values[key] = number;
	else
		url_findings_add(findings, URL_OVERRIDE_INVALID,
		    "#%s=%.*s: write a whole number from %lld to %lld", keys[key].name,
		    SLICE_ARG(url_quote(value)), (long long)keys[key].min,
		    (long long)keys[key].max);
}

static void
read_policies(
    struct connection_overrides *overrides, struct slice value, struct url_findings *findings)
{
	unsigned bits = 0;
	for (struct slice rest = value; rest.ptr != NULL;) {
		struct slice name = slice_take(&rest, ',');
		size_t i = 0;
		while (i < POLICY_COUNT && !slice_equal(name, policies[i].name))
			i++;
		if (i == POLICY_COUNT) {
			url_findings_add(findings, URL_OVERRIDE_INVALID,
			    "#rp=%.*s: \"%.*s\" is not a retry policy (Twilio's error 11243); "
			    "write 4xx, 5xx, ct, rt or all, comma-separated",
			    SLICE_ARG(url_quote(value)), SLICE_ARG(url_quote(name)));
			return;
		}
		bits |= policies[i].bits;
	}
	overrides->values[OVERRIDE_RP] = bits;
}

/* Accepts an edge of Twilio Interconnect, too. */
static bool
is_edge(struct slice name)
{
	size_t len = name.len - INTERCONNECT.len;
	if (name.len > INTERCONNECT.len && slice_equal(slice_from(name, len), INTERCONNECT))
		name.len = len;
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
		if (slice_equal(name, edges[i]))
			return true;
	return false;
}

static void
read_edges(
    struct connection_overrides *overrides, struct slice value, struct url_findings *findings)
{
	for (struct slice rest = value; rest.ptr != NULL;) {
		struct slice name = slice_take(&rest, ',');
		if (!is_edge(name)) {
			url_findings_add(findings, URL_OVERRIDE_INVALID,
			    "#e=%.*s: \"%.*s\" is not an edge (Twilio's errors 11240 and 11241); "
			    "write " EDGES ", with commas between",
			    SLICE_ARG(url_quote(value)), SLICE_ARG(url_quote(name)));
			return;
		}
	}
	overrides->edges = value;
}

static void
read_sni(struct connection_overrides *overrides, struct slice value, struct url_findings *findings)
{
	bool yes = slice_equal(value, SLICE("y"));
	if (yes || slice_equal(value, SLICE("n")))
		overrides->values[OVERRIDE_SNI] = yes;
	else
		url_findings_add(findings, URL_OVERRIDE_INVALID, "#sni=%.*s: write y or n",
		    SLICE_ARG(url_quote(value)));
}

static void
read_pair(struct connection_overrides *overrides, struct slice pair, struct url_findings *findings)
{
	struct slice value = pair, name = slice_take(&value, '=');
	enum override_key key = key_of(name);
	if (key < OVERRIDE_KEY_COUNT)
		overrides->given[key] = true;
	switch (key) {
	case OVERRIDE_CT:
	case OVERRIDE_RT:
	case OVERRIDE_TT:
	case OVERRIDE_RC: read_number(overrides, key, value, findings); return;
	case OVERRIDE_RP: read_policies(overrides, value, findings); return;
	case OVERRIDE_SNI: read_sni(overrides, value, findings); return;
	case OVERRIDE_E: read_edges(overrides, value, findings); return;
	case OVERRIDE_KEY_COUNT: break;
	}
	url_findings_add(findings, URL_OVERRIDE_UNKNOWN,
	    "#%.*s: Twilio's keys are ct, rt, tt, rc, rp, sni and e, in lower case and separated "
	    "by &; the effect of others is not documented",
	    SLICE_ARG(url_quote(pair)));
}

void
connection_overrides_read(struct slice fragment, struct connection_overrides *out_overrides,
    struct url_findings *findings)
{
	*out_overrides = (struct connection_overrides){.edges = SLICE_NONE};
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++)
		out_overrides->values[key] = keys[key].fallback;
	for (struct slice rest = fragment; rest.len > 0;)
		read_pair(out_overrides, slice_take(&rest, '&'), findings);
}

static void
judge_commit_timeout(const struct connection_overrides *overrides, int64_t commit_timeout_ms,
    struct url_findings *findings)
{
	const int64_t *values = overrides->values;
	enum override_key key =
	    values[OVERRIDE_RT] <= values[OVERRIDE_TT] ? OVERRIDE_RT : OVERRIDE_TT;

	if (values[key] >= commit_timeout_ms)
		return;
	url_findings_add(findings, URL_GIVES_UP_EARLY,
	    "%s is %lld ms, but on a slow disk an answer may take up to [server] commit_timeout, "
	    "%lld ms: Twilio gives up before that; %s",
	    keys[key].name, (long long)values[key], (long long)commit_timeout_ms,
	    values[key] == keys[key].max ? "lower commit_timeout"
					 : "raise it, or lower commit_timeout");
}

void
connection_overrides_judge(const struct connection_overrides *overrides, int64_t commit_timeout_ms,
    struct url_findings *findings)
{
	int64_t retries = overrides->values[OVERRIDE_RC], policy = overrides->values[OVERRIDE_RP];
	if (retries == 0)
		url_findings_add(findings, URL_NOT_RETRIED,
		    "#rc=0: Twilio does not retry, and callbacks that fail are lost; write "
		    "#" CONNECTION_OVERRIDES_ADVISED);
	else if ((policy & RETRY_5XX) == 0)
		url_findings_add(findings, URL_NOT_RETRIED,
		    "Twilio does not retry after a 5xx unless rp contains it: callbacks that are "
		    "answered 503, or 502 by the proxy during a restart, are lost; write "
		    "#" CONNECTION_OVERRIDES_ADVISED);
	judge_commit_timeout(overrides, commit_timeout_ms, findings);
}

const char *
connection_overrides_key_name(enum override_key key)
{
	return keys[key].name;
}

static void
explain_policies(const struct connection_overrides *overrides, struct buffer *out)
{
	static const char *const words[] = {
	    "an answer 4xx", "an answer 5xx", "no connection within ct", "no answer within rt"};
	size_t start = out->len;
	for (unsigned bit = 0; bit < sizeof words / sizeof words[0]; bit++)
		if ((overrides->values[OVERRIDE_RP] & (1u << bit)) != 0)
			buffer_appendf(
			    out, "%s%s", out->len == start ? "after " : ", ", words[bit]);
	if ((overrides->values[OVERRIDE_RP] & RETRY_RT) != 0 &&
	    overrides->values[OVERRIDE_RT] >= overrides->values[OVERRIDE_TT])
		buffer_appendf(out, " (but rt, %lld ms, leaves no time within tt for that)",
		    (long long)overrides->values[OVERRIDE_RT]);
}

void
connection_overrides_explain(
    const struct connection_overrides *overrides, enum override_key key, struct buffer *out)
{
	long long value = (long long)overrides->values[key];
	switch (key) {
	case OVERRIDE_CT: buffer_appendf(out, "waits %lld ms for a connection", value); return;
	case OVERRIDE_RT:
		buffer_appendf(
		    out, "waits %lld ms for an answer, and for each packet of it", value);
		return;
	case OVERRIDE_TT:
		buffer_appendf(out, "limits all tries together to %lld ms", value);
		return;
	case OVERRIDE_RC:
		buffer_appendf(out,
		    "tries up to %lld more time%s, within tt, %lld ms, for all together", value,
		    value == 1 ? "" : "s", (long long)overrides->values[OVERRIDE_TT]);
		return;
	case OVERRIDE_RP: explain_policies(overrides, out); return;
	case OVERRIDE_SNI:
		buffer_appendf(
		    out, "names %s host in the TLS handshake", value != 0 ? "the" : "no");
		return;
	case OVERRIDE_E:
		buffer_append(out, SLICE("calls from "));
		buffer_append_visible(
		    out, overrides->edges.ptr == NULL ? SLICE("ashburn") : overrides->edges);
		return;
	case OVERRIDE_KEY_COUNT: return;
	}
}
