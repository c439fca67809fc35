/* Counts pairs of words that stand together in a corpus of ids, and what stands between them: open addressing, in parts.
 *
 * A pair is two words with nothing but connector words between them. The hash's highest bits choose the part, so that
 * one part of several threads' tables can be merged by itself, and a corpus of more pairs than memory holds be counted
 * in passes, some parts each. Positions are those of a pair's last word in the corpus. */
#ifndef FASTSGNS_PAIRS_H
#define FASTSGNS_PAIRS_H

#include <stdint.h>
#include <string.h>

#include "pages.h"
#include "prefetch.h"
#include "wordmap.h"

enum { PAIRS_PARTS = 64, PAIRS_PART_BITS = 6, PAIRS_WAITING = 32, PAIRS_NO_MEMORY = -1 };

#define PAIRS_HASHED (UINT64_C(1) << 63) /* a link too long to be held digit by digit */

typedef struct {
    uint64_t words; /* the first one's id above, the last one's below */
    uint64_t link;  /* 0: they are neighbours; else what is between them: see pairs_link */
    int64_t count;  /* 0: empty */
    int64_t first;  /* the lowest position */
} pairs_slot;

typedef struct {
    pairs_slot *slots; /* part after part, 1 << bits for each, at most three quarters of any of them full */
    int bits;
    int first_part, last_part; /* those from the one up to the other are counted, the rest passed over */
    int64_t sizes[PAIRS_PARTS];
    int n_waiting;
    struct {
        uint64_t words, link, hash;
        int64_t first;
    } waiting[PAIRS_WAITING]; /* hashed and prefetched before they are looked up */
} pairs;

static inline size_t pairs_bytes(const pairs *p) {
    return ((size_t)(p->last_part - p->first_part) << p->bits) * sizeof *p->slots;
}

/* With room for so many pairs, or more: it grows. */
static int pairs_init(pairs *p, int first_part, int last_part, int64_t room) {
    memset(p, 0, sizeof *p);
    p->first_part = first_part;
    p->last_part = last_part;
    p->bits = 4;
    while (3 * ((int64_t)(last_part - first_part) << p->bits) < 4 * room && p->bits < 40) p->bits++;
    p->slots = (pairs_slot *)pages_reserve_table(pairs_bytes(p));
    return p->slots ? 0 : PAIRS_NO_MEMORY;
}

static void pairs_free(pairs *p) {
    if (p->slots) pages_release(p->slots, pairs_bytes(p));
    memset(p, 0, sizeof *p);
}

/* Empties it for as many parts from another one on. */
static void pairs_restart(pairs *p, int first_part) {
    memset(p->slots, 0, pairs_bytes(p));
    memset(p->sizes, 0, sizeof p->sizes);
    p->last_part += first_part - p->first_part;
    p->first_part = first_part;
}

static inline uint64_t pairs_hash(uint64_t words, uint64_t link) { return wordmap_mix(words, link); }

static inline int pairs_part_of(uint64_t hash) { return (int)(hash >> (64 - PAIRS_PART_BITS)); }

static inline pairs_slot *pairs_part(const pairs *p, int part) {
    return p->slots + ((size_t)(part - p->first_part) << p->bits);
}

static inline size_t pairs_home(const pairs *p, uint64_t hash) {
    return (size_t)((hash << PAIRS_PART_BITS) >> (64 - p->bits));
}

/* The slot of a pair, or the empty one where it would be. */
static inline pairs_slot *pairs_find(const pairs *p, uint64_t hash, uint64_t words, uint64_t link) {
    const size_t mask = ((size_t)1 << p->bits) - 1;
    pairs_slot *slots = pairs_part(p, pairs_part_of(hash));
    size_t at = pairs_home(p, hash);
    while (slots[at].count && (slots[at].words != words || slots[at].link != link)) at = (at + 1) & mask;
    return &slots[at];
}

static int pairs_grow(pairs *p) {
    pairs old = *p;
    p->bits++;
    p->slots = (pairs_slot *)pages_reserve_table(pairs_bytes(p));
    if (!p->slots) return *p = old, PAIRS_NO_MEMORY;
    for (size_t i = 0; i < pairs_bytes(&old) / sizeof *old.slots; i++) {
        const pairs_slot *slot = &old.slots[i];
        if (slot->count) *pairs_find(p, pairs_hash(slot->words, slot->link), slot->words, slot->link) = *slot;
    }
    pages_release(old.slots, pairs_bytes(&old));
    return 0;
}

/* Adds to the count of a pair. */
static inline int pairs_add(pairs *p, uint64_t hash, uint64_t words, uint64_t link, int64_t count, int64_t first) {
    pairs_slot *slot = pairs_find(p, hash, words, link);
    if (slot->count) {
        slot->count += count;
        if (slot->first > first) slot->first = first;
        return 0;
    }
    if (4 * (p->sizes[pairs_part_of(hash)] + 1) > (int64_t)3 << p->bits) {
        if (pairs_grow(p) < 0) return PAIRS_NO_MEMORY;
        slot = pairs_find(p, hash, words, link);
    }
    p->sizes[pairs_part_of(hash)]++;
    slot->words = words;
    slot->link = link;
    slot->count = count;
    slot->first = first;
    return 0;
}

static int pairs_flush(pairs *p) {
    for (int i = 0; i < p->n_waiting; i++) {
        if (pairs_add(p, p->waiting[i].hash, p->waiting[i].words, p->waiting[i].link, 1, p->waiting[i].first) < 0)
            return PAIRS_NO_MEMORY;
    }
    p->n_waiting = 0;
    return 0;
}

static inline int pairs_see(pairs *p, int32_t start, uint64_t link, int32_t end, int64_t position) {
    const uint64_t words = (uint64_t)start << 32 | (uint32_t)end, hash = pairs_hash(words, link);
    const int part = pairs_part_of(hash);
    if (part < p->first_part || part >= p->last_part) return 0;
    if (p->n_waiting == PAIRS_WAITING && pairs_flush(p) < 0) return PAIRS_NO_MEMORY;
    prefetch_line(pairs_part(p, part) + pairs_home(p, hash), 0);
    p->waiting[p->n_waiting].words = words;
    p->waiting[p->n_waiting].link = link;
    p->waiting[p->n_waiting].hash = hash;
    p->waiting[p->n_waiting].first = position;
    p->n_waiting++;
    return 0;
}

/* What stands between two words, with one more connector word: a number of base `base` whose digits are the connector
 * words, from 1 on. Where 63 bits do not hold it (15 of 17 different words fit), a hash of as many bits takes its place. */
static inline uint64_t pairs_link(uint64_t link, uint64_t base, uint32_t digit) {
    if (link < (PAIRS_HASHED - digit) / base) return link * base + digit;
    return wordmap_mix(link, digit) | PAIRS_HASHED;
}

static inline int pairs_count_with(pairs *p, const int32_t *tokens, const int64_t *offsets, int64_t sentence, int64_t begin,
                                   int64_t end, const uint32_t *digits, uint64_t base) {
    int64_t i = begin, next = offsets[sentence + 1];
    int32_t start = -1; /* the word that a pair would begin with */
    uint64_t link = 0;
    while (digits && i > offsets[sentence] && digits[tokens[i - 1]]) i--; /* what a call before this one knew */
    if (i > offsets[sentence]) {
        start = tokens[i - 1];
        for (; i < begin; i++) link = pairs_link(link, base, digits[tokens[i]]);
    }
    for (i = begin; i < end; i++) {
        const int32_t word = tokens[i];
        if (i == next) {
            sentence++;
            next = offsets[sentence + 1];
            start = -1;
            link = 0;
        }
        if (digits && digits[word]) {
            if (start >= 0) link = pairs_link(link, base, digits[word]);
            continue;
        }
        if (start >= 0 && pairs_see(p, start, link, word, i) < 0) return PAIRS_NO_MEMORY;
        start = word;
        link = 0;
    }
    return pairs_flush(p);
}

/* Counts the pairs whose last word is one of tokens[begin:end], begin in sentence tokens[offsets[sentence]:offsets[sentence + 1]].
 *
 * No sentence is empty. digits[id] is 0 of a word, else the digit of a connector word, below `base`; NULL: there is none.
 * Calls may cut a corpus anywhere. */
static int pairs_count(pairs *p, const int32_t *tokens, const int64_t *offsets, int64_t sentence, int64_t begin, int64_t end,
                       const uint32_t *digits, uint64_t base) {
    if (!digits) return pairs_count_with(p, tokens, offsets, sentence, begin, end, NULL, 1);
    return pairs_count_with(p, tokens, offsets, sentence, begin, end, digits, base);
}

/* Adds a part of one table to another one; they are gone through in step, as slots lie in the order of their hash. That
 * is quick while there is room: what grew at the end would be filled to the brim in its first part before. */
static int pairs_merge(pairs *into, const pairs *from, int part) {
    const pairs_slot *slots = pairs_part(from, part);
    for (size_t i = 0; i < (size_t)1 << from->bits; i++) {
        const pairs_slot *slot = &slots[i];
        if (!slot->count) continue;
        if (pairs_add(into, pairs_hash(slot->words, slot->link), slot->words, slot->link, slot->count, slot->first) < 0)
            return PAIRS_NO_MEMORY;
    }
    return 0;
}

/* All pairs of a part. */
static void pairs_export(const pairs *p, int part, int32_t *starts, int32_t *ends, uint64_t *links, int64_t *counts, int64_t *first) {
    const pairs_slot *slots = pairs_part(p, part);
    for (size_t i = 0, n = 0; i < (size_t)1 << p->bits; i++) {
        const pairs_slot *slot = &slots[i];
        if (!slot->count) continue;
        starts[n] = (int32_t)(slot->words >> 32);
        ends[n] = (int32_t)(slot->words & UINT32_MAX);
        links[n] = slot->link;
        counts[n] = slot->count;
        first[n++] = slot->first;
    }
}

#endif
