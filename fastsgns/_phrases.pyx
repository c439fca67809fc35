# cython: freethreading_compatible=False
"""Pairs of words counted in a corpus of ids, and phrases joined in text; by the C headers pairs.h and joiner.h."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy

import numpy as np

from fastsgns._encode import BadText

cdef extern from "pairs.h" nogil:
    enum: PAIRS_PARTS
    ctypedef struct pairs:
        int bits
        int first_part
        int last_part
        int64_t *sizes
    int pairs_init(pairs *, int, int, int64_t)
    void pairs_free(pairs *)
    void pairs_restart(pairs *, int)
    uint64_t pairs_hash(uint64_t, uint64_t)
    int pairs_part_of(uint64_t)
    int pairs_add(pairs *, uint64_t, uint64_t, uint64_t, int64_t, int64_t)
    int pairs_count(pairs *, const int32_t *, const int64_t *, int64_t, int64_t, int64_t, const uint32_t *, uint64_t)
    int pairs_merge(pairs *, const pairs *, int)
    void pairs_export(const pairs *, int, int32_t *, int32_t *, uint64_t *, int64_t *, int64_t *)

cdef extern from "scan.h" nogil:
    enum: SCAN_PADDING
    enum: SCAN_BAD_TEXT

cdef extern from "joiner.h" nogil:
    enum: JOINER_PADDING
    ctypedef struct wordmap:
        pass
    ctypedef struct joiner:
        wordmap phrases
        wordmap connectors
        size_t longest_phrase
        uint8_t *delimiter
        size_t delimiter_length
    ctypedef struct joining:
        uint8_t *out
        size_t length
        int64_t lines
        int64_t words
        int64_t joined
        size_t bad_at
    int joiner_init(joiner *)
    void joiner_free(joiner *)
    int joiner_insert(wordmap *, const uint8_t *, size_t)
    int joiner_join(joining *, const uint8_t *, size_t)
    int joining_init(joining *, const joiner *, size_t)
    void joining_free(joining *)

PARTS = PAIRS_PARTS

# What must stand behind a text that is to be joined.
PADDING = b" " * SCAN_PADDING


cdef int check(int status) except -1:
    if status < 0:
        raise MemoryError("no memory for the phrases of the corpus")
    return 0


def first_places(const int32_t[::1] tokens, int64_t size):
    """Where each of the ids 0 to size - 1 is first, which are so in that order."""
    first = np.empty(size, np.int64)
    cdef int64_t[::1] view = first
    cdef int64_t i, seen = 0
    with nogil:
        for i in range(tokens.shape[0]):
            if seen < size and tokens[i] == seen:
                view[seen] = i
                seen += 1
    if seen < size:
        raise ValueError(f"{size - seen} ids are not first in their order")
    return first


cdef class PairCounter:
    """Counts of pairs of words, of those in parts [first_part, last_part) of PARTS. Use it from one thread at a time.

    There is room for so many pairs before it must grow.
    """
    cdef pairs state

    def __cinit__(self, int first_part=0, int last_part=PAIRS_PARTS, int64_t room=0):
        if not 0 <= first_part < last_part <= PAIRS_PARTS:
            raise ValueError(f"parts {first_part} to {last_part} are not within 0 to {PAIRS_PARTS}")
        check(pairs_init(&self.state, first_part, last_part, room))

    def __dealloc__(self):
        pairs_free(&self.state)

    def __len__(self):
        return sum(self.sizes())

    def restart(self, int first_part):
        """Empties it, to count as many parts from that one on; its memory stays."""
        cdef int parts = self.state.last_part - self.state.first_part
        if not 0 <= first_part <= PAIRS_PARTS - parts:
            raise ValueError(f"parts {first_part} to {first_part + parts} are not within 0 to {PAIRS_PARTS}")
        with nogil:
            pairs_restart(&self.state, first_part)

    def sizes(self):
        """How many pairs there are in each part; 0 of those that are not counted."""
        return [self.state.sizes[part] for part in range(PAIRS_PARTS)]

    def count(self, const int32_t[::1] tokens, const int64_t[::1] offsets, int64_t sentence, int64_t begin, int64_t end,
              const uint32_t[::1] digits, uint64_t base):
        """Counts the pairs whose last word is one of tokens[begin:end]; begin is in the given sentence, and none is empty.

        digits[id] is 0 of a word and, of a connector word, a number from 1 to base - 1 that is its own; digits is None
        if there are none. The caller has made sure that ids are below len(digits) and that offsets rise.
        """
        cdef int status
        if begin >= end:
            return
        if not (0 <= sentence < offsets.shape[0] - 1 and offsets[offsets.shape[0] - 1] == tokens.shape[0]
                and 0 <= offsets[sentence] <= begin < offsets[sentence + 1] and end <= tokens.shape[0]):
            raise ValueError("begin must be in the sentence and end in the corpus, which offsets divide")
        with nogil:
            status = pairs_count(&self.state, &tokens[0], &offsets[0], sentence, begin, end,
                                 &digits[0] if digits is not None else NULL, base)
        check(status)

    def add(self, const int32_t[::1] starts, const int32_t[::1] ends, const uint64_t[::1] links,
            const int64_t[::1] counts, const int64_t[::1] first):
        """Adds pairs that were counted before; no count is 0."""
        cdef int64_t i, n = starts.shape[0]
        cdef uint64_t words, hash
        cdef int status = 0
        if not n == ends.shape[0] == links.shape[0] == counts.shape[0] == first.shape[0]:
            raise ValueError("all arrays must be of one length")
        with nogil:
            for i in range(n):
                words = <uint64_t>starts[i] << 32 | <uint32_t>ends[i]
                hash = pairs_hash(words, links[i])
                if self.state.first_part <= pairs_part_of(hash) < self.state.last_part:
                    status = pairs_add(&self.state, hash, words, links[i], counts[i], first[i])
                    if status < 0:
                        break
        check(status)

    cdef int check_part(self, int part) except -1:
        if not self.state.first_part <= part < self.state.last_part:
            raise ValueError(f"part {part} is not within {self.state.first_part} to {self.state.last_part}")
        return 0

    def merge(self, PairCounter other, int part):
        """Adds one part of another counter."""
        cdef int status
        self.check_part(part)
        other.check_part(part)
        with nogil:
            status = pairs_merge(&self.state, &other.state, part)
        check(status)

    def part(self, int part):
        """(starts, ends, links, counts, first) of the pairs of one part, in no order."""
        self.check_part(part)
        cdef int64_t n = self.state.sizes[part]
        arrays = (np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint64), np.empty(n, np.int64),
                  np.empty(n, np.int64))
        cdef int32_t[::1] starts = arrays[0], ends = arrays[1]
        cdef uint64_t[::1] links = arrays[2]
        cdef int64_t[::1] counts = arrays[3], first = arrays[4]
        if n:
            with nogil:
                pairs_export(&self.state, part, &starts[0], &ends[0], &links[0], &counts[0], &first[0])
        return arrays


def join_tokens(sentence, finder, frozenset connectors, bint scored):
    """The tokens of a sentence, phrases joined; (token, score) of each if scored, the score of no phrase being None.

    finder is a dict, finder[first word][last word], or [(*connector words between, last word)], being (phrase, score); or
    a callable of first word, list of connector words between, and last word that returns that or None.
    """
    cdef list joined = [], between = []
    cdef dict table = finder if isinstance(finder, dict) else None
    start = None
    for word in sentence:
        if not isinstance(word, str):
            raise ValueError(f"token {word!r} is no string: phrases are joined of strings; give str(token) for each")
        if word in connectors:
            if start is None:
                joined.append((word, None) if scored else word)
            else:
                between.append(word)
            continue
        if start is not None:
            if table is None:
                found = finder(start, between, word)
            else:
                found = table.get(start)
                if found is not None:
                    found = (<dict>found).get((*between, word) if between else word)
            if found is None:
                joined.append((start, None) if scored else start)
                for token in between:
                    joined.append((token, None) if scored else token)
                start = word
            else:
                joined.append(found if scored else found[0])
                start = word = None
            if between:
                between = []
        else:
            start = word
        if word is not None and not word:  # begins no phrase
            joined.append((word, None) if scored else word)
            start = None
    if start is not None:
        joined.append((start, None) if scored else start)
        for token in between:
            joined.append((token, None) if scored else token)
    return joined


cdef class TextJoiner:
    """Joins phrases in text. Several threads may use it at once.

    phrases are word sequences in UTF-8, one space between the words; connectors words. None holds NUL or is empty.
    """
    cdef joiner rules

    def __cinit__(self, phrases, connectors, bytes delimiter):
        check(joiner_init(&self.rules))
        self.rules.delimiter_length = len(delimiter)
        self.rules.delimiter = <uint8_t *>malloc(len(delimiter) + 1)
        if self.rules.delimiter == NULL:
            raise MemoryError("no memory for the delimiter")
        memcpy(self.rules.delimiter, <const uint8_t *>delimiter, len(delimiter))
        for phrase in phrases:
            self.insert(&self.rules.phrases, phrase)
            self.rules.longest_phrase = max(self.rules.longest_phrase, <size_t>len(phrase))
        for connector in connectors:
            self.insert(&self.rules.connectors, connector)

    def __dealloc__(self):
        joiner_free(&self.rules)

    cdef int insert(self, wordmap *map, bytes words) except -1:
        cdef size_t length = len(words)
        if length == 0 or b"\0" in words:
            raise ValueError(f"{words!r} cannot be in a text")
        words += b"\0" * 16  # readable
        return check(joiner_insert(map, words, length))

    def join(self, const uint8_t[::1] text):
        """Joins the phrases of whole lines, behind which PADDING must stand.

        Returns (text, lines, words, phrases): the new text without padding, lines and words read, and phrases joined.
        Raises BadText(offset).
        """
        cdef joining work
        cdef int64_t length = text.shape[0] - SCAN_PADDING, i
        cdef int status
        if length < 0:
            raise ValueError("PADDING must stand behind the text")
        for i in range(length, text.shape[0]):
            if text[i] != c" ":
                raise ValueError("PADDING must stand behind the text")
        try:
            with nogil:
                status = joining_init(&work, &self.rules, length)
                if status == 0:
                    status = joiner_join(&work, &text[0], length)
            if status == SCAN_BAD_TEXT:
                raise BadText(<int64_t>work.bad_at)
            check(status)
            return (<const char *>work.out)[:work.length], work.lines, work.words, work.joined
        finally:
            joining_free(&work)
