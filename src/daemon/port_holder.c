#include "port_holder.h"

#include "dlrd/base/socket.h"
#include "dlrd/daemon/lock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENING 0x0a /* state of a socket, as /proc/net/tcp has it */
#define INODES_MAX 64  /* sockets that listen on one port */

struct inodes {
	unsigned long items[INODES_MAX];
	size_t count;
};

static unsigned
port_of(const struct socket_address *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	memcpy(&in, &address->address, sizeof in);
	memcpy(&in6, &address->address, sizeof in6);
	return ntohs(address->address.ss_family == AF_INET ? in.sin_port : in6.sin6_port);
}

/* Adds the sockets that listen on the port: proc(5), /proc/net/tcp. */
static void
find_inodes(const char *path, unsigned port, struct inodes *inodes)
{
	char line[512];
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		unsigned local, state;
		unsigned long inode;
		if (sscanf(line,
			" %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*d %*d %lu",
			&local, &state, &inode) == 3 &&
		    local == port && state == LISTENING && inodes->count < INODES_MAX)
			inodes->items[inodes->count++] = inode;
	}
	if (file != NULL)
		fclose(file);
}

/* The same of a unix socket: /proc/net/unix. */
static void
find_unix_inodes(const char *wanted, struct inodes *inodes)
{
	char line[PATH_MAX + 128];
	FILE *file = fopen("/proc/net/unix", "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		unsigned long inode;
		int at = 0;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %n", &inode, &at) == 1 && at > 0 &&
		    strcmp(line + at, wanted) == 0 && inodes->count < INODES_MAX)
			inodes->items[inodes->count++] = inode;
	}
	if (file != NULL)
		fclose(file);
}

/* What one of a process's descriptors refers to: "socket:[123]", or a path. */
static bool
read_descriptor(pid_t process, const char *name, char out[PATH_MAX])
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/fd/%.16s", (long)process, name);
	ssize_t len = readlink(path, out, PATH_MAX - 1);
	out[len > 0 ? len : 0] = '\0';
	return len > 0;
}

static bool
is_one_of(const char *target, const struct inodes *inodes)
{
	unsigned long inode;
	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < inodes->count; i++)
		if (inodes->items[i] == inode)
			return true;
	return false;
}

/* Whether the process has one of the sockets and, unless lock is NULL, the lock's file open. */
static bool
holds(pid_t process, const struct inodes *inodes, const char *lock)
{
	char path[64], target[PATH_MAX];
	bool has_socket = false, has_lock = lock == NULL;
	snprintf(path, sizeof path, "/proc/%ld/fd", (long)process);
	DIR *descriptors = opendir(path);
	if (descriptors == NULL)
		return errno == EACCES && lock != NULL;
	for (const struct dirent *entry; (entry = readdir(descriptors)) != NULL;) {
		if (!read_descriptor(process, entry->d_name, target))
			continue;
		has_socket |= is_one_of(target, inodes);
		has_lock |= lock != NULL && strcmp(target, lock) == 0;
	}
	closedir(descriptors);
	return has_socket && has_lock;
}

static bool
is_systemd(pid_t process)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof path, "/proc/%ld/comm", (long)process);
	FILE *file = fopen(path, "re");
	bool read = file != NULL && fgets(name, sizeof name, file) != NULL;
	if (file != NULL)
		fclose(file);
	return read && strcmp(name, "systemd\n") == 0;
}

bool
port_holder_is_ours(const char *address, const char *directory)
{
	char name[PATH_MAX], lock[PATH_MAX];
	struct socket_address read;
	struct inodes inodes = {.count = 0};
	pid_t holder = lock_holder(directory);
	snprintf(name, sizeof name, "%s/" LOCK_FILE, directory);
	bool locked = holder > 0 && realpath(name, lock) != NULL;

	if (socket_address_read(slice_of(address), &read, NULL) != RESULT_OK)
		return false;
	if (read.address.ss_family == AF_UNIX)
		find_unix_inodes(((const struct sockaddr_un *)&read.address)->sun_path, &inodes);
	else {
		find_inodes("/proc/net/tcp", port_of(&read), &inodes);
		find_inodes("/proc/net/tcp6", port_of(&read), &inodes);
	}
	return (locked && holds(holder, &inodes, lock)) ||
	       (is_systemd(1) && holds(1, &inodes, NULL));
}
