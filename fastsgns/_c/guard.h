/* Forbids memory between arrays that are cut from one block; AddressSanitizer, which then sees each step beyond one, and
 * nobody else takes notice. */
#ifndef FASTSGNS_GUARD_H
#define FASTSGNS_GUARD_H

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { GUARD_BYTES = 64 };
static void guard_forbid(const void *memory, size_t bytes) { __asan_poison_memory_region(memory, bytes); }
#else
enum { GUARD_BYTES = 0 };
static void guard_forbid(const void *memory, size_t bytes) { (void)memory, (void)bytes; }
#endif
#endif
