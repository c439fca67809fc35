/* Large blocks of memory straight from the system, so that what is given back is gone: an allocator may keep it. */
#ifndef FASTSGNS_PAGES_H
#define FASTSGNS_PAGES_H

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Gives the system what the allocator keeps of freed memory: glibc up to 64 MB at the end of its heap, and all holes. */
static void pages_return_freed(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* AddressSanitizer sees no step beyond pages, but one beyond the allocator's memory. */
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__)

static void *pages_reserve(size_t bytes) { return calloc(bytes, 1); }
static void pages_release(void *memory, size_t bytes) { (void)bytes, free(memory); }
static void *pages_reserve_table(size_t bytes) { return calloc(bytes, 1); }
static size_t pages_whole(size_t bytes) { return bytes; }

enum { PAGES_DIVISIBLE = 0 }; /* whether a part can be released */

#else

#include <sys/mman.h>
#include <unistd.h>

/* Zeros, which cost nothing before they are written to; NULL if there is no memory. */
static void *pages_reserve(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* The same for what will be written to all over: in huge pages, where the system has them, look-ups miss fewer. */
static void *pages_reserve_table(size_t bytes) {
    void *memory = pages_reserve(bytes);
#ifdef MADV_HUGEPAGE
    if (memory) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

static void pages_release(void *memory, size_t bytes) {
    if (memory && bytes) munmap(memory, bytes);
}

/* As many bytes as the pages that they lie on. */
static size_t pages_whole(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

enum { PAGES_DIVISIBLE = 1 };

#endif

/* A block's bytes in a larger one, whose rest is zeros; NULL if there is no memory: then the block stays. An allocator
 * would keep much of what a thread outgrows and frees for that thread alone. */
static void *pages_grow(void *memory, size_t bytes, size_t more) {
    void *grown = pages_reserve(more);
    if (!grown || !memory) return grown;
    memcpy(grown, memory, bytes);
    pages_release(memory, bytes);
    return grown;
}

#endif
