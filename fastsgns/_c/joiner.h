/* Rewrites text with its phrases joined, line by line, greedily from left to right as gensim does.
 *
 * Words are those of line.decode().split(), as in scan.h. A candidate is two words with nothing but connector words
 * between them; it is a phrase if its words, one space between, are in the table of phrases. Lines stay lines; between
 * words one space is left. */
#ifndef FASTSGNS_JOINER_H
#define FASTSGNS_JOINER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "utf8.h"
#include "wordmap.h"

enum { JOINER_PADDING = 16 }; /* bytes behind the output that may be written to */

typedef struct {
    wordmap phrases, connectors; /* only read while text is joined, by any number of threads */
    size_t longest_phrase;
    uint8_t *delimiter;
    size_t delimiter_length;
} joiner;

typedef struct {
    const uint8_t *bytes;
    size_t length;
} joiner_word;

/* One thread's work on a piece of text. */
typedef struct {
    const joiner *rules;
    uint8_t *out; /* has room for joiner_room(...) bytes */
    size_t length;
    int in_line; /* whether the line has a word yet */
    joiner_word *pending; /* the word that a phrase would begin with, and the connector words behind it */
    size_t n_pending, capacity;
    int apart; /* whether something else than one space is between them */
    uint8_t *key;
    int64_t lines, words, joined;
    size_t bad_at; /* after SCAN_BAD_TEXT: offset of the first bad byte */
} joining;

static int joiner_init(joiner *rules) {
    memset(rules, 0, sizeof *rules);
    if (wordmap_init(&rules->phrases) < 0) return WORDMAP_NO_MEMORY;
    return wordmap_init(&rules->connectors);
}

static void joiner_free(joiner *rules) {
    wordmap_free(&rules->phrases);
    wordmap_free(&rules->connectors);
    free(rules->delimiter);
    memset(rules, 0, sizeof *rules);
}

/* Takes in a word, or a phrase, its words one space apart; 16 bytes at `word` are readable. */
static int joiner_insert(wordmap *map, const uint8_t *word, size_t length) {
    wordmap_query query;
    int status;
    if (length == 0 || length > UINT32_MAX) return WORDMAP_FULL;
    wordmap_prepare(map, &query, word, length);
    return wordmap_find(map, &query, 0, &status) ? 0 : status;
}

/* Whether a word is there; as wordmap_search, but for taking it in. */
static inline int joiner_has(const wordmap *map, const uint8_t *word, size_t length) {
    const size_t mask = ((size_t)1 << (64 - map->shift)) - 1;
    wordmap_query query;
    wordmap_prepare(map, &query, word, length);
    for (size_t at = query.hash >> map->shift; map->slots[at].length; at = (at + 1) & mask) {
        const wordmap_slot *slot = &map->slots[at];
        if (slot->key[0] != query.key[0]) continue;
        if (length <= WORDMAP_INLINE) {
            if (slot->key[1] == query.key[1]) return 1;
        } else if (slot->length == length && memcmp(map->bytes + slot->key[1], word, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The most bytes that joined text takes: a delimiter in the place of a space at a time, and a last line end. */
static inline size_t joiner_room(const joiner *rules, size_t length) {
    return length + 1 + (rules->delimiter_length > 1 ? (rules->delimiter_length - 1) * (length / 2) : 0) + JOINER_PADDING;
}

static inline void joiner_put(joining *j, const uint8_t *bytes, size_t length) {
    if (length <= 16) memcpy(j->out + j->length, bytes, 16); /* there is room on both sides */
    else memcpy(j->out + j->length, bytes, length);
    j->length += length;
}

static inline void joiner_put_word(joining *j, const joiner_word *word) {
    if (j->in_line) j->out[j->length++] = ' ';
    j->in_line = 1;
    joiner_put(j, word->bytes, word->length);
}

static inline void joiner_put_pending(joining *j) {
    for (size_t i = 0; i < j->n_pending; i++) joiner_put_word(j, &j->pending[i]);
    j->n_pending = 0;
}

/* Whether the pending words and this one are a phrase. */
static inline int joiner_is_phrase(joining *j, const joiner_word *word) {
    const joiner *rules = j->rules;
    const uint8_t *begin = j->pending[0].bytes;
    const joiner_word *last = &j->pending[j->n_pending - 1];
    size_t length = (size_t)(word->bytes - begin) + word->length;
    if (!j->apart && word->bytes == last->bytes + last->length + 1 && word->bytes[-1] == ' ') {
        return length <= rules->longest_phrase && joiner_has(&rules->phrases, begin, length);
    }
    length = word->length;
    for (size_t i = 0; i < j->n_pending; i++) length += j->pending[i].length + 1;
    if (length > rules->longest_phrase) return 0;
    length = 0;
    for (size_t i = 0; i < j->n_pending; i++) {
        memcpy(j->key + length, j->pending[i].bytes, j->pending[i].length);
        length += j->pending[i].length;
        j->key[length++] = ' ';
    }
    memcpy(j->key + length, word->bytes, word->length);
    return joiner_has(&rules->phrases, j->key, length + word->length);
}

static inline void joiner_put_phrase(joining *j, const joiner_word *word) {
    const joiner *rules = j->rules;
    joiner_put_word(j, &j->pending[0]);
    for (size_t i = 1; i <= j->n_pending; i++) {
        const joiner_word *next = i < j->n_pending ? &j->pending[i] : word;
        memcpy(j->out + j->length, rules->delimiter, rules->delimiter_length);
        j->length += rules->delimiter_length;
        joiner_put(j, next->bytes, next->length);
    }
    j->joined++;
    j->n_pending = 0;
}

static int joiner_pend(joining *j, const joiner_word *word) {
    if (j->n_pending == j->capacity) {
        size_t capacity = j->capacity ? 2 * j->capacity : 16;
        joiner_word *grown = (joiner_word *)realloc(j->pending, capacity * sizeof *grown);
        if (!grown) return WORDMAP_NO_MEMORY;
        j->pending = grown;
        j->capacity = capacity;
    }
    if (j->n_pending == 0) {
        j->apart = 0;
    } else {
        const joiner_word *last = &j->pending[j->n_pending - 1];
        j->apart |= word->bytes != last->bytes + last->length + 1 || word->bytes[-1] != ' ';
    }
    j->pending[j->n_pending++] = *word;
    return 0;
}

static inline int joiner_see(joining *j, const uint8_t *bytes, size_t length) {
    const joiner_word word = {bytes, length};
    j->words++;
    if (j->rules->connectors.size && joiner_has(&j->rules->connectors, bytes, length)) {
        if (j->n_pending) return joiner_pend(j, &word);
        joiner_put_word(j, &word);
        return 0;
    }
    if (j->n_pending) {
        if (joiner_is_phrase(j, &word)) {
            joiner_put_phrase(j, &word);
            return 0;
        }
        joiner_put_pending(j);
    }
    return joiner_pend(j, &word);
}

static inline void joiner_end_line(joining *j) {
    joiner_put_pending(j);
    j->out[j->length++] = '\n';
    j->in_line = 0;
    j->lines++;
}

/* Text without ASCII white space: words between Unicode's. `offset` is of text[0]. */
static int joiner_unit(joining *j, const uint8_t *text, size_t length, size_t offset) {
    size_t begin = 0, at = 0;
    int status;
    while (at < length) {
        const int n = text[at] ? utf8_length(text + at) : -1;
        if (n < 0) {
            j->bad_at = offset + at;
            return SCAN_BAD_TEXT;
        }
        if (n > 1 && utf8_space(text + at)) {
            if (at > begin && (status = joiner_see(j, text + begin, at - begin)) < 0) return status;
            begin = at + (size_t)n;
        }
        at += (size_t)n;
    }
    return at > begin ? joiner_see(j, text + begin, at - begin) : 0;
}

/* Joins the phrases of whole lines; the last one may lack its end, and gets it. SCAN_PADDING spaces are behind the text. */
static int joiner_join(joining *j, const uint8_t *text, size_t length) {
    size_t word = 0;
    int other = 0; /* whether the word that began before this block has other than plain ASCII */
    for (size_t block = 0; block <= length; block += 64) {
        scan_masks masks = scan_classify(text + block);
        while (masks.spaces) {
            const int bit = scan_lowest(masks.spaces);
            const size_t stop = block + (size_t)bit;
            if (stop > word) {
                const uint64_t inside = masks.others & (((uint64_t)1 << bit) - 1);
                int status;
                if (other || inside) {
                    other = 0;
                    masks.others ^= inside;
                    status = joiner_unit(j, text + word, stop - word, word);
                } else {
                    status = joiner_see(j, text + word, stop - word);
                }
                if (status < 0) return status;
            }
            if (masks.ends >> bit & 1) joiner_end_line(j);
            word = stop + 1;
            masks.spaces &= masks.spaces - 1;
        }
        other |= masks.others != 0;
    }
    if (length && text[length - 1] != '\n') joiner_end_line(j);
    return 0;
}

static int joining_init(joining *j, const joiner *rules, size_t length) {
    memset(j, 0, sizeof *j);
    j->rules = rules;
    j->out = (uint8_t *)malloc(joiner_room(rules, length));
    j->key = (uint8_t *)malloc(rules->longest_phrase + 2 * JOINER_PADDING);
    return j->out && j->key ? 0 : WORDMAP_NO_MEMORY;
}

static void joining_free(joining *j) {
    free(j->out);
    free(j->key);
    free(j->pending);
}

#endif
