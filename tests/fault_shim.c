/* Makes one chosen call that writes, of those on files below a folder, fail, or kill the process.
 *
 * Loaded by LD_PRELOAD into a Python that chooses through ctypes. Whoever calls from whatever thread is counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { ONCE, FOR_EVER, SHORT_WRITES, KILL };

static char folder[PATH_MAX]; /* empty: nothing is watched */
static atomic_long calls;
static long chosen;
static int number, mode;
static const char *_Atomic failed; /* the name of the first call that failed */

/* Watches a folder from now on: call `call` fails with errno `error`, 0 being the first; none does if it is negative.
 * With FOR_EVER, so do all after it; with KILL, it ends the process; with SHORT_WRITES, every write takes half of its
 * bytes instead, where it has more than one. */
void fault_begin(const char *path, long call, int error, int how) {
    folder[0] = 0;
    calls = 0;
    chosen = call;
    number = error;
    mode = how;
    failed = NULL;
    strncpy(folder, path, sizeof folder - 1);
}

/* Ends it; returns how many calls there were. */
long fault_end(void) {
    folder[0] = 0;
    return calls;
}

const char *fault_name(void) { return failed ? failed : ""; }

static int below(const char *path) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int descriptor_below(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether this call is to fail. */
static int fails(const char *name) {
    long call = calls++;
    if (mode == SHORT_WRITES || chosen < 0 || !(call == chosen || (mode == FOR_EVER && call > chosen))) return 0;
    if (mode == KILL) raise(SIGKILL);
    if (!failed) failed = name;
    errno = number;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define BY_PATH(name, parameters, path, ...)                      \
    int name parameters {                                         \
        return below(path) && fails(#name) ? -1 : REAL(name)(__VA_ARGS__); \
    }
BY_PATH(rename, (const char *from, const char *to), to, from, to)
BY_PATH(renameat, (int a, const char *from, int b, const char *to), to, a, from, b, to)
BY_PATH(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), to, a, from, b, to, flags)
BY_PATH(link, (const char *from, const char *to), to, from, to)
BY_PATH(unlink, (const char *path), path, path)
BY_PATH(unlinkat, (int at, const char *path, int flags), path, at, path, flags)
BY_PATH(chmod, (const char *path, mode_t bits), path, path, bits)
BY_PATH(fchmodat, (int at, const char *path, mode_t bits, int flags), path, at, path, bits, flags)
BY_PATH(truncate, (const char *path, off_t size), path, path, size)
BY_PATH(truncate64, (const char *path, off64_t size), path, path, size)

#define BY_DESCRIPTOR(result, name, parameters, descriptor, ...)                        \
    result name parameters {                                                           \
        return descriptor_below(descriptor) && fails(#name) ? -1 : REAL(name)(__VA_ARGS__); \
    }
int fchmod(int, mode_t);
BY_DESCRIPTOR(int, fsync, (int fd), fd, fd)
BY_DESCRIPTOR(int, fdatasync, (int fd), fd, fd)
BY_DESCRIPTOR(int, fchmod, (int fd, mode_t bits), fd, fd, bits)
BY_DESCRIPTOR(int, ftruncate, (int fd, off_t size), fd, fd, size)
BY_DESCRIPTOR(int, ftruncate64, (int fd, off64_t size), fd, fd, size)
BY_DESCRIPTOR(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, fd, data, size, at)
BY_DESCRIPTOR(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, fd, data, size, at)
BY_DESCRIPTOR(ssize_t, sendfile, (int to, int from, off_t *at, size_t size), to, to, from, at, size)
BY_DESCRIPTOR(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t size), to, to, from, at, size)
BY_DESCRIPTOR(ssize_t, copy_file_range, (int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags), to,
              from, a, to, b, size, flags)

/* Returns the error's number and leaves errno. */
int posix_fallocate(int fd, off_t at, off_t size) {
    return descriptor_below(fd) && fails("posix_fallocate") ? number : REAL(posix_fallocate)(fd, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    return descriptor_below(fd) && fails("posix_fallocate") ? number : REAL(posix_fallocate64)(fd, at, size);
}

ssize_t write(int fd, const void *data, size_t size) {
    if (descriptor_below(fd)) {
        if (fails("write")) return -1;
        if (mode == SHORT_WRITES && size > 1) size /= 2;
    }
    return REAL(write)(fd, data, size);
}

/* Of files open for writing; the file is closed all the same, as the system does. */
int close(int fd) {
    int flags = folder[0] ? fcntl(fd, F_GETFL) : -1;
    int watched = flags != -1 && (flags & O_ACCMODE) != O_RDONLY && descriptor_below(fd);
    int result = REAL(close)(fd);
    return watched && fails("close") ? -1 : result;
}

#define OPENS(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))
#define BITS(flags, bits)                        \
    mode_t bits = 0;                             \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {     \
        va_list rest;                            \
        va_start(rest, flags);                   \
        bits = va_arg(rest, mode_t);             \
        va_end(rest);                            \
    }

#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...) {                                \
        BITS(flags, bits)                                                       \
        return OPENS(flags) && below(path) && fails("open") ? -1 : REAL(name)(path, flags, bits); \
    }
#define OPENAT(name)                                                            \
    int name(int at, const char *path, int flags, ...) {                        \
        BITS(flags, bits)                                                       \
        return OPENS(flags) && below(path) && fails("open") ? -1 : REAL(name)(at, path, flags, bits); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
