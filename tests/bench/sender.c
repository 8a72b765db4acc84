/* sender: sends signed status callbacks as fast as they are acknowledged.
 *
 * Each message has two: sent, and some thousands of requests later its outcome. SIDs and numbers
 * are random, as Twilio's are, so that the indexes of a store get no help from their order. All are
 * signed before the first is sent. That keeps the sender's share of the processor small.
 *
 *     sender PORT COUNT CONNECTIONS SEED URL TARGET TOKEN ACCOUNT
 *
 * Prints how many were answered 204 and how many otherwise, and the monotonic time in seconds of
 * the first request and of the last answer. Ends with 1 if a connection breaks. */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096 /* messages; the callbacks of one message are as many requests apart */
#define REQUEST_SIZE 4096
#define ANSWER_SIZE 1024
#define EVENTS 256
#define SIGNATURE_LEN BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)

struct callback {
	char sid[35], to[13], from[13]; /* with their NUL */
	const char *status, *code;      /* code: "" for none */
	bool final;
};

struct connection {
	int fd;
	char answer[ANSWER_SIZE];
	size_t answer_len;
};

static const char *url, *target, *account;
static uint64_t seed, count, issued, answered, acknowledged;
static char *signatures; /* SIGNATURE_LEN bytes for each request, without a NUL */

static void
fail(const char *what)
{
	fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
now_s(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t
mix_bits(uint64_t bits)
{
	bits += UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	return bits ^ (bits >> 31);
}

/* Finds the message of a request, and whether the request is the message's second. The last block
 * is shorter if the count is not a multiple of a block's requests. */
static uint64_t
message_of(uint64_t request, bool *out_final)
{
	uint64_t start = request / (2 * BLOCK) * (2 * BLOCK), left = count - start;
	uint64_t messages = left < 2 * BLOCK ? (left + 1) / 2 : BLOCK;
	*out_final = request - start >= messages;
	return start / 2 + (request - start) % messages;
}

static void
choose_outcome(struct callback *callback, uint64_t dice)
{
	static const struct {
		unsigned below;
		const char *status, *code;
	} outcomes[] = {{80, "delivered", ""}, {86, "undelivered", "30003"},
	    {91, "undelivered", "30005"}, {96, "failed", "30007"}, {100, "undelivered", "30006"}};
	size_t i = 0;
	while (dice % 100 >= outcomes[i].below)
		i++;

	callback->status = outcomes[i].status;
	callback->code = outcomes[i].code;
}

static struct callback
callback_of(uint64_t request)
{
	static const char digits[] = "0123456789abcdef";
	struct callback callback = {.sid = "SM", .status = "sent", .code = ""};
	uint64_t message = message_of(request, &callback.final);
	uint64_t high = mix_bits(mix_bits(seed) ^ message), low = mix_bits(high);

	for (size_t i = 0; i < 16; i++) {
		callback.sid[2 + i] = digits[high >> (4 * i) & 15];
		callback.sid[18 + i] = digits[low >> (4 * i) & 15];
	}
	uint64_t dice = mix_bits(low);
	snprintf(callback.to, sizeof callback.to, "+1555%07u", (unsigned)(dice % 10000000));
	snprintf(callback.from, sizeof callback.from, "+1500555000%u", (unsigned)(dice >> 32 & 3));
	if (callback.final)
		choose_outcome(&callback, dice >> 40);

	return callback;
}

/* Appends strings up to a NULL. Returns the new end. */
static char *
append(char *end, const char *const texts[])
{
	for (; *texts != NULL; texts++)
		end = stpcpy(end, *texts);
	return end;
}

/* The signed text is the URL, then all fields in the order of their names. */
static void
sign(struct hmac_sha1_ctx *key, uint64_t request)
{
	struct callback callback = callback_of(request);
	uint8_t digest[SHA1_DIGEST_SIZE];
	char text[REQUEST_SIZE];

	const char *const parts[] = {url, target, "AccountSid", account, "ApiVersion2010-04-01",
	    callback.code[0] == '\0' ? "" : "ErrorCode", callback.code, "From", callback.from,
	    "MessageSid", callback.sid, "MessageStatus", callback.status,
	    "MessagingServiceSidMG0123456789abcdef0123456789abcdef",
	    callback.final ? "RawDlrDoneDate2611201312" : "", "SmsSid", callback.sid, "SmsStatus",
	    callback.status, "To", callback.to, NULL};
	char *end = append(text, parts);

	hmac_sha1_update(key, (size_t)(end - text), (const uint8_t *)text);
	hmac_sha1_digest(key, sizeof digest, digest);
	base64_encode_raw(signatures + request * SIGNATURE_LEN, sizeof digest, digest);
}

static void
sign_all(const char *token)
{
	struct hmac_sha1_ctx key;
	signatures = malloc(count * SIGNATURE_LEN);
	if (signatures == NULL)
		fail("signatures");

	hmac_sha1_set_key(&key, strlen(token), (const uint8_t *)token);
	for (uint64_t request = 0; request < count; request++)
		sign(&key, request);
}

static size_t
write_request(uint64_t request, char out[REQUEST_SIZE])
{
	struct callback callback = callback_of(request);
	char body[1024], len[12], signature[SIGNATURE_LEN + 1] = "";

	const char *const fields[] = {callback.final ? "RawDlrDoneDate=2611201312&" : "",
	    "SmsSid=", callback.sid, "&SmsStatus=", callback.status,
	    "&MessageStatus=", callback.status, "&To=%2B", callback.to + 1,
	    callback.code[0] == '\0' ? "" : "&ErrorCode=", callback.code,
	    "&MessagingServiceSid=MG0123456789abcdef0123456789abcdef&MessageSid=", callback.sid,
	    "&AccountSid=", account, "&From=%2B", callback.from + 1, "&ApiVersion=2010-04-01",
	    NULL};
	char *body_end = append(body, fields);

	snprintf(len, sizeof len, "%u", (unsigned)(body_end - body));
	memcpy(signature, signatures + request * SIGNATURE_LEN, SIGNATURE_LEN);
	const char *const parts[] = {"POST ", target,
	    " HTTP/1.1\r\nHost: callbacks.example.com\r\nUser-Agent: TwilioProxy/1.1\r\n"
	    "Accept: */*\r\n"
	    "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
	    "I-Twilio-Idempotency-Token: 31c6a0ab-9b4c-4b3e-8c0a-3f8a4e9d9a11\r\n"
	    "Content-Length: ",
	    len, "\r\nX-Twilio-Signature: ", signature, "\r\n\r\n", body, NULL};

	return (size_t)(append(out, parts) - out);
}

static void
send_next(const struct connection *connection)
{
	char request[REQUEST_SIZE];
	if (issued == count)
		return;

	size_t len = write_request(issued++, request);
	if (send(connection->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("send");
}

/* An answer is a head without a body. */
static void
receive(struct connection *connection)
{
	ssize_t len = recv(connection->fd, connection->answer + connection->answer_len,
	    ANSWER_SIZE - connection->answer_len, 0);
	if (len <= 0)
		fail("an answer");
	connection->answer_len += (size_t)len;
	if (memmem(connection->answer, connection->answer_len, "\r\n\r\n", 4) == NULL)
		return;

	acknowledged += memcmp(connection->answer, "HTTP/1.1 204", 12) == 0;
	answered++;
	connection->answer_len = 0;
	send_next(connection);
}

static void
open_connection(struct connection *connection, uint16_t port, int epoll)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int on = 1;
	connection->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connection->fd < 0 ||
	    connect(connection->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
		fail("a connection");
}

static void
send_all(struct connection *connections, size_t connection_count, int epoll)
{
	struct epoll_event events[EVENTS];
	for (size_t i = 0; i < connection_count; i++)
		send_next(&connections[i]);

	while (answered < count) {
		int ready = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < ready; i++)
			receive(events[i].data.ptr);
	}
}

int
main(int word_count, char **words)
{
	if (word_count != 9)
		return 2;
	uint16_t port = (uint16_t)atoi(words[1]);
	size_t connection_count = strtoul(words[3], NULL, 10);
	count = strtoull(words[2], NULL, 10);
	seed = strtoull(words[4], NULL, 10);
	url = words[5], target = words[6], account = words[8];
	sign_all(words[7]);

	int epoll = epoll_create1(0);
	struct connection *connections = calloc(connection_count, sizeof *connections);
	if (epoll < 0 || connections == NULL)
		fail("connections");
	for (size_t i = 0; i < connection_count; i++)
		open_connection(&connections[i], port, epoll);

	double start_s = now_s();
	send_all(connections, connection_count, epoll);
	printf("%" PRIu64 " %" PRIu64 " %.6f %.6f\n", acknowledged, answered - acknowledged,
	    start_s, now_s());
	return 0;
}
