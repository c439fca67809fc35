/* Pairs of words: a corpus counted in two calls by two tables of all parts, then merged, against counting one by one.
 *
 * Input: a byte for the number of connector words, one for where the first call ends, then a word a byte; the highest
 * bit ends a sentence. */
#include "harness.h"

#include "pairs.h"

enum { MOST_WORDS = 512, WORDS = 128 };

typedef struct {
    int32_t start, end;
    uint64_t link;
    int64_t count, first;
} found;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint32_t n_connectors = take_byte(&in) % 32;
    const uint8_t cut_byte = take_byte(&in);
    static int32_t tokens[MOST_WORDS];
    static int64_t offsets[MOST_WORDS + 1];
    static found expected[MOST_WORDS];
    uint32_t digits[WORDS] = {0};
    int64_t n = 0, n_sentences = 0, n_expected = 0, sentence = 0;
    pairs one, other;
    for (uint32_t i = 0; i < n_connectors; i++) digits[i] = i + 1;
    for (; n < MOST_WORDS && in.size; n++) {
        uint8_t byte = take_byte(&in);
        tokens[n] = byte % WORDS;
        if (byte >= WORDS || !in.size || n == MOST_WORDS - 1) offsets[++n_sentences] = n + 1;
    }
    if (!n) return 0;
    const uint64_t base = n_connectors + 1;
    const int64_t cut = cut_byte % (n + 1);
    for (int64_t s = 0; s < n_sentences; s++)
        for (int64_t i = offsets[s]; i < offsets[s + 1]; i++) {
            int64_t before = i - 1, at = 0;
            uint64_t link = 0;
            if (digits[tokens[i]]) continue;
            while (before >= offsets[s] && digits[tokens[before]]) before--;
            if (before < offsets[s]) continue;
            for (int64_t k = before + 1; k < i; k++) link = pairs_link(link, base, digits[tokens[k]]);
            while (at < n_expected && (expected[at].start != tokens[before] || expected[at].end != tokens[i] || expected[at].link != link)) at++;
            if (at == n_expected) expected[n_expected++] = (found){tokens[before], tokens[i], link, 0, i};
            expected[at].count++;
        }
    CHECK(pairs_init(&one, 0, PAIRS_PARTS, 0) == 0 && pairs_init(&other, 0, PAIRS_PARTS, 0) == 0, "no memory");
    while (offsets[sentence + 1] <= cut && sentence + 1 < n_sentences) sentence++;
    CHECK(pairs_count(&one, tokens, offsets, 0, 0, cut, n_connectors ? digits : NULL, base) == 0, "no memory");
    CHECK(pairs_count(&other, tokens, offsets, sentence, cut, n, n_connectors ? digits : NULL, base) == 0, "no memory");
    int64_t total = 0;
    for (int part = 0; part < PAIRS_PARTS; part++) {
        static int32_t starts[MOST_WORDS], ends[MOST_WORDS];
        static uint64_t links[MOST_WORDS];
        static int64_t counts[MOST_WORDS], first[MOST_WORDS];
        CHECK(pairs_merge(&one, &other, part) == 0, "no memory");
        CHECK(total + one.sizes[part] <= n_expected, "too many pairs");
        pairs_export(&one, part, starts, ends, links, counts, first);
        for (int64_t i = 0; i < one.sizes[part]; i++) {
            int64_t at = 0;
            while (at < n_expected && (expected[at].start != starts[i] || expected[at].end != ends[i] || expected[at].link != links[i])) at++;
            CHECK(at < n_expected, "a pair that is not there");
            CHECK(counts[i] == expected[at].count && first[i] == expected[at].first, "count or place");
        }
        total += one.sizes[part];
    }
    CHECK(total == n_expected, "%d pairs, not %d", (int)total, (int)n_expected);
    pairs_free(&one);
    pairs_free(&other);
    return 0;
}
