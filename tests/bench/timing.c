/* timing: tests whether the time of a refusal reveals how close a forged signature was.
 *
 *     timing COUNT                        the comparison of digests, and the result on a request
 *     timing COUNT PORT PAUSE-US FILE...  requests, one in each file, to a daemon on that port
 *
 * After dudect (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017): COUNT
 * measurements of classes of input in random order, without the slowest hundredth, and Welch's
 * t-test of each class against the first. |t| below 4.5 is not a measurable difference. A known
 * difference is measured first, to show that the test detects it. Ends with 1 if a class differs
 * that should not. */
#define _GNU_SOURCE
#include "dlrd/twilio/verifier.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLASSES_MAX 32
#define THRESHOLD 4.5
#define CROP 0.99

struct sample {
	unsigned class;
	int64_t ns;
};

struct subject {
	const char *name;
	size_t classes;
	const char *class_names[CLASSES_MAX];         /* NULL: not listed one by one */
	void (*prepare)(void *context, size_t class); /* not timed */
	void (*run)(void *context);
	void *context;
};

struct moments {
	double count, mean, squares;
};

static int64_t
now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint64_t
next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void
must(enum result result)
{
	if (result == RESULT_OK)
		return;
	fprintf(stderr, "timing: %s\n", result_text(result));
	exit(2);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;
	return (x > y) - (x < y);
}

static double
welch(const struct moments *a, const struct moments *b)
{
	return (a->mean - b->mean) / sqrt(a->squares / (a->count - 1) / a->count +
					  b->squares / (b->count - 1) / b->count);
}

/* The largest |t| of any class against the first. */
static double
measure(const struct subject *subject, size_t count)
{
	struct sample *samples = calloc(count, sizeof *samples);
	struct moments moments[CLASSES_MAX] = {{0}};
	size_t worst_class = 1;
	double worst = 0;
	must(samples == NULL ? RESULT_NO_MEMORY : RESULT_OK);
	for (size_t i = 0; i < count; i++) {
		samples[i].class = (unsigned)(next_random() >> 33) % (unsigned)subject->classes;
		subject->prepare(subject->context, samples[i].class);
		int64_t start = now_ns();
		subject->run(subject->context);
		samples[i].ns = now_ns() - start;
	}
	qsort(samples, count, sizeof *samples, by_time);
	for (size_t i = 0; i < (size_t)((double)count * CROP); i++) {
		struct moments *of = &moments[samples[i].class];
		double delta = (double)samples[i].ns - of->mean;
		of->mean += delta / ++of->count;
		of->squares += delta * ((double)samples[i].ns - of->mean);
	}
	free(samples);
	for (size_t k = 0; k < subject->classes; k++) {
		double t = k == 0 ? 0 : welch(&moments[k], &moments[0]);
		if (fabs(t) > fabs(worst))
			worst = t, worst_class = k;
		if (subject->class_names[k] != NULL)
			printf("    %-40s %10.1f ns  t = %+.2f\n", subject->class_names[k],
			    moments[k].mean, t);
	}
	printf("%s: %zu classes, %.1f ns, largest t = %+.2f (class %zu)\n", subject->name,
	    subject->classes, moments[0].mean, worst, worst_class);
	return fabs(worst);
}

/* --- two digests, by how many leading bytes are right --- */

struct digests {
	struct signature right, tried;
};

static volatile int sink;

static void
prepare_digest(void *context, size_t class)
{
	struct digests *digests = context;
	digests->tried.len = SIGNATURE_DIGEST_SIZE;
	for (size_t i = 0; i < SIGNATURE_DIGEST_SIZE; i++) {
		uint8_t wrong = (uint8_t)(1 + (next_random() >> 40) % 255);
		digests->tried.digest[i] = digests->right.digest[i] ^ (i < class ? 0 : wrong);
	}
}

static void
run_memcmp(void *context)
{
	const struct digests *digests = context;
	int (*const volatile compare)(const void *, const void *, size_t) = memcmp;
	sink = compare(digests->right.digest, digests->tried.digest, SIGNATURE_DIGEST_SIZE);
}

static void
run_equal(void *context)
{
	const struct digests *digests = context;
	sink = signature_same(&digests->right, &digests->tried);
}

/* --- the result on a request --- */

#define TARGET SLICE("/sms/twilio?account=A&meta=000000000.1200000000.1691686363.20230810.0.x.-1")
#define ACCOUNT "AC0123456789abcdef0123456789abcde" /* and a digit: how many tokens it has */

struct requests {
	struct verifier *verifier;
	struct buffer scratch;
	struct form form;
	struct signature right; /* of the account with three tokens */
	char account[sizeof ACCOUNT + 1], signature[SIGNATURE_TEXT_MAX];
};

static void
set_request(struct requests *requests, size_t tokens, size_t right)
{
	struct digests digests;
	digests.right = requests->right;
	prepare_digest(&digests, right);
	signature_write(&digests.tried, requests->signature);
	snprintf(requests->account, sizeof requests->account, ACCOUNT "%u", (unsigned)tokens);
}

static void
prepare_right(void *context, size_t class)
{
	set_request(context, 3, class);
}

static void
prepare_account(void *context, size_t class)
{
	set_request(context, class, 0);
}

static void
run_verify(void *context)
{
	struct requests *requests = context;
	const struct incoming incoming = {
	    .method = SLICE("POST"), .target = TARGET, .signature = slice_of(requests->signature)};
	const struct reading reading = {
	    .incoming = &incoming, .form = &requests->form, .account = slice_of(requests->account)};
	struct verification verification;
	verifier_verify(requests->verifier, &reading, &requests->scratch, &verification);
	sink = (int)verification.result;
}

static void
add_account(struct verifier *verifier, unsigned tokens)
{
	char sid[sizeof ACCOUNT + 1], text[33];
	snprintf(sid, sizeof sid, ACCOUNT "%u", tokens);
	for (unsigned label = 0; label < tokens; label++) {
		struct secret *token;
		snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)next_random(),
		    (unsigned long long)next_random());
		must(secret_new(slice_of(text), &token));
		must(verifier_add_token(verifier, slice_of(sid), (enum token_label)label, token));
	}
}

static void
make_requests(struct requests *requests)
{
	struct url_base base;
	char signature[SIGNATURE_TEXT_MAX];
	must(verifier_new(&requests->verifier));
	must(url_base_init(&base, SLICE("https://callbacks.example.com"), NULL));
	must(verifier_add_url(requests->verifier, &base));
	for (unsigned tokens = 1; tokens <= TOKEN_LABEL_COUNT; tokens++)
		add_account(requests->verifier, tokens);
	must(form_decode(&requests->form,
	    SLICE("SmsSid=SM0123456789abcdef0123456789abcdef&SmsStatus=sent&MessageStatus=sent&"
		  "To=%2B15550001234&MessageSid=SM0123456789abcdef0123456789abcdef&"
		  "AccountSid=" ACCOUNT "3&From=%2B15017122661&ApiVersion=2010-04-01"),
	    512));
	must(verifier_sign(
	    requests->verifier, SLICE(ACCOUNT "3"), TARGET, &requests->form, signature));
	must(signature_read(slice_of(signature), &requests->right));
}

static int
measure_functions(size_t count)
{
	static struct digests digests;
	static struct requests requests;
	for (size_t i = 0; i < SIGNATURE_DIGEST_SIZE; i++)
		digests.right.digest[i] = (uint8_t)(next_random() >> 40);
	digests.right.len = SIGNATURE_DIGEST_SIZE;
	make_requests(&requests);
	measure(&(struct subject){"memcmp, for comparison", SIGNATURE_DIGEST_SIZE + 1,
		    .prepare = prepare_digest, .run = run_memcmp, .context = &digests},
	    count);
	double equal =
	    measure(&(struct subject){"signature_same", SIGNATURE_DIGEST_SIZE + 1,
			.prepare = prepare_digest, .run = run_equal, .context = &digests},
		count);
	double right =
	    measure(&(struct subject){"verifier_verify, by right bytes",
			SIGNATURE_DIGEST_SIZE, /* all of them right would be valid */
			.prepare = prepare_right, .run = run_verify, .context = &requests},
		count);
	/* Not the same to the nanosecond: there is a search for the account. */
	measure(&(struct subject){"verifier_verify, by account, for information", 4,
		    {"unknown account", "one token", "two tokens", "three tokens"}, prepare_account,
		    run_verify, &requests},
	    count);
	form_done(&requests.form);
	buffer_done(&requests.scratch);
	verifier_free(requests.verifier);
	return equal < THRESHOLD && right < THRESHOLD ? 0 : 1;
}

/* --- a daemon's answers --- */

struct exchange {
	int fd;
	useconds_t pause_us;
	char text[CLASSES_MAX][8192]; /* whole requests */
	size_t len[CLASSES_MAX], next;
};

static void
prepare_exchange(void *context, size_t class)
{
	struct exchange *exchange = context;
	exchange->next = class;
	if (exchange->pause_us > 0)
		usleep(exchange->pause_us);
}

/* Answers have no body. */
static void
run_exchange(void *context)
{
	struct exchange *exchange = context;
	char answer[4096];
	size_t len = 0;
	bool sent = send(exchange->fd, exchange->text[exchange->next],
			exchange->len[exchange->next], 0) == (ssize_t)exchange->len[exchange->next];
	must(sent ? RESULT_OK : RESULT_IO);
	do {
		ssize_t more = recv(exchange->fd, answer + len, sizeof answer - len, 0);
		must(more > 0 ? RESULT_OK : RESULT_IO);
		len += (size_t)more;
	} while (len < 4 || memcmp(answer + len - 4, "\r\n\r\n", 4) != 0);
	if (memcmp(answer, "HTTP/1.1 403", 12) != 0) {
		fprintf(stderr, "timing: not refused: %.*s\n", (int)len, answer);
		exit(2);
	}
}

static int
measure_daemon(size_t count, const char *port, const char *pause_us, int files, char **paths)
{
	static struct exchange exchange;
	struct subject subject = {.name = "answers",
	    .classes = (size_t)files,
	    .prepare = prepare_exchange,
	    .run = run_exchange,
	    .context = &exchange};
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < files && i < CLASSES_MAX; i++) {
		FILE *file = fopen(paths[i], "re");
		must(file == NULL ? RESULT_NOT_FOUND : RESULT_OK);
		exchange.len[i] = fread(exchange.text[i], 1, sizeof exchange.text[i], file);
		fclose(file);
		const char *slash = strrchr(paths[i], '/');
		subject.class_names[i] = slash == NULL ? paths[i] : slash + 1;
	}
	exchange.pause_us = (useconds_t)atoi(pause_us);
	exchange.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(exchange.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	must(connect(exchange.fd, (struct sockaddr *)&address, sizeof address) == 0 ? RESULT_OK
										    : RESULT_IO);
	double worst = measure(&subject, count);
	close(exchange.fd);
	return worst < THRESHOLD ? 0 : 1;
}

int
main(int count, char **words)
{
	if (count != 2 && (count < 6 || count - 4 > CLASSES_MAX)) {
		fputs("usage: timing COUNT [PORT PAUSE-US FILE FILE...]\n", stderr);
		return 2;
	}
	must(signature_init());
	size_t measurements = strtoul(words[1], NULL, 10);
	return count == 2 ? measure_functions(measurements)
			  : measure_daemon(measurements, words[2], words[3], count - 4, words + 4);
}
