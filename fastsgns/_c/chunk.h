/* An encoded piece of the corpus: ids in order, CHUNK_END after the last word of every sentence.
 *
 * A sentence may go on in the next chunk. No two ends follow each other inside a chunk; one at its very start ends
 * the sentence that was open before it, or nothing. */
#ifndef FASTSGNS_CHUNK_H
#define FASTSGNS_CHUNK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

enum { CHUNK_END = -1 };

typedef struct {
    int32_t *ids;
    int64_t length; /* ends included */
    int64_t ends;
    size_t bytes; /* reserved */
    int mapped;   /* cut from a store; else on the heap, as many small ones would waste their last pages */
} chunk;

enum { CHUNK_MAPPED_BYTES = 1 << 20, CHUNK_STORE_BYTES = 1 << 26 };

/* Memory that one thread's chunks are cut from, one behind the other, so that huge pages serve them. */
typedef struct {
    char *next;
    size_t left;
} chunk_store;

static void chunk_store_release(chunk_store *store) {
    if (store->left) pages_release(store->next, store->left);
    memset(store, 0, sizeof *store);
}

/* A chunk with room for so many ids; before the store's next one it must be closed. -1 if there is no memory. */
static int chunk_reserve(chunk *c, chunk_store *store, int64_t capacity) {
    memset(c, 0, sizeof *c);
    if ((uint64_t)capacity > SIZE_MAX / 2 / sizeof *c->ids) return -1;
    c->bytes = (size_t)capacity * sizeof *c->ids;
    c->mapped = PAGES_DIVISIBLE && c->bytes >= CHUNK_MAPPED_BYTES;
    if (!c->mapped) {
        c->ids = (int32_t *)malloc(c->bytes ? c->bytes : 1);
        return c->ids ? 0 : -1;
    }
    c->bytes = pages_whole(c->bytes);
    if (store->left < c->bytes) {
        chunk_store_release(store);
        store->left = c->bytes < CHUNK_STORE_BYTES ? CHUNK_STORE_BYTES : c->bytes;
        store->next = (char *)pages_reserve_table(store->left);
        if (!store->next) return store->left = 0, -1;
    }
    c->ids = (int32_t *)store->next;
    store->next += c->bytes;
    store->left -= c->bytes;
    return 0;
}

static void chunk_release(chunk *c) {
    if (c->mapped) pages_release(c->ids, c->bytes);
    else free(c->ids);
    memset(c, 0, sizeof *c);
}

/* Gives back what the ids do not take: to the system, or to the store that the chunk was the last to be cut from. */
static void chunk_trim(chunk *c, chunk_store *store) {
    size_t used = (size_t)c->length * sizeof *c->ids;
    void *smaller;
    if (!c->mapped) {
        if ((smaller = realloc(c->ids, used ? used : 1)) == NULL) return;
        c->ids = (int32_t *)smaller;
    } else {
        used = pages_whole(used);
        if (store) {
            store->next -= c->bytes - used;
            store->left += c->bytes - used;
        } else {
            pages_release((char *)c->ids + used, c->bytes - used);
        }
    }
    c->bytes = used;
}

static inline void chunk_append_end(chunk *c) {
    if (c->length && c->ids[c->length - 1] == CHUNK_END) return;
    c->ids[c->length++] = CHUNK_END;
    c->ends++;
}

/* Replaces every id by ids[id], leaves out those whose new id is negative, and the ends of sentences with nothing left. */
static void chunk_translate(chunk *c, const int32_t *ids) {
    int64_t read, length = 0, ends = 0;
    int32_t last = 0; /* as if a sentence were open */
    for (read = 0; read < c->length; read++) {
        int32_t id = c->ids[read];
        if (id == CHUNK_END) {
            if (last == CHUNK_END) continue;
            last = CHUNK_END;
            ends++;
        } else {
            id = ids[id];
            if (id < 0) continue;
            last = id;
        }
        c->ids[length++] = last;
    }
    c->length = length;
    c->ends = ends;
    chunk_trim(c, NULL);
}

/* Appends the words to `tokens` and, from the base on, where sentences end to `offsets`; skip_first: not the end at the very start. */
static void chunk_copy(const chunk *c, int32_t *tokens, int64_t *offsets, int64_t base, int skip_first) {
    int64_t read = skip_first ? 1 : 0, length = 0, ends = 0;
    while (read < c->length) {
        int32_t id = c->ids[read++];
        if (id == CHUNK_END) offsets[ends++] = base + length;
        else tokens[length++] = id;
    }
}

#endif
