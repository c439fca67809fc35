/* The tokeniser: text cut into pieces, shared out among scanners and put together again, against naive_text.h.
 *
 * Input: a byte for errors and scanners, one for the size of pieces, then the text. */
#include "harness.h"

#include "naive_text.h"
#include "scan.h"

enum { MOST_BYTES = 4096, MOST_SCANNERS = 16 };

typedef struct {
    chunk data;
    int scanner;
} part;

static scanner scanners[MOST_SCANNERS];
static chunk_store stores[MOST_SCANNERS];

/* Where a piece ends that begins at `start`: as text.plain_pieces cuts. */
static size_t cut(input text, size_t start, size_t piece) {
    size_t end = text.size - start < piece ? text.size : start + piece;
    while (end < text.size && !ascii_space(text.bytes[end])) end++;
    return end;
}

static void compare(const naive_text *expected, part *parts, int n_parts, int n_scanners) {
    int32_t *ids[MOST_SCANNERS] = {NULL}, *tokens, *order;
    int64_t *offsets, n_tokens = 0, n_ends = 0, place = 0, sentence = 0;
    wordmap *all = &scanners[0].words;
    int open = 0, n_order = 0;
    for (int i = 1; i < n_scanners; i++) {
        ids[i] = (int32_t *)malloc((size_t)scanners[i].words.size * sizeof(int32_t) + 1);
        CHECK(wordmap_merge(all, &scanners[i].words, ids[i]) == 0, "merge");
    }
    for (int i = 0; i < n_parts; i++) n_tokens += parts[i].data.length - parts[i].data.ends, n_ends += parts[i].data.ends;
    CHECK(n_tokens == expected->n_words, "%d words, not %d", (int)n_tokens, expected->n_words);
    tokens = (int32_t *)malloc((size_t)n_tokens * sizeof *tokens + 1);
    offsets = (int64_t *)malloc(((size_t)n_ends + 1) * sizeof *offsets);
    for (int i = 0; i < n_parts; i++) { /* as corpus.assemble */
        chunk *c = &parts[i].data;
        int64_t words = c->length - c->ends;
        int skip = c->length && c->ids[0] == CHUNK_END && !open;
        if (c->length) open = c->ids[c->length - 1] != CHUNK_END;
        if (ids[parts[i].scanner]) chunk_translate(c, ids[parts[i].scanner]);
        CHECK(c->length - c->ends == words, "translating lost words");
        chunk_copy(c, tokens + place, offsets + sentence, place, skip);
        place += words;
        sentence += c->ends - skip;
    }
    order = (int32_t *)malloc((size_t)all->size * sizeof *order + 1); /* ids by first appearance */
    for (int64_t i = 0, end = 0; i < n_tokens; i++) {
        const naive_word *word = &expected->words[i];
        int32_t id = tokens[i];
        int64_t count = 0;
        CHECK(id >= 0 && id < all->size, "id %d", id);
        int known = 0;
        while (known < n_order && order[known] != id) known++;
        if (known == n_order) {
            for (int earlier = 0; earlier < n_order; earlier++)
                CHECK(all->first[order[earlier]] < all->first[id], "first appearances out of order");
            order[n_order++] = id;
            const wordmap_slot *slot = all->slots;
            while (!slot->length || slot->id != id) CHECK(++slot < all->slots + wordmap_slots(all), "no word %d", id);
            CHECK(naive_equal(word, wordmap_word(all, slot), slot->length), "word %d is another", (int)i);
            for (int64_t j = 0; j < n_tokens; j++) {
                int same = naive_equal(&expected->words[j], word->bytes, word->length);
                CHECK(same == (tokens[j] == id), "words %d and %d", (int)i, (int)j);
                count += same;
            }
            CHECK(slot->count == count, "count %d, not %d", (int)slot->count, (int)count);
        }
        if (i + 1 == n_tokens || expected->words[i + 1].line != word->line) {
            CHECK(end < sentence && offsets[end] == i + 1, "sentence %d", (int)end);
            end++;
            CHECK(i + 1 < n_tokens || end == sentence, "%d sentences, not %d", (int)sentence, (int)end);
        }
    }
    CHECK(n_order == all->size && (n_tokens || !sentence), "words or sentences that are not there");
    for (int i = 1; i < n_scanners; i++) free(ids[i]);
    free(tokens), free(offsets), free(order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input text = {data, size < MOST_BYTES ? size : MOST_BYTES};
    const uint8_t choice = take_byte(&text), piece_byte = take_byte(&text);
    const int errors = choice % 3, n_scanners = 1 + choice / 3 % MOST_SCANNERS;
    const size_t piece = piece_byte ? piece_byte : text.size + 1;
    naive_text expected = naive_split(text, errors);
    part *parts = (part *)calloc(text.size + 1, sizeof *parts);
    int n_parts = 0, status = 0;
    for (int i = 0; i < n_scanners; i++) {
        memset(&scanners[i], 0, sizeof scanners[i]);
        scanners[i].errors = errors;
        SMALL_WORDMAP(&scanners[i].words);
    }
    for (size_t start = 0, end; start < text.size && status == 0; start = end) {
        end = cut(text, start, piece);
        input bytes = {text.bytes + start, end - start};
        const int number = (n_parts * 7 + choice) % n_scanners; /* none has neighbouring pieces only */
        part *made = &parts[n_parts];
        made->scanner = number;
        CHECK(chunk_reserve(&made->data, &stores[number], (int64_t)bytes.size + 3) == 0, "no memory");
        uint8_t *copy = padded_copy(bytes, SCAN_PADDING, 64);
        status = scan_text(&scanners[number], &made->data, copy, 0, bytes.size, (int64_t)n_parts << 40);
        n_parts++;
        if (status == SCAN_BAD_TEXT)
            CHECK((int64_t)(start + scanners[number].bad_at) == expected.bad_at, "bad at %d", (int)expected.bad_at);
        else if (end == text.size) chunk_append_end(&made->data);
        chunk_trim(&made->data, &stores[number]);
        free(copy);
    }
    if (errors == SCAN_STRICT && expected.bad_at >= 0) CHECK(status == SCAN_BAD_TEXT, "bad text was taken");
    else {
        CHECK(status == 0, "status %d", status);
        compare(&expected, parts, n_parts, n_scanners);
    }
    for (int i = 0; i < n_parts; i++) chunk_release(&parts[i].data);
    for (int i = 0; i < n_scanners; i++) scanner_free(&scanners[i]);
    free(parts);
    naive_free(&expected);
    return 0;
}
