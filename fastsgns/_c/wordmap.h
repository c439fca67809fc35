/* From the bytes of a word to its id: open addressing, words of up to 16 bytes inside the slot, so that a look-up
 * touches one cache line. Ids count up from 0 in the order of first appearance. Words hold no NUL byte. */
#ifndef FASTSGNS_WORDMAP_H
#define FASTSGNS_WORDMAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "prefetch.h"

#if defined(__GNUC__)
#define WORDMAP_NOINLINE __attribute__((noinline))
#else
#define WORDMAP_NOINLINE
#endif

enum { WORDMAP_INLINE = 16, WORDMAP_NO_MEMORY = -1, WORDMAP_FULL = -2 };

typedef struct {
    uint64_t key[2]; /* the word, zero-padded; of a longer one, its hash with a first byte of 0, and its place in `bytes` */
    int64_t count;
    int32_t id;
    uint32_t length; /* 0: empty */
} wordmap_slot;

typedef struct {
    wordmap_slot *slots; /* 1 << (64 - shift), at most two thirds of them full */
    int shift;
    int32_t size;
    int32_t first_capacity;
    int64_t *first; /* by id: where the word was seen first, a number that rises through the corpus */
    uint8_t *bytes; /* words that do not fit a slot, from 1 on */
    size_t bytes_used, bytes_capacity;
} wordmap;

static inline uint64_t wordmap_mix(uint64_t a, uint64_t b) {
    a ^= UINT64_C(0x9E3779B97F4A7C15);
    b ^= UINT64_C(0xD6E8FEB86659FD93);
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    a = (a ^ (a >> 32)) * b;
    return (a ^ (a >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
#endif
}

static uint64_t wordmap_hash_long(const uint8_t *word, size_t length) {
    uint64_t hash = length, part[2];
    size_t at = 0;
    for (; at + 16 < length; at += 16) {
        memcpy(part, word + at, 16);
        hash = wordmap_mix(part[0] ^ hash, part[1]) + hash * UINT64_C(0xBF58476D1CE4E5B9);
    }
    memcpy(part, word + length - 16, 16);
    return wordmap_mix(part[0] ^ hash, part[1]);
}

static inline uint64_t wordmap_slot_hash(const wordmap_slot *slot) {
    return wordmap_mix(slot->key[0], slot->length <= WORDMAP_INLINE ? slot->key[1] : 0);
}

static int wordmap_init(wordmap *map) {
    memset(map, 0, sizeof *map);
    map->shift = 64 - 12;
    map->bytes_used = 1;
    map->slots = (wordmap_slot *)pages_reserve_table(sizeof *map->slots << (64 - map->shift));
    return map->slots ? 0 : WORDMAP_NO_MEMORY;
}

static void wordmap_free(wordmap *map) {
    if (map->slots) pages_release(map->slots, sizeof *map->slots << (64 - map->shift));
    pages_release(map->first, (size_t)map->first_capacity * sizeof *map->first);
    pages_release(map->bytes, map->bytes_capacity);
    memset(map, 0, sizeof *map);
}

static int wordmap_grow(wordmap *map) {
    size_t size = (size_t)1 << (64 - map->shift), mask = 2 * size - 1, i;
    wordmap_slot *slots = (wordmap_slot *)pages_reserve_table(2 * size * sizeof *slots);
    if (!slots) return WORDMAP_NO_MEMORY;
    map->shift--;
    for (i = 0; i < size; i++) {
        const wordmap_slot *slot = &map->slots[i];
        size_t at;
        if (!slot->length) continue;
        at = wordmap_slot_hash(slot) >> map->shift;
        while (slots[at].length) at = (at + 1) & mask;
        slots[at] = *slot;
    }
    pages_release(map->slots, size * sizeof *slots);
    map->slots = slots;
    return 0;
}

static int wordmap_append_first(wordmap *map, int64_t first) {
    if (map->size == map->first_capacity) {
        int32_t capacity = map->size < 1024 ? 1024 : map->size > INT32_MAX / 3 * 2 ? INT32_MAX : map->size / 2 * 3;
        size_t bytes = (size_t)map->first_capacity * sizeof *map->first;
        int64_t *grown = (int64_t *)pages_grow(map->first, bytes, (size_t)capacity * sizeof *grown);
        if (!grown) return WORDMAP_NO_MEMORY;
        map->first = grown;
        map->first_capacity = capacity;
    }
    map->first[map->size] = first;
    return 0;
}

/* Masks that keep the first n bytes of 16 begin at byte 16 - n. */
static const uint8_t WORDMAP_MASKS[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* A word to look up. Hashing first and looking up later gives the prefetch in between time to arrive. */
typedef struct {
    const uint8_t *bytes;
    uint64_t key[2]; /* as in a slot, but for the place of a long word */
    uint64_t hash;
    uint32_t length;
    uint32_t end; /* for the caller */
} wordmap_query;

/* 16 bytes at `bytes` are readable, whatever the length; 0 < length < 2^32. */
static inline void wordmap_prepare(const wordmap *map, wordmap_query *query, const uint8_t *bytes, size_t length) {
    uint64_t key[2];
    if (length <= WORDMAP_INLINE) { /* in halves, which stay in registers for the hash */
        uint64_t keep[2];
        memcpy(&key[0], bytes, 8);
        memcpy(&key[1], bytes + 8, 8);
        memcpy(&keep[0], WORDMAP_MASKS + 16 - length, 8);
        memcpy(&keep[1], WORDMAP_MASKS + 24 - length, 8);
        key[0] &= keep[0];
        key[1] &= keep[1];
    } else {
        const uint8_t zero = 0;
        key[0] = wordmap_hash_long(bytes, length);
        key[1] = 0;
        memcpy(&key[0], &zero, 1); /* so that it equals no short word, which would begin with NUL */
    }
    query->bytes = bytes;
    query->length = (uint32_t)length;
    query->key[0] = key[0];
    query->key[1] = key[1];
    query->hash = wordmap_mix(key[0], key[1]);
    prefetch_line(&map->slots[query->hash >> map->shift], 0);
}

/* Takes in a word that is not there; NULL and a negative *status if there is no room for it. */
WORDMAP_NOINLINE
static wordmap_slot *wordmap_insert(wordmap *map, const wordmap_query *query, int64_t first, int *status) {
    uint64_t place = query->key[1];
    const uint32_t length = query->length;
    wordmap_slot *slot;
    size_t at, mask;
    *status = WORDMAP_FULL;
    if (map->size == INT32_MAX) return NULL;
    *status = WORDMAP_NO_MEMORY;
    if (3 * (uint64_t)map->size >= (uint64_t)2 << (64 - map->shift) && wordmap_grow(map) < 0) return NULL;
    if (length > WORDMAP_INLINE) {
        if (map->bytes_used + length > map->bytes_capacity) {
            size_t capacity = (map->bytes_used + length) / 2 * 3 + 4096;
            uint8_t *grown = (uint8_t *)pages_grow(map->bytes, map->bytes_capacity, capacity);
            if (!grown) return NULL;
            map->bytes = grown;
            map->bytes_capacity = capacity;
        }
        memcpy(map->bytes + map->bytes_used, query->bytes, length);
        place = map->bytes_used;
        map->bytes_used += length;
    }
    if (wordmap_append_first(map, first) < 0) return NULL;
    mask = ((size_t)1 << (64 - map->shift)) - 1;
    for (at = query->hash >> map->shift; map->slots[at].length; at = (at + 1) & mask) {}
    slot = &map->slots[at];
    slot->key[0] = query->key[0];
    slot->key[1] = place;
    slot->id = map->size++;
    slot->length = length;
    *status = 0;
    return slot;
}

/* The word's slot, wherever it is, made if need be. */
WORDMAP_NOINLINE
static wordmap_slot *wordmap_search(wordmap *map, const wordmap_query *query, int64_t first, int *status) {
    const size_t mask = ((size_t)1 << (64 - map->shift)) - 1;
    for (size_t at = query->hash >> map->shift; map->slots[at].length; at = (at + 1) & mask) {
        wordmap_slot *slot = &map->slots[at];
        if (slot->key[0] != query->key[0]) continue;
        if (query->length <= WORDMAP_INLINE) {
            if (slot->key[1] == query->key[1]) return slot;
        } else if (slot->length == query->length && memcmp(map->bytes + slot->key[1], query->bytes, slot->length) == 0) {
            return slot;
        }
    }
    return wordmap_insert(map, query, first, status);
}

/* The word's slot, made if need be; its count is the caller's. NULL and a negative *status if it finds no room. */
static inline wordmap_slot *wordmap_find(wordmap *map, const wordmap_query *query, int64_t first, int *status) {
    wordmap_slot *slot = &map->slots[query->hash >> map->shift];
    /* Most are short and in the first place. No long one is found here, as there is none at 0, nor an empty slot. */
    if (((slot->key[0] ^ query->key[0]) | (slot->key[1] ^ query->key[1])) == 0) return slot;
    return wordmap_search(map, query, first, status);
}

static inline int64_t wordmap_slots(const wordmap *map) { return (int64_t)1 << (64 - map->shift); }

/* The bytes of a slot's word. */
static inline const uint8_t *wordmap_word(const wordmap *map, const wordmap_slot *slot) {
    return slot->length <= WORDMAP_INLINE ? (const uint8_t *)slot->key : map->bytes + slot->key[1];
}

/* Adds the words and counts of one map to another; ids[i] becomes the id there of word i here. */
static int wordmap_merge(wordmap *into, const wordmap *from, int32_t *ids) {
    const size_t size = (size_t)1 << (64 - from->shift);
    const int32_t size_before = into->size;
    /* Slots lie in the order of their hash, so both tables are gone through in step. One that grew at the end would be
     * filled to the brim in its first part before; so it grows as soon as what is new so far tells that it will have to. */
    for (size_t i = 0; i < size; i++) {
        const wordmap_slot *slot = &from->slots[i];
        wordmap_query query;
        wordmap_slot *target;
        int status;
        if (i % 1024 == 1023) {
            const double expected = size_before + (double)(into->size - size_before) * (double)size / (double)i;
            while (3 * expected > 2 * (double)wordmap_slots(into))
                if (wordmap_grow(into) < 0) return WORDMAP_NO_MEMORY;
        }
        if (!slot->length) continue;
        wordmap_prepare(into, &query, wordmap_word(from, slot), slot->length);
        target = wordmap_find(into, &query, from->first[slot->id], &status);
        if (!target) return status;
        target->count += slot->count;
        if (into->first[target->id] > from->first[slot->id]) into->first[target->id] = from->first[slot->id];
        ids[slot->id] = target->id;
    }
    return 0;
}

#endif
