/* From 64-bit integers to ids: open addressing. Ids are the caller's to give. */
#ifndef FASTSGNS_INTMAP_H
#define FASTSGNS_INTMAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define INTMAP_PREFETCH(address) __builtin_prefetch(address)
#else
#define INTMAP_PREFETCH(address) ((void)(address))
#endif

typedef struct {
    int64_t key;
    int64_t id; /* plus one; 0: empty */
} intmap_slot;

typedef struct {
    intmap_slot *slots; /* 1 << (64 - shift), at most half of them full */
    int64_t size;
    int shift;
} intmap;

static inline size_t intmap_home(const intmap *map, int64_t key) {
    return (size_t)(((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> map->shift);
}

static int intmap_init(intmap *map) {
    map->size = 0;
    map->shift = 64 - 10;
    map->slots = (intmap_slot *)calloc((size_t)1 << (64 - map->shift), sizeof *map->slots);
    return map->slots ? 0 : -1;
}

static void intmap_free(intmap *map) {
    free(map->slots);
    map->slots = NULL;
}

static int intmap_grow(intmap *map) {
    intmap old = *map;
    size_t size = (size_t)1 << (64 - old.shift), mask = 2 * size - 1;
    map->slots = (intmap_slot *)calloc(2 * size, sizeof *map->slots);
    if (!map->slots) {
        *map = old;
        return -1;
    }
    map->shift--;
    for (size_t i = 0; i < size; i++) {
        size_t at;
        if (!old.slots[i].id) continue;
        for (at = intmap_home(map, old.slots[i].key); map->slots[at].id; at = (at + 1) & mask) {}
        map->slots[at] = old.slots[i];
    }
    free(old.slots);
    return 0;
}

/* The key's id; `new_id` if it is new; -1 if a new one finds no room. */
static inline int64_t intmap_find(intmap *map, int64_t key, int64_t new_id) {
    size_t mask = ((size_t)1 << (64 - map->shift)) - 1, at;
    for (at = intmap_home(map, key); map->slots[at].id; at = (at + 1) & mask)
        if (map->slots[at].key == key) return map->slots[at].id - 1;
    if (2 * (map->size + 1) > (int64_t)mask) {
        if (intmap_grow(map) < 0) return -1;
        mask = ((size_t)1 << (64 - map->shift)) - 1;
        for (at = intmap_home(map, key); map->slots[at].id; at = (at + 1) & mask) {}
    }
    map->slots[at].key = key;
    map->slots[at].id = new_id + 1;
    map->size++;
    return new_id;
}

/* Element i of an array of integers of `size` bytes, `stride` apart; unsigned ones of 8 bytes are below 2^63. */
static inline int64_t intmap_element(const char *array, int64_t i, int64_t stride, int size, int is_signed) {
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

typedef struct {
    int64_t *counts; /* by id */
    int64_t *keys;   /* by id; of an integer */
    int64_t size, capacity;
} intmap_tally;

static int tally_grow(intmap_tally *tally) {
    int64_t capacity = tally->capacity < 1024 ? 1024 : tally->capacity / 2 * 3;
    int64_t *counts = (int64_t *)realloc(tally->counts, (size_t)capacity * sizeof *counts);
    int64_t *keys;
    if (!counts) return -1;
    tally->counts = counts;
    keys = (int64_t *)realloc(tally->keys, (size_t)capacity * sizeof *keys);
    if (!keys) return -1;
    tally->keys = keys;
    tally->capacity = capacity;
    return 0;
}

static inline int64_t tally_integer(intmap *map, intmap_tally *tally, int64_t key) {
    int64_t id;
    if (tally->size == tally->capacity && tally_grow(tally) < 0) return -1;
    id = intmap_find(map, key, tally->size);
    if (id == tally->size) {
        if (id == INT32_MAX) return -1;
        tally->counts[id] = 0;
        tally->keys[id] = key;
        tally->size++;
    }
    if (id >= 0) tally->counts[id]++;
    return id;
}

/* Ids of n integers to out; -1 if there is no room for a new one. */
static inline int tally_array_of(intmap *map, intmap_tally *tally, const char *array, int64_t n, int64_t stride, int size,
                                 int is_signed, int32_t *out) {
    enum { AHEAD = 16 };
    for (int64_t i = 0; i < n; i++) {
        int64_t id;
        if (i + AHEAD < n)
            INTMAP_PREFETCH(&map->slots[intmap_home(map, intmap_element(array, i + AHEAD, stride, size, is_signed))]);
        id = tally_integer(map, tally, intmap_element(array, i, stride, size, is_signed));
        if (id < 0) return -1;
        out[i] = (int32_t)id;
    }
    return 0;
}

static int tally_array(intmap *map, intmap_tally *tally, const char *array, int64_t n, int64_t stride, int size,
                       int is_signed, int32_t *out) {
    /* A copy of the loop for each of the usual types. */
    if (size == 8 && stride == 8) return tally_array_of(map, tally, array, n, 8, 8, 1, out);
    if (size == 4 && stride == 4 && is_signed) return tally_array_of(map, tally, array, n, 4, 4, 1, out);
    return tally_array_of(map, tally, array, n, stride, size, is_signed, out);
}

#endif
