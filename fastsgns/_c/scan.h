/* From UTF-8 text to ids: the words of line.decode().split(), 64 bytes at a time.
 *
 * Bytes are sorted into three bit masks (ASCII white space, line ends, anything but plain ASCII), and the words taken
 * from the gaps. What lies between two ASCII white spaces and is not plain ASCII goes through a slower path of its own. */
#ifndef FASTSGNS_SCAN_H
#define FASTSGNS_SCAN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "utf8.h"
#include "wordmap.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#ifdef _MSC_VER
#include <intrin.h>
#endif

enum { SCAN_PADDING = 128 }; /* bytes behind the text that may be read; the caller makes the first 64 spaces */
enum { SCAN_STRICT, SCAN_REPLACE, SCAN_IGNORE };
enum { SCAN_BAD_TEXT = -3 };
enum { SCAN_WAITING = 32 }; /* words hashed and prefetched before they are looked up */

typedef struct {
    wordmap words;
    int errors;        /* what to do about what is no text */
    size_t bad_at;     /* after SCAN_BAD_TEXT: offset of the first bad byte */
    uint8_t *scratch;  /* for words that are put right */
    size_t scratch_capacity;
    int64_t base; /* of the numbers that say where a word was seen first */
    int n_waiting;
    wordmap_query waiting[SCAN_WAITING + 1]; /* [1:] words; .end of each: a sentence ends behind it; [0]: behind what came before */
} scanner;

typedef struct {
    uint64_t spaces, ends, others;
} scan_masks;

static inline int scan_lowest(uint64_t mask) {
#ifdef _MSC_VER
    unsigned long bit;
    _BitScanForward64(&bit, mask);
    return (int)bit;
#else
    return __builtin_ctzll(mask);
#endif
}

#if defined(__SSE2__) || defined(_M_X64)

static inline scan_masks scan_classify(const uint8_t *text) {
    const __m128i four = _mm_set1_epi8(4);
    scan_masks masks = {0, 0, 0};
    for (int i = 0; i < 64; i += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)(text + i));
        __m128i a = _mm_sub_epi8(c, _mm_set1_epi8(9)), b = _mm_sub_epi8(c, _mm_set1_epi8(28));
        __m128i space = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(a, four), a), _mm_cmpeq_epi8(_mm_min_epu8(b, four), b));
        __m128i other = _mm_or_si128(c, _mm_cmpeq_epi8(c, _mm_setzero_si128()));
        masks.spaces |= (uint64_t)(uint32_t)_mm_movemask_epi8(space) << i;
        masks.ends |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, _mm_set1_epi8('\n'))) << i;
        masks.others |= (uint64_t)(uint32_t)_mm_movemask_epi8(other) << i;
    }
    return masks;
}

#elif defined(__aarch64__)

/* One bit a byte: weights within each eight bytes, added up pairwise. */
static inline uint64_t scan_bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t w = vld1q_u8(weights);
    uint8x16_t ab = vpaddq_u8(vandq_u8(a, w), vandq_u8(b, w)), cd = vpaddq_u8(vandq_u8(c, w), vandq_u8(d, w));
    uint8x16_t abcd = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)), 0);
}

static inline scan_masks scan_classify(const uint8_t *text) {
    const uint8x16_t four = vdupq_n_u8(4);
    uint8x16_t space[4], end[4], other[4];
    scan_masks masks;
    for (int i = 0; i < 4; i++) {
        uint8x16_t c = vld1q_u8(text + 16 * i);
        space[i] = vorrq_u8(vcleq_u8(vsubq_u8(c, vdupq_n_u8(9)), four), vcleq_u8(vsubq_u8(c, vdupq_n_u8(28)), four));
        end[i] = vceqq_u8(c, vdupq_n_u8('\n'));
        other[i] = vorrq_u8(vcgeq_u8(c, vdupq_n_u8(128)), vceqq_u8(c, vdupq_n_u8(0)));
    }
    masks.spaces = scan_bits(space[0], space[1], space[2], space[3]);
    masks.ends = scan_bits(end[0], end[1], end[2], end[3]);
    masks.others = scan_bits(other[0], other[1], other[2], other[3]);
    return masks;
}

#else

static inline scan_masks scan_classify(const uint8_t *text) {
    scan_masks masks = {0, 0, 0};
    for (int i = 0; i < 64; i++) {
        masks.spaces |= (uint64_t)ascii_space(text[i]) << i;
        masks.ends |= (uint64_t)(text[i] == '\n') << i;
        masks.others |= (uint64_t)(text[i] >= 128 || text[i] == 0) << i;
    }
    return masks;
}

#endif

/* Looks the waiting words up and appends them to the chunk. */
static int scan_flush(scanner *s, chunk *out) {
    int32_t *ids = out->ids;
    int64_t length, ends = 0;
    if (s->waiting[0].end) chunk_append_end(out);
    length = out->length;
    for (int i = 1; i <= s->n_waiting; i++) {
        int status;
        wordmap_slot *slot = wordmap_find(&s->words, &s->waiting[i], s->base + length, &status);
        if (!slot) return status;
        slot->count++;
        ids[length] = slot->id;
        ids[length + 1] = CHUNK_END; /* stays only if it is one: cheaper than a branch that now and then is missed */
        length += 1 + (int64_t)s->waiting[i].end;
        ends += (int64_t)s->waiting[i].end;
    }
    out->length = length;
    out->ends += ends;
    s->n_waiting = 0;
    s->waiting[0].end = 0;
    return 0;
}

static inline int scan_word(scanner *s, chunk *out, const uint8_t *word, size_t length) {
    if (s->n_waiting == SCAN_WAITING) {
        int status = scan_flush(s, out);
        if (status < 0) return status;
    }
    if (length > WORDMAP_INLINE && length > UINT32_MAX) return WORDMAP_FULL;
    s->n_waiting++;
    wordmap_prepare(&s->words, &s->waiting[s->n_waiting], word, length);
    s->waiting[s->n_waiting].end = 0;
    return 0;
}

/* Copies text to the scratch memory with what is invalid replaced or left out; its length there, or a negative status. */
static int64_t scan_repair(scanner *s, const uint8_t *text, size_t length) {
    static const uint8_t replacement[3] = {0xEF, 0xBF, 0xBD};
    size_t need = 3 * length + SCAN_PADDING, read = 0, written = 0;
    if (need > s->scratch_capacity) {
        uint8_t *grown = (uint8_t *)realloc(s->scratch, need);
        if (!grown) return WORDMAP_NO_MEMORY;
        s->scratch = grown;
        s->scratch_capacity = need;
    }
    while (read < length) {
        int n = text[read] ? utf8_length(text + read) : -1;
        if (n > 0) {
            memcpy(s->scratch + written, text + read, (size_t)n);
            written += (size_t)n;
        } else if (s->errors == SCAN_REPLACE) {
            memcpy(s->scratch + written, replacement, 3);
            written += 3;
        }
        read += (size_t)(n > 0 ? n : -n);
    }
    memset(s->scratch + written, ' ', SCAN_PADDING);
    return (int64_t)written;
}

/* Text without ASCII white space, followed by some: words between Unicode's white space. `offset` is of text[0]. */
static int scan_unit(scanner *s, chunk *out, const uint8_t *text, size_t length, size_t offset) {
    size_t begin = 0, at = 0;
    int status;
    while (at < length) {
        int n = text[at] ? utf8_length(text + at) : -1;
        if (n < 0) {
            int64_t repaired;
            s->bad_at = offset + at;
            if (s->errors == SCAN_STRICT) return SCAN_BAD_TEXT;
            if ((status = scan_flush(s, out)) < 0) return status; /* before the scratch memory is used again */
            repaired = scan_repair(s, text + begin, length - begin);
            if (repaired < 0) return (int)repaired;
            status = scan_unit(s, out, s->scratch, (size_t)repaired, 0);
            return status < 0 ? status : scan_flush(s, out);
        }
        if (n > 1 && utf8_space(text + at)) {
            if (at > begin && (status = scan_word(s, out, text + begin, at - begin)) < 0) return status;
            begin = at + (size_t)n;
        }
        at += (size_t)n;
    }
    return at > begin ? scan_word(s, out, text + begin, at - begin) : 0;
}

/* Words of text[begin:end] to the chunk, which has room for end - begin + 2 more.
 *
 * text[begin - 1] and text[end] are outside the text or ASCII white space; SCAN_PADDING bytes behind the end are
 * readable, 64 spaces first. `base` rises from call to call through the corpus, by more than the chunk's
 * capacity. Returns 0 or a negative status. */
static int scan_text(scanner *s, chunk *out, const uint8_t *text, size_t begin, size_t end, int64_t base) {
    size_t word = begin;
    int other = 0; /* whether the word that began before this block has other than plain ASCII */
    s->base = base;
    s->n_waiting = 0;
    s->waiting[0].end = 0;
    for (size_t block = begin; block <= end; block += 64) {
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
                    status = scan_unit(s, out, text + word, stop - word, word);
                } else {
                    status = scan_word(s, out, text + word, stop - word);
                }
                if (status < 0) return status;
            }
            s->waiting[s->n_waiting].end |= (uint32_t)(masks.ends >> bit) & 1;
            word = stop + 1;
            masks.spaces &= masks.spaces - 1;
        }
        other |= masks.others != 0;
    }
    return scan_flush(s, out);
}

static int scanner_init(scanner *s, int errors) {
    memset(s, 0, sizeof *s);
    s->errors = errors;
    return wordmap_init(&s->words);
}

static void scanner_free(scanner *s) {
    wordmap_free(&s->words);
    free(s->scratch);
    memset(s, 0, sizeof *s);
}

#endif
