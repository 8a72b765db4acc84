/* fault: makes syncs of one file fail, or slow.
 *
 * Loaded with LD_PRELOAD. FAULT_CONTROL names a file that the test writes and this library maps;
 * FAULT_NAME is how the paths of the files concerned end. While `failing` is not 0 a sync of such a
 * file is not done and gives EIO: every one if it is negative, else so many of them, from the one
 * after the next `spare` on. `seen` counts all syncs of such files, `failed` those that failed.
 * Each of them takes `delay_ms` longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
	_Atomic long failing, spare, seen, failed, delay_ms;
};

static struct control *control;
static const char *name;
static int (*real_fsync)(int), (*real_fdatasync)(int);

__attribute__((constructor)) static void
set_up(void)
{
	const char *path = getenv("FAULT_CONTROL");
	name = getenv("FAULT_NAME");
	real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		control = mapped;
}

static int
must_fail(int fd)
{
	char link[64], path[4096];
	if (control == NULL || name == NULL)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len < (ssize_t)strlen(name) ||
	    memcmp(path + len - strlen(name), name, strlen(name)) != 0)
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
