/* Vectors of word2vec's files, binary and text: every one that records.h takes is read again the plain way, and of what
 * is plainly a vector nothing may be left to the slow path.
 *
 * Input: a byte for the kind, dimensions and room, one for where the block begins, then the block. */
#include "harness.h"

#include "records.h"

enum { MOST_ROWS = 8 };

static int blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Few digits, a point at most, no exponent: what one rounding surely reads. */
static int is_simple(const char *field) {
    int digits = 0, points = 0;
    field += *field == '-';
    for (; *field; field++) *field == '.' ? points++ : (*field >= '0' && *field <= '9') ? digits++ : (digits = 99);
    return digits >= 1 && digits <= 15 && points <= 1;
}

/* Reads a line of key and numbers; their count, with *simple whether each is_simple, or -1 if one is no number. */
static int64_t read_line(input line, double *numbers, int64_t most, int *simple) {
    char field[128];
    int64_t count = 0;
    *simple = 1;
    while (line.size) {
        size_t length = 0;
        char *end;
        while (line.size && blank(*line.bytes)) line.bytes++, line.size--;
        while (line.size > length && !blank(line.bytes[length])) length++;
        if (!length) break;
        if (length >= sizeof field || count == most) return -1;
        memcpy(field, line.bytes, length);
        field[length] = 0;
        if (strspn(field, "+-.0123456789eE") != length) return -1; /* no hexadecimal, no infinity */
        numbers[count++] = strtod(field, &end);
        if (end != field + length) return -1;
        *simple &= is_simple(field);
        line.bytes += length, line.size -= length;
    }
    return count;
}

static void check_text(const uint8_t *block, int64_t start, int64_t stop, int64_t dim, int64_t most) {
    double rows[MOST_ROWS * 8], numbers[8];
    int64_t bounds[2 * MOST_ROWS], position = start, next = start, count;
    count = records_text(block, &position, stop, dim, rows, most, bounds);
    CHECK(0 <= count && count <= most && start <= position && position <= stop, "count %d", (int)count);
    for (int64_t i = 0; i <= count; i++) {
        input rest = {block + next, (size_t)(stop - next)}, line = rest, key;
        int simple, whole = memchr(rest.bytes, '\n', rest.size) != NULL;
        line = take_until(&rest, '\n');
        size_t line_size = line.size;
        key = take_until(&line, ' ');
        int found = key.size < line_size && read_line(line, numbers, dim, &simple) == dim;
        if (i == count) { /* where it stopped */
            CHECK(position == next, "it stopped elsewhere");
            CHECK(count == most || !whole || !found || !key.size || !simple, "a plain line was not taken");
            return;
        }
        CHECK(whole && found && key.size, "line %d is none", (int)i);
        CHECK(bounds[2 * i] == next && bounds[2 * i + 1] == next + (int64_t)key.size, "key %d", (int)i);
        CHECK(memcmp(numbers, rows + i * dim, (size_t)dim * sizeof *rows) == 0, "numbers of line %d", (int)i);
        next = rest.bytes - block;
    }
}

static void check_binary(const uint8_t *block, int64_t start, int64_t stop, int64_t dim, int64_t most) {
    uint8_t rows[MOST_ROWS * 8 * 4];
    int64_t bounds[2 * MOST_ROWS], position = start, next = start, row_bytes = 4 * dim;
    int64_t count = records_binary(block, &position, stop, row_bytes, rows, most, bounds);
    CHECK(0 <= count && count <= most && start <= position && position <= stop, "count %d", (int)count);
    for (int64_t i = 0; i <= count; i++) {
        int64_t key = next, end;
        while (key < stop && block[key] == '\n') key++;
        for (end = key; end < stop && block[end] != ' ' && block[end] != '\n';) end++;
        int whole = end < stop && block[end] == ' ' && stop - end - 1 >= row_bytes;
        if (i == count) {
            CHECK(position == next && (count == most || !whole), "a record was not taken");
            return;
        }
        CHECK(whole && bounds[2 * i] == key && bounds[2 * i + 1] == end, "record %d", (int)i);
        CHECK(memcmp(rows + i * row_bytes, block + end + 1, (size_t)row_bytes) == 0, "numbers of record %d", (int)i);
        next = end + 1 + row_bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input block = {data, size};
    const uint8_t choice = take_byte(&block), skip = take_byte(&block);
    const int64_t dim = 1 + choice / 2 % 8, most = 1 + choice / 16 % MOST_ROWS, stop = (int64_t)block.size;
    const int64_t start = skip < stop ? skip : 0;
    uint8_t *copy = padded_copy(block, 0, 0);
    if (start < stop) (choice % 2 ? check_text : check_binary)(copy, start, stop, dim, most);
    free(copy);
    return 0;
}
