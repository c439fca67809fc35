/* The phrase joiner: text rewritten with phrases joined, against the greedy rule applied to naive_text.h's words.
 *
 * Input: a byte for the length of the delimiter, phrases (one a line) up to a byte 1, connector words up to the next,
 * then the text. */
#include "harness.h"

#include "naive_text.h"
#include "joiner.h"

enum { MOST_BYTES = 4096 };

static const char DELIMITER[] = "_+=";

/* Lines that can be phrases: words one space apart. */
typedef struct {
    input lines[MOST_BYTES];
    int n;
} phrase_list;

static phrase_list phrases, connectors;

static void take_list(input lines, phrase_list *list, joiner *rules, int most_words) {
    list->n = 0;
    while (lines.size) {
        input line = take_until(&lines, '\n');
        naive_text text = naive_split(line, NAIVE_STRICT);
        size_t length = 0;
        for (int i = 0; i < text.n_words; i++) length += text.words[i].length + 1;
        if (text.bad_at < 0 && text.n_words && text.n_words <= most_words && length == line.size + 1) {
            int spaces = 1;
            for (size_t at = 0, word = 0; word + 1 < (size_t)text.n_words; word++)
                at += text.words[word].length, spaces &= line.bytes[at++] == ' ';
            if (spaces) {
                uint8_t *copy = padded_copy(line, 16, 0);
                wordmap *map = list == &phrases ? &rules->phrases : &rules->connectors;
                CHECK(joiner_insert(map, copy, line.size) == 0, "no memory");
                free(copy);
                if (list == &phrases && line.size > rules->longest_phrase) rules->longest_phrase = line.size;
                list->lines[list->n++] = line;
            }
        }
        naive_free(&text);
    }
}

/* Whether words, one space between, are in a list. */
static int is_listed(const phrase_list *list, const naive_word *words, int n) {
    for (int i = 0; i < list->n; i++) {
        const uint8_t *p = list->lines[i].bytes, *end = p + list->lines[i].size;
        int at = 0;
        for (; at < n; at++) {
            if (at && (p == end || *p++ != ' ')) break;
            if ((size_t)(end - p) < words[at].length || memcmp(p, words[at].bytes, words[at].length)) break;
            p += words[at].length;
        }
        if (at == n && p == end) return 1;
    }
    return 0;
}

static size_t expected_text(const naive_text *text, const char *delimiter, uint8_t *out, int64_t *joined) {
    uint8_t *to = out;
    int i = 0;
    *joined = 0;
    for (int line = 0; line < text->n_lines; line++) {
        int first = 1;
        while (i < text->n_words && text->words[i].line == line) {
            int last = i; /* of the phrase that begins here, if one does */
            if (!is_listed(&connectors, &text->words[i], 1)) {
                int end = i + 1;
                while (end < text->n_words && text->words[end].line == line && is_listed(&connectors, &text->words[end], 1)) end++;
                if (end < text->n_words && text->words[end].line == line &&
                    is_listed(&phrases, &text->words[i], end - i + 1))
                    last = end;
            }
            *joined += last > i;
            for (int k = i; k <= last; k++) {
                const char *between = k > i ? delimiter : first ? "" : " ";
                memcpy(to, between, strlen(between));
                to += strlen(between);
                memcpy(to, text->words[k].bytes, text->words[k].length);
                to += text->words[k].length;
                first = 0;
            }
            i = last + 1;
        }
        *to++ = '\n';
    }
    return (size_t)(to - out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size < MOST_BYTES ? size : MOST_BYTES};
    const size_t delimiter_length = take_byte(&in) % sizeof DELIMITER;
    const char *delimiter = DELIMITER + sizeof DELIMITER - 1 - delimiter_length;
    joiner rules;
    joining work;
    memset(&rules, 0, sizeof rules);
    SMALL_WORDMAP(&rules.phrases);
    SMALL_WORDMAP(&rules.connectors);
    rules.delimiter = (uint8_t *)strdup(delimiter);
    rules.delimiter_length = delimiter_length;
    take_list(take_until(&in, 1), &phrases, &rules, MOST_BYTES);
    take_list(take_until(&in, 1), &connectors, &rules, 1);

    naive_text text = naive_split(in, NAIVE_STRICT);
    uint8_t *copy = padded_copy(in, SCAN_PADDING, SCAN_PADDING);
    CHECK(joining_init(&work, &rules, in.size) == 0, "no memory");
    int status = joiner_join(&work, copy, in.size);
    if (text.bad_at >= 0) {
        CHECK(status == SCAN_BAD_TEXT && (int64_t)work.bad_at == text.bad_at, "status %d", status);
    } else {
        int64_t joined;
        uint8_t *out = (uint8_t *)malloc(3 * in.size + 2);
        size_t length = expected_text(&text, delimiter, out, &joined);
        CHECK(status == 0 && work.lines == text.n_lines && work.words == text.n_words, "status %d", status);
        CHECK(work.joined == joined, "%d joined, not %d", (int)work.joined, (int)joined);
        CHECK(work.length == length && memcmp(work.out, out, length) == 0, "another text");
        CHECK(length + JOINER_PADDING <= joiner_room(&rules, in.size), "no room");
        free(out);
    }
    joining_free(&work);
    joiner_free(&rules);
    free(copy);
    naive_free(&text);
    return 0;
}
