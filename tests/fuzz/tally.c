/* Integers as tokens: an array counted and encoded, a second one merged in, ids given anew, against counting one by one.
 *
 * Input: a byte for the type and the stride, one for where the first array ends and which ids are left out, then the
 * elements. */
#include "harness.h"

#define TALLY_SMALL 64
#include "tally.h"

enum { MOST = 512 };

/* Element i of what lies `stride` apart, by its own road. */
static int64_t element(const uint8_t *p, int size, int is_signed) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) value = value << 8 | p[i];
    if (is_signed && size < 8 && value >> (8 * size - 1)) value |= ~UINT64_C(0) << 8 * size;
    return (int64_t)value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint8_t choice = take_byte(&in), cut_byte = take_byte(&in);
    const int width = 1 << choice % 4, is_signed = width == 8 || (choice >> 2 & 1), stride = width * (1 + (choice >> 3 & 1));
    static int64_t values[MOST], distinct[MOST], counts[MOST], others[MOST], ends[2];
    static int32_t ids[MOST], new_ids[MOST], expected[MOST], got[MOST];
    int64_t n = (int64_t)in.size / stride, n_distinct = 0, n_expected = 0;
    tally one, other;
    if (n > MOST) n = MOST;
    if (!n) return 0;
    in.size = (size_t)(n * stride - (stride - width)); /* behind the last element there is nothing */
    uint8_t *array = padded_copy(in, 0, 0), *packed = (uint8_t *)malloc((size_t)(n * width));
    const int64_t cut = cut_byte % (n + 1);
    for (int64_t i = 0; i < n; i++) {
        values[i] = element(array + i * stride, width, is_signed);
        memcpy(packed + i * width, array + i * stride, (size_t)width);
    }
    CHECK(tally_init(&one) == 0 && tally_init(&other) == 0, "no memory");
    CHECK(tally_array(&one, (const char *)array, cut, stride, width, is_signed, ids) == 0, "no memory");
    CHECK(tally_count(&other, (const char *)packed + cut * width, n - cut, width, is_signed) == 0, "no memory");
    tally_read_counts(&other, others);
    CHECK(tally_merge(&one, &other, others, got) == 0, "no memory");
    for (int64_t i = 0; i < n; i++) {
        int64_t id = 0;
        while (id < n_distinct && distinct[id] != values[i]) id++;
        if (id == n_distinct) distinct[n_distinct] = values[i], expected[n_distinct++] = 0;
        CHECK(i >= cut || ids[i] == id, "element %d is %d, not %d", (int)i, (int)ids[i], (int)id);
        expected[id]++;
    }
    tally_read_counts(&one, counts);
    CHECK(one.size == n_distinct, "%d distinct, not %d", (int)one.size, (int)n_distinct);
    for (int64_t id = 0; id < n_distinct; id++) {
        CHECK(one.keys[id] == distinct[id] && counts[id] == expected[id], "integer %d", (int)id);
        new_ids[id] = (id + cut_byte) % 3 ? (int32_t)(n_distinct - 1 - id) : -1;
    }
    for (int64_t i = 0; i < other.size; i++) CHECK(other.keys[i] == one.keys[got[i]], "merged id %d", (int)i);
    tally_renumber(&one, new_ids);
    for (int64_t i = 0; i < n; i++) {
        int64_t id = 0;
        while (distinct[id] != values[i]) id++;
        if (i == cut) ends[0] = 7 + n_expected;
        if (new_ids[id] >= 0) expected[n_expected++] = new_ids[id];
    }
    ends[1] = 7 + n_expected;
    if (cut == n) ends[0] = ends[1];
    const int64_t offsets[3] = {0, cut, n};
    int64_t found_ends[2], length;
    length = tally_translate(&one, (const char *)packed, offsets, 2, width, is_signed, got, MOST, 7, found_ends);
    CHECK(length == n_expected && memcmp(got, expected, (size_t)length * sizeof *got) == 0, "%d translated", (int)length);
    CHECK(memcmp(ends, found_ends, sizeof ends) == 0, "ends of sentences");
    tally_free(&one);
    tally_free(&other);
    free(array);
    free(packed);
    return 0;
}
