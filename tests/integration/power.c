/* power: models what a power cut leaves of the files in one directory.
 *
 * Loaded with LD_PRELOAD. POWER_STORE names the directory of the daemon's files, POWER_DISK the
 * directory that models the disk: it gets only the data that a successful sync covered. Data that
 * was written before a failed sync is not covered by later ones, as on Linux, which marks the pages
 * clean. After the daemon was killed, the test replaces the files of POWER_STORE by those of
 * POWER_DISK.
 *
 * The kernel has what a killed process wrote, and a sync by the next process covers it too. So the
 * changes that no sync covered are noted in files that end with .pending, which a power cut
 * removes.
 *
 * POWER_PLANT=skip models a build that does not sync, POWER_PLANT=early one that answers before the
 * sync is done: a sync returns at once, and covers the file EARLY_MS later.
 *
 * File names are assumed to be durable at once: SQLite syncs the directory when it creates a file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 16
#define EARLY_MS 50

/* A write, or a truncation if len is 0. */
struct change {
	off_t offset;
	size_t len;
};

struct file {
	char name[256];
	int pending; /* a file of the changes since the last sync, in order */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES_MAX];
static const char *store, *disk, *plant;
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_unlink)(const char *);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off_t);

__attribute__((constructor)) static void
set_up(void)
{
	store = getenv("POWER_STORE");
	disk = getenv("POWER_DISK");
	plant = getenv("POWER_PLANT");
	real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	real_unlink = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
	real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
	real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	real_ftruncate = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
}

/* The name of a file in the store that counts, in out; shared memory and locks need not survive. */
static int
is_ours(const char *path, char *out)
{
	size_t len = store == NULL || disk == NULL ? 0 : strlen(store);
	if (len == 0 || strncmp(path, store, len) != 0 || path[len] != '/' ||
	    strchr(path + len + 1, '/') != NULL || strlen(path + len + 1) > 250)
		return 0;
	strcpy(out, path + len + 1);
	size_t name_len = strlen(out);
	return name_len >= 3 && (strcmp(out + name_len - 3, ".db") == 0 ||
				    (name_len >= 4 && strcmp(out + name_len - 4, "-wal") == 0));
}

static int
name_of(int fd, char *out)
{
	char link[64], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len < 0)
		return 0;
	path[len] = '\0';
	return is_ours(path, out);
}

/* Under the lock. */
static struct file *
find(const char *name)
{
	char path[4096 + 256];
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (files[i].name[0] == '\0') {
			snprintf(path, sizeof path, "%s/%s.pending", disk, name);
			files[i].pending =
			    open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
			if (files[i].pending < 0)
				abort();
			strcpy(files[i].name, name);
		}
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	}
	abort();
}

/* Under the lock. */
static void
forget(struct file *file)
{
	if (real_ftruncate(file->pending, 0) != 0)
		abort();
}

/* Takes the lock and notes a change that is about to be made, so that a kill cannot come between.
 */
static void
begin_change(int fd, off_t offset, size_t len)
{
	char name[256];
	struct change change = {offset, len};
	pthread_mutex_lock(&lock);
	if (name_of(fd, name) &&
	    real_write(find(name)->pending, &change, sizeof change) != sizeof change)
		abort();
}

static void
end_change(void)
{
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
}

/* Under the lock: the disk gets all changes of the file, with the bytes that it holds now. */
static void
cover(struct file *file)
{
	char path[4096 + 256], bytes[65536];
	struct change change;
	off_t at = 0;
	snprintf(path, sizeof path, "%s/%s", store, file->name);
	int from = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/%s", disk, file->name);
	int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	while (from >= 0 && to >= 0 &&
	       pread(file->pending, &change, sizeof change, at) == sizeof change) {
		at += (off_t)sizeof change;
		if (change.len == 0 && real_ftruncate(to, change.offset) != 0)
			abort();
		while (change.len > 0) {
			size_t part = change.len < sizeof bytes ? change.len : sizeof bytes;
			ssize_t len = pread(from, bytes, part, change.offset);
			if (len <= 0)
				break; /* cut off since */
			if (real_pwrite(to, bytes, (size_t)len, change.offset) != len)
				abort();
			change.offset += len;
			change.len -= (size_t)len;
		}
	}
	forget(file);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

static void *
cover_later(void *context)
{
	usleep(EARLY_MS * 1000);
	pthread_mutex_lock(&lock);
	cover(context);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int
sync_file(int fd, int (*real)(int))
{
	char name[256];
	if (!name_of(fd, name))
		return real(fd);
	if (plant != NULL && strcmp(plant, "skip") == 0)
		return 0;
	pthread_mutex_lock(&lock);
	struct file *file = find(name);
	int result = 0;
	if (plant != NULL && strcmp(plant, "early") == 0) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, cover_later, file) == 0)
			pthread_detach(thread);
	} else {
		/* Another thread's write while the sync runs may not be covered by it, but here it
		 * waits. */
		result = real(fd);
		if (result == 0)
			cover(file);
		else
			forget(file);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int
fsync(int fd)
{
	return sync_file(fd, real_fsync);
}

int
fdatasync(int fd)
{
	return sync_file(fd, real_fdatasync);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
	begin_change(fd, offset, len);
	ssize_t written = real_pwrite(fd, bytes, len, offset);
	end_change();
	return written;
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	return pwrite64(fd, bytes, len, offset);
}

int
ftruncate64(int fd, off_t size)
{
	begin_change(fd, size, 0);
	int result = real_ftruncate(fd, size);
	end_change();
	return result;
}

int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

int
unlink(const char *path)
{
	char name[256], there[4096 + 256];
	int result = real_unlink(path);
	if (result == 0 && is_ours(path, name)) {
		pthread_mutex_lock(&lock);
		forget(find(name));
		snprintf(there, sizeof there, "%s/%s", disk, name);
		real_unlink(there);
		pthread_mutex_unlock(&lock);
	}
	return result;
}
