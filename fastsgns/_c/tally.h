/* Counts tokens and gives them ids in the order of first appearance; integers without an object each.
 *
 * A small integer that is not negative has its entry in an array, others in an open-addressing table. */
#ifndef FASTSGNS_TALLY_H
#define FASTSGNS_TALLY_H

#include <stdint.h>
#include <string.h>

#include "pages.h"
#include "prefetch.h"

typedef struct {
    uint32_t id;    /* plus one; 0: empty */
    uint32_t count; /* beyond what `counts` has */
} tally_entry;

typedef struct {
    int64_t key;
    tally_entry entry;
} tally_slot;

/* What tally_renumber leaves of a word without an id: its slot stays full, as others' searches go on past it. */
#define TALLY_LEFT_OUT UINT32_MAX

#ifndef TALLY_SMALL
#define TALLY_SMALL (1 << 22) /* integers from 0 to here have a place of their own; untouched places cost nothing */
#endif

typedef struct {
    tally_entry *small;
    tally_slot *slots; /* of other integers; 1 << (64 - shift), at most half of them full */
    int shift;
    int64_t n_slots_full;
    int64_t *counts; /* by id */
    int64_t *keys;   /* by id: the integer; of other tokens, nothing */
    int64_t size, capacity;
} tally;

static void tally_free(tally *t) {
    pages_release(t->small, TALLY_SMALL * sizeof *t->small);
    if (t->slots) pages_release(t->slots, sizeof *t->slots << (64 - t->shift));
    pages_release(t->counts, (size_t)t->capacity * sizeof *t->counts);
    pages_release(t->keys, (size_t)t->capacity * sizeof *t->keys);
    memset(t, 0, sizeof *t);
}

static int tally_init(tally *t) {
    memset(t, 0, sizeof *t);
    t->shift = 64 - 10;
    t->slots = (tally_slot *)pages_reserve_table(sizeof *t->slots << (64 - t->shift));
    t->small = (tally_entry *)pages_reserve(TALLY_SMALL * sizeof *t->small);
    if (t->slots && t->small) return 0;
    tally_free(t);
    return -1;
}

static int tally_grow(tally *t) {
    int64_t capacity = t->capacity < 1024 ? 1024 : t->capacity / 2 * 3;
    size_t bytes = (size_t)t->capacity * sizeof *t->keys, more = (size_t)capacity * sizeof *t->keys;
    int64_t *counts = (int64_t *)pages_reserve(more), *keys = counts ? (int64_t *)pages_grow(t->keys, bytes, more) : NULL;
    if (!keys) return pages_release(counts, more), -1;
    if (bytes) memcpy(counts, t->counts, bytes);
    pages_release(t->counts, bytes);
    t->counts = counts;
    t->keys = keys;
    t->capacity = capacity;
    return 0;
}

/* The id of a token that was not seen before; -1 if there is no room for it. */
static int64_t tally_new(tally *t, int64_t key) {
    if (t->size == INT32_MAX || (t->size == t->capacity && tally_grow(t) < 0)) return -1;
    t->counts[t->size] = 0;
    t->keys[t->size] = key;
    return t->size++;
}

static inline size_t tally_home(const tally *t, int64_t key) {
    return (size_t)(((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> t->shift);
}

/* The key's slot, or the empty one where it would be. */
static inline tally_slot *tally_find(const tally *t, int64_t key) {
    size_t mask = ((size_t)1 << (64 - t->shift)) - 1, at = tally_home(t, key);
    while (t->slots[at].entry.id && t->slots[at].key != key) at = (at + 1) & mask;
    return &t->slots[at];
}

static int tally_grow_slots(tally *t) {
    size_t size = (size_t)1 << (64 - t->shift);
    tally_slot *old = t->slots, *slots = (tally_slot *)pages_reserve_table(2 * size * sizeof *slots);
    if (!slots) return -1;
    t->slots = slots;
    t->shift--;
    for (size_t i = 0; i < size; i++)
        if (old[i].entry.id) *tally_find(t, old[i].key) = old[i];
    pages_release(old, size * sizeof *old);
    return 0;
}

static tally_entry *tally_insert(tally *t, int64_t key) {
    tally_entry *entry;
    int64_t id;
    if ((uint64_t)key < TALLY_SMALL) {
        entry = &t->small[key];
    } else {
        tally_slot *slot;
        if (2 * (t->n_slots_full + 1) > (int64_t)1 << (64 - t->shift) && tally_grow_slots(t) < 0) return NULL;
        slot = tally_find(t, key);
        slot->key = key;
        entry = &slot->entry;
        t->n_slots_full++;
    }
    if ((id = tally_new(t, key)) < 0) return NULL;
    entry->id = (uint32_t)id + 1;
    return entry;
}

static inline void tally_prefetch(const tally *t, int64_t key) {
    if ((uint64_t)key < TALLY_SMALL) prefetch_line(&t->small[key], 0);
    else prefetch_line(&t->slots[tally_home(t, key)], 0);
}

/* The id of an integer, which is counted; -1 if there is no room for a new one. */
static inline int64_t tally_integer(tally *t, int64_t key) {
    tally_entry *entry = (uint64_t)key < TALLY_SMALL ? &t->small[key] : &tally_find(t, key)->entry;
    if (!entry->id && !(entry = tally_insert(t, key))) return -1;
    if (++entry->count == 0) t->counts[entry->id - 1] += (int64_t)1 << 32;
    return (int64_t)entry->id - 1;
}

/* Counts of all tokens, by id. */
static void tally_read_counts(const tally *t, int64_t *counts) {
    for (int64_t id = 0; id < t->size; id++) counts[id] = t->counts[id];
    for (int64_t key = 0, left = t->size; key < TALLY_SMALL && left; key++)
        if (t->small[key].id) counts[t->small[key].id - 1] += t->small[key].count, left--;
    for (size_t i = 0; i < (size_t)1 << (64 - t->shift); i++)
        if (t->slots[i].entry.id) counts[t->slots[i].entry.id - 1] += t->slots[i].entry.count;
}

/* Element i of an array of integers of `size` bytes, `stride` apart; unsigned ones of 8 bytes are below 2^63. */
static inline int64_t tally_element(const char *array, int64_t i, int64_t stride, int size, int is_signed) {
    const char *p = array + i * stride;
    int64_t i64;
    int32_t i32;
    int16_t i16;
    switch (size) {
    case 8: return memcpy(&i64, p, 8), i64;
    case 4: return memcpy(&i32, p, 4), is_signed ? i32 : (int64_t)(uint32_t)i32;
    case 2: return memcpy(&i16, p, 2), is_signed ? i16 : (int64_t)(uint16_t)i16;
    default: return is_signed ? *(const int8_t *)p : (int64_t)*(const uint8_t *)p;
    }
}

enum { TALLY_AHEAD = 16 }; /* elements from look-up to prefetch: a table of many tokens is in no near cache */

/* Counts n integers and writes their ids to out, unless that is NULL; -1 if there is no room for a new one. */
static inline int tally_array_of(tally *t, const char *array, int64_t n, int64_t stride, int size, int is_signed,
                                 int32_t *out) {
    for (int64_t i = 0; i < n; i++) {
        int64_t id;
        if (i + TALLY_AHEAD < n) tally_prefetch(t, tally_element(array, i + TALLY_AHEAD, stride, size, is_signed));
        id = tally_integer(t, tally_element(array, i, stride, size, is_signed));
        if (id < 0) return -1;
        if (out) out[i] = (int32_t)id;
    }
    return 0;
}

/* The next three have a copy of their loop for each of the usual types. */
static int tally_array(tally *t, const char *array, int64_t n, int64_t stride, int size, int is_signed, int32_t *out) {
    if (size == 8 && stride == 8) return tally_array_of(t, array, n, 8, 8, 1, out);
    if (size == 4 && stride == 4 && is_signed) return tally_array_of(t, array, n, 4, 4, 1, out);
    return tally_array_of(t, array, n, stride, size, is_signed, out);
}

static int tally_count(tally *t, const char *array, int64_t n, int size, int is_signed) {
    if (size == 8) return tally_array_of(t, array, n, 8, 8, 1, NULL);
    if (size == 4 && is_signed) return tally_array_of(t, array, n, 4, 4, 1, NULL);
    return tally_array_of(t, array, n, size, size, is_signed, NULL);
}

/* Takes over the tokens and counts of another one, in its order, and writes their ids here to `ids`; -1 if there is no
 * room for a new one. */
static int tally_merge(tally *t, const tally *other, const int64_t *other_counts, int32_t *ids) {
    for (int64_t i = 0; i < other->size; i++) {
        int64_t id = tally_integer(t, other->keys[i]);
        if (id < 0) return -1;
        t->counts[id] += other_counts[i] - 1;
        ids[i] = (int32_t)id;
    }
    return 0;
}

/* Makes ids[id] the id of every token, or none where that is negative. From here on there is tally_translate alone. */
static void tally_renumber(tally *t, const int32_t *ids) {
    for (int64_t id = 0; id < t->size; id++) {
        int64_t key = t->keys[id];
        tally_entry *entry = (uint64_t)key < TALLY_SMALL ? &t->small[key] : &tally_find(t, key)->entry;
        entry->id = ids[id] < 0 ? TALLY_LEFT_OUT : (uint32_t)ids[id] + 1;
    }
}

/* Ids of the elements [begin, end) of an array that have one to out, `room` at most; returns their number. */
static inline int64_t tally_translate_of(const tally *t, const char *array, int64_t begin, int64_t end, int size,
                                         int is_signed, int32_t *out, int64_t room) {
    int64_t length = 0;
    for (int64_t i = begin; i < end; i++) {
        int64_t key = tally_element(array, i, size, size, is_signed);
        uint32_t id = (uint64_t)key < TALLY_SMALL ? t->small[key].id : tally_find(t, key)->entry.id;
        if (id && id != TALLY_LEFT_OUT && length < room) out[length++] = (int32_t)(id - 1);
    }
    return length;
}

/* Ids of n sentences, sentence i the elements [offsets[i], offsets[i + 1]) of the array, to out, `room` at most; how
 * many there are up to the end of each, and `base` more, to `ends`. Returns their number. */
static int64_t tally_translate(const tally *t, const char *array, const int64_t *offsets, int64_t n, int size,
                               int is_signed, int32_t *out, int64_t room, int64_t base, int64_t *ends) {
    int64_t length = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t begin = offsets[i], end = offsets[i + 1], left = room - length;
        int32_t *to = out + length;
        if (size == 8) length += tally_translate_of(t, array, begin, end, 8, 1, to, left);
        else if (size == 4 && is_signed) length += tally_translate_of(t, array, begin, end, 4, 1, to, left);
        else length += tally_translate_of(t, array, begin, end, size, is_signed, to, left);
        ends[i] = base + length;
    }
    return length;
}

#endif
