/* Large blocks of memory straight from the system, so that what is given back is gone: an allocator may keep it. */
#ifndef FASTSGNS_PAGES_H
#define FASTSGNS_PAGES_H

#include <stdlib.h>

#ifdef _WIN32

static void *pages_reserve(size_t bytes) { return malloc(bytes); }
static void pages_release(void *memory, size_t bytes) { (void)bytes, free(memory); }
static size_t pages_trim(void *memory, size_t bytes, size_t used) { (void)memory, (void)used; return bytes; }

#else

#include <sys/mman.h>
#include <unistd.h>

/* Costs nothing before it is written to; NULL if there is none. */
static void *pages_reserve(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void pages_release(void *memory, size_t bytes) {
    if (memory) munmap(memory, bytes);
}

/* Gives the part beyond `used` bytes back; the size that is left. */
static size_t pages_trim(void *memory, size_t bytes, size_t used) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t left = used ? (used + page - 1) / page * page : page;
    if (left < bytes && munmap((char *)memory + left, bytes - left) == 0) return left;
    return bytes;
}

#endif
#endif
