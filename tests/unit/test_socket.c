/* socket: addresses to listen on, and peers to believe. */
#include "testing.h"

#include "dlrd/base/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

static void
addresses_are_numeric_and_have_a_port(void **state)
{
	(void)state;
	struct socket_address address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address.address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address.address;
	assert_ok(socket_address_read(SLICE("127.0.0.1:8080"), &address, NULL));
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohs(in->sin_port), 8080);
	assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
	assert_ok(socket_address_read(SLICE("[::1]:65535"), &address, NULL));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6->sin6_port), 65535);
	assert_memory_equal(&in6->sin6_addr, &in6addr_loopback, 16);
	assert_ok(socket_address_read(SLICE("0.0.0.0:0"), &address, NULL));
	static const char *const loopback[] = {":8080", "localhost:8080", "LocalHost:8080"};
	for (size_t i = 0; i < COUNT_OF(loopback); i++) {
		assert_ok(socket_address_read(slice_of(loopback[i]), &address, NULL));
		assert_int_equal(in->sin_family, AF_INET);
		assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
		assert_int_equal(ntohs(in->sin_port), 8080);
	}
}

static void
addresses_clash_if_only_one_of_them_can_be_opened(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool clash;
	} rows[] = {{"127.0.0.1:80", "127.0.0.1:80", true}, {"127.0.0.1:80", "127.0.0.1:81", false},
	    {"127.0.0.1:80", "127.0.0.2:80", false}, {"0.0.0.0:80", "127.0.0.1:80", true},
	    {":80", "localhost:80", true}, {"[::1]:80", "127.0.0.1:80", false},
	    {"[::1]:80", "[::1]:80", true}, {"[::]:80", "[::1]:80", true},
	    {"[::1]:80", "[::2]:80", false}, {"[::]:80", "0.0.0.0:80", false},
	    {"127.0.0.1:0", "127.0.0.1:0", false}, {"[::1]:0", "[::1]:0", false},
	    {"unix:/a", "unix:/a", true}, {"unix:/a", "unix:/b", false},
	    {"unix:/a", "127.0.0.1:80", false}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct socket_address a, b;
		assert_ok(socket_address_read(slice_of(rows[i].a), &a, NULL));
		assert_ok(socket_address_read(slice_of(rows[i].b), &b, NULL));
		assert_int_equal(socket_addresses_clash(&a, &b), rows[i].clash);
		assert_int_equal(socket_addresses_clash(&b, &a), rows[i].clash);
	}
}

static void
an_address_is_tried_without_a_trace(void **state)
{
	(void)state;
	char *directory = private_directory();
	struct failure failure;
	struct buffer text = BUFFER_EMPTY;
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	int fd;
	assert_ok(socket_listen(SLICE("127.0.0.1:0"), &fd, &failure));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	buffer_appendf(&text, "127.0.0.1:%d", ntohs(in.sin_port));
	assert_int_equal(socket_try(buffer_slice(&text), &failure), RESULT_BUSY);
	assert_contains(slice_of(failure.text), "another process listens there");
	close(fd);
	assert_ok(socket_try(buffer_slice(&text), &failure));
	assert_ok(socket_listen(buffer_slice(&text), &fd, &failure));
	close(fd);
	assert_int_equal(socket_try(SLICE("192.0.2.1:80"), &failure), RESULT_IO);
	assert_contains(slice_of(failure.text), "cannot listen on 192.0.2.1:80");
	buffer_clear(&text);
	buffer_appendf(&text, "unix:%s", path_in(directory, "tried"));
	assert_ok(socket_try(buffer_slice(&text), &failure));
	assert_int_equal(access(path_in(directory, "tried"), F_OK), -1);
	assert_ok(socket_listen(buffer_slice(&text), &fd, &failure));
	assert_int_equal(socket_try(buffer_slice(&text), &failure), RESULT_BUSY);
	close(fd);
	assert_ok(socket_try(buffer_slice(&text), &failure));
	assert_int_equal(access(path_in(directory, "tried"), F_OK), 0);
	buffer_done(&text);
	remove_directory(directory);
}

static void
what_is_no_address_is_refused_with_what_would_be_right(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "8080", ":", "localhost", "127.0.0.1",
	    "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "localhosts:80",
	    "a.example:80", "::1:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "[::1:80", "1.2.3:80",
	    "unix:", "unix:relative", "*:80",
	    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80"};
	struct socket_address address = {.len = 77};
	struct failure failure;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (socket_address_read(slice_of(bad[i]), &address, &failure) != RESULT_INVALID)
			print_error("\"%s\" was read\n", bad[i]);
		assert_int_equal(
		    socket_address_read(slice_of(bad[i]), &address, &failure), RESULT_INVALID);
		assert_contains(slice_of(failure.text), "[::1]:8080");
	}
	assert_int_equal(address.len, 77);
}

static void
a_unix_path_that_no_socket_can_have_is_refused(void **state)
{
	(void)state;
	struct socket_address address;
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address.address;
	char path[200] = "unix:/";
	memset(path + 6, 'a', 106);
	assert_ok(socket_address_read(slice_of(path), &address, NULL));
	assert_int_equal(strlen(un->sun_path), 107);
	path[112] = 'a';
	assert_int_equal(socket_address_read(slice_of(path), &address, NULL), RESULT_LIMIT);
}

static void
a_listening_socket_does_not_block_and_is_not_inherited(void **state)
{
	(void)state;
	int fd = -1, other = -1;
	struct sockaddr_in name;
	socklen_t len = sizeof name;
	char text[32];
	struct failure failure;
	assert_ok(socket_listen(SLICE("127.0.0.1:0"), &fd, NULL));
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(name.sin_port));
	assert_int_equal(socket_listen(slice_of(text), &other, &failure), RESULT_BUSY);
	assert_contains(slice_of(failure.text), text);
	assert_int_equal(other, -1);
	close(fd);
}

static void
a_dead_unix_socket_is_replaced_and_a_living_one_is_not(void **state)
{
	(void)state;
	char *directory = private_directory();
	struct buffer text = BUFFER_EMPTY;
	struct failure failure;
	struct stat status;
	int dead, living, third;
	buffer_appendf(&text, "unix:%s/x.sock", directory);
	struct slice address = buffer_slice(&text);
	assert_ok(socket_listen(address, &dead, NULL));
	assert_int_equal(stat(path_in(directory, "x.sock"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660); /* owner and group, no others */
	close(dead);                                   /* the file stays, as after a kill */
	assert_ok(socket_listen(address, &living, &failure));
	assert_int_equal(socket_listen(address, &third, &failure), RESULT_BUSY);
	close(living);
	socket_unlink(address);
	assert_int_not_equal(stat(path_in(directory, "x.sock"), &status), 0);
	socket_unlink(SLICE("127.0.0.1:80"));
	buffer_done(&text);
	remove_directory(directory);
}

static bool
covers(const struct socket_peer *peer, const struct sockaddr *address)
{
	const struct socket_peer other = socket_peer_of(address);
	return socket_peers_cover(peer, 1, &other);
}

static bool
matches(const char *peer_text, const char *address)
{
	struct socket_peer peer;
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	assert_ok(socket_peer_read(slice_of(peer_text), &peer, NULL));
	if (strcmp(address, "unix") == 0)
		return covers(&peer, (struct sockaddr *)&un);
	if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
		return covers(&peer, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	return covers(&peer, (struct sockaddr *)&in6);
}

static void
a_peer_matches_itself_or_its_network_only(void **state)
{
	(void)state;
	assert_true(matches("10.1.2.3", "10.1.2.3"));
	assert_false(matches("10.1.2.3", "10.1.2.4"));
	assert_true(matches("10.0.0.0/8", "10.255.0.1"));
	assert_false(matches("10.0.0.0/8", "11.0.0.1"));
	assert_true(matches("192.168.4.0/22", "192.168.7.255"));
	assert_false(matches("192.168.4.0/22", "192.168.8.0"));
	assert_true(matches("10.9.9.9/0", "1.2.3.4"));
	assert_false(matches("0.0.0.0/0", "2001:db8::1"));
	assert_true(matches("1.2.3.4/32", "1.2.3.4"));
	assert_true(matches("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(matches("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(matches("::1", "::1"));
	assert_false(matches("::1", "127.0.0.1"));
	/* a socket for both families reports IPv4 in this form */
	assert_true(matches("10.0.0.0/8", "::ffff:10.1.1.1"));
	assert_false(matches("10.0.0.0/8", "::ffff:11.1.1.1"));
}

static void
a_unix_peer_is_no_network_peer(void **state)
{
	(void)state;
	struct socket_peer peer;
	assert_true(matches("unix", "unix"));
	assert_false(matches("unix", "127.0.0.1"));
	assert_false(matches("unix", "::1"));
	assert_false(matches("0.0.0.0/0", "unix"));
	assert_false(matches("::/0", "unix"));
	assert_ok(socket_peer_read(SLICE("unix"), &peer, NULL));
	assert_true(covers(&peer, NULL));
	assert_ok(socket_peer_read(SLICE("::/0"), &peer, NULL));
	assert_false(covers(&peer, NULL));
}

static void
what_is_no_peer_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "::/129",
	    "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8", "/8", "unix:", "Unix", "10.0.0.0:80",
	    "[::1]"};
	struct socket_peer peer;
	struct failure failure;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (socket_peer_read(slice_of(bad[i]), &peer, &failure) != RESULT_INVALID)
			print_error("\"%s\" was read\n", bad[i]);
		assert_int_equal(
		    socket_peer_read(slice_of(bad[i]), &peer, &failure), RESULT_INVALID);
	}
}

static void
loopback_is_distinguished_from_other_addresses(void **state)
{
	(void)state;
	static const char *const loopback[] = {"127.0.0.1:1", "127.255.255.255:1", "[::1]:1",
	    "[::ffff:127.0.0.1]:1", "[::ffff:7f01:203]:1", "unix:/a"};
	static const char *const others[] = {"0.0.0.0:1", "128.0.0.1:1", "126.255.255.255:1",
	    "[::]:1", "[::2]:1", "[::ffff:0.0.0.0]:1", "[::ffff:10.0.0.1]:1", "[::127.0.0.1]:1",
	    "[fe80::1]:1"};
	struct socket_address address;
	for (size_t i = 0; i < COUNT_OF(loopback); i++) {
		assert_ok(socket_address_read(slice_of(loopback[i]), &address, NULL));
		assert_true(socket_is_loopback((const struct sockaddr *)&address.address));
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		assert_ok(socket_address_read(slice_of(others[i]), &address, NULL));
		assert_false(socket_is_loopback((const struct sockaddr *)&address.address));
	}
}

static void
a_host_is_loopback_by_what_it_says_alone(void **state)
{
	(void)state;
	static const char *const loopback[] = {"localhost", "LOCALHOST:80", "localhost.:1",
	    "127.0.0.1", "127.0.0.1:", "127.1.2.3:65535", "[::1]", "[::1]:8081",
	    "[::ffff:127.0.0.1]"};
	static const char *const others[] = {"", ":80", "localhosts", "a.localhost",
	    "localhost.example", "127.0.0.1.example", "127.1", "127.0.0.1:65536", "127.0.0.1:1:1",
	    "127.0.0.1:x", "127.0.0.1:123456", "[::1", "[::1]x", "[::1]:x", "::1", "[127.0.0.1]",
	    "[]", "[", "0.0.0.0", "user@127.0.0.1", "127.0.0.1 ", "[::1%1]"};
	for (size_t i = 0; i < COUNT_OF(loopback); i++)
		assert_true(socket_host_is_loopback(slice_of(loopback[i])));
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		if (socket_host_is_loopback(slice_of(others[i])))
			print_error("\"%s\" is taken for loopback\n", others[i]);
		assert_false(socket_host_is_loopback(slice_of(others[i])));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_numeric_and_have_a_port),
	    cmocka_unit_test(what_is_no_address_is_refused_with_what_would_be_right),
	    cmocka_unit_test(addresses_clash_if_only_one_of_them_can_be_opened),
	    cmocka_unit_test(an_address_is_tried_without_a_trace),
	    cmocka_unit_test(a_unix_path_that_no_socket_can_have_is_refused),
	    cmocka_unit_test(a_listening_socket_does_not_block_and_is_not_inherited),
	    cmocka_unit_test(a_dead_unix_socket_is_replaced_and_a_living_one_is_not),
	    cmocka_unit_test(a_peer_matches_itself_or_its_network_only),
	    cmocka_unit_test(a_unix_peer_is_no_network_peer),
	    cmocka_unit_test(what_is_no_peer_is_refused),
	    cmocka_unit_test(loopback_is_distinguished_from_other_addresses),
	    cmocka_unit_test(a_host_is_loopback_by_what_it_says_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
