/* fault: makes syncs of one file fail, or slow.
 *
 * Loaded with LD_PRELOAD. FAULT_CONTROL names a file that the test writes and this library maps.
 * FAULT_NAME is the end of the paths of the affected files. If `failing` is not 0, syncs of these
 * files are skipped and fail with EIO: all of them if it is negative, else so many, after the next
 * `spare` ones. `seen` counts all syncs of such files, `failed` the failed ones. Each sync takes
 * `delay_ms` longer. If `write_errno` is not 0, writes to these files fail with it, after
 * `write_spare` more successful ones. With FAULT_STATX in the environment, statx fails with EPERM,
 * as in a sandbox that does not know it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct control {
	_Atomic long failing, spare, seen, failed, delay_ms, write_errno, write_spare;
};

static struct control *control;
static const char *name;
static int (*real_fsync)(int), (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_statx)(int, const char *, int, unsigned, struct statx *);

__attribute__((constructor)) static void
set_up(void)
{
	const char *path = getenv("FAULT_CONTROL");
	name = getenv("FAULT_NAME");
	real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
	real_statx =
	    (int (*)(int, const char *, int, unsigned, struct statx *))dlsym(RTLD_NEXT, "statx");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		control = mapped;
}

static int
is_named(int fd)
{
	char link[64], path[4096];
	if (control == NULL || name == NULL)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	return len >= (ssize_t)strlen(name) &&
	       memcmp(path + len - strlen(name), name, strlen(name)) == 0;
}

static int
must_fail(int fd)
{
	if (!is_named(fd))
		return 0;
	control->seen++;
	if (control->delay_ms > 0)
		usleep((useconds_t)control->delay_ms * 1000);
	if (control->failing == 0)
		return 0;
	if (control->spare > 0) {
		control->spare--;
		return 0;
	}
	if (control->failing > 0)
		control->failing--;
	control->failed++;
	return 1;
}

int
fsync(int fd)
{
	if (must_fail(fd)) {
		errno = EIO;
		return -1;
	}
	return real_fsync(fd);
}

int
fdatasync(int fd)
{
	if (must_fail(fd)) {
		errno = EIO;
		return -1;
	}
	return real_fdatasync(fd);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
	if (control != NULL && control->write_errno != 0 && is_named(fd) &&
	    control->write_spare-- <= 0) {
		errno = (int)control->write_errno;
		return -1;
	}
	return real_pwrite(fd, bytes, len, offset);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	return pwrite64(fd, bytes, len, offset);
}

int
statx(int folder, const char *path, int flags, unsigned mask, struct statx *out)
{
	if (getenv("FAULT_STATX") != NULL) {
		errno = EPERM;
		return -1;
	}
	return real_statx(folder, path, flags, mask, out);
}
