# cython: freethreading_compatible=False
"""From bytes and Python tokens to ids: words, counts and encoded pieces, by the C headers scan.h and tally.h."""

from cpython.buffer cimport PyBUF_STRIDED_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsLong, PyLong_AsLongLongAndOverflow
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

import numpy as np

cdef object ndarray = np.ndarray

cdef extern from "Python.h":
    enum: PyBUF_WRITE
    object PyMemoryView_FromMemory(char *, Py_ssize_t, int)
    PyObject *PyDict_GetItemWithError(object, object) except? NULL
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    bint PyUnicode_CheckExact(object)
    bint PyLong_CheckExact(object)

cdef extern from "chunk.h" nogil:
    enum: CHUNK_END
    ctypedef struct chunk:
        int32_t *ids
        int64_t length
        int64_t ends
    ctypedef struct chunk_store:
        pass
    void chunk_store_release(chunk_store *)
    int chunk_reserve(chunk *, chunk_store *, int64_t)
    void chunk_release(chunk *)
    void chunk_trim(chunk *, chunk_store *)
    void chunk_append_end(chunk *)
    void chunk_translate(chunk *, const int32_t *)
    void chunk_copy(const chunk *, int32_t *, int64_t *, int64_t, int)

cdef extern from "pages.h" nogil:
    void *pages_reserve(size_t)
    void pages_release(void *, size_t)
    void pages_return_freed()

cdef extern from "utf8.h" nogil:
    int ascii_space(uint8_t)

cdef extern from "wordmap.h" nogil:
    enum: WORDMAP_NO_MEMORY
    enum: WORDMAP_FULL
    ctypedef struct wordmap_slot:
        int64_t count
        int32_t id
        uint32_t length
    ctypedef struct wordmap:
        wordmap_slot *slots
        int32_t size
        int64_t *first
    int64_t wordmap_slots(const wordmap *)
    const uint8_t *wordmap_word(const wordmap *, const wordmap_slot *)
    int wordmap_merge(wordmap *, const wordmap *, int32_t *)

cdef extern from "scan.h" nogil:
    enum: SCAN_PADDING
    enum: SCAN_STRICT
    enum: SCAN_REPLACE
    enum: SCAN_IGNORE
    enum: SCAN_BAD_TEXT
    ctypedef struct scanner:
        wordmap words
        size_t bad_at
    int scanner_init(scanner *, int)
    void scanner_free(scanner *)
    int scan_text(scanner *, chunk *, const uint8_t *, size_t, size_t, int64_t)

cdef extern from "tally.h" nogil:
    ctypedef struct tally:
        int64_t *counts
        int64_t *keys
        int64_t size
    int tally_init(tally *)
    void tally_free(tally *)
    int64_t tally_new(tally *, int64_t)
    void tally_read_counts(const tally *, int64_t *)
    int64_t tally_integer(tally *, int64_t)
    int tally_array(tally *, const char *, int64_t, int64_t, int, int, int32_t *)

ERRORS = {"strict": SCAN_STRICT, "replace": SCAN_REPLACE, "ignore": SCAN_IGNORE}

# Ids in a piece of a corpus that comes as Python objects.

cdef int64_t CHUNK_IDS = 1 << 20


class BadText(Exception):
    """What is no UTF-8 text, or NUL: its offset in the scanned bytes."""


def find_space(const uint8_t[::1] text, int64_t start=0):
    """Index of the first ASCII white space from start on, or -1."""
    cdef int64_t i
    for i in range(start, text.shape[0]):
        if ascii_space(text[i]):
            return i
    return -1


def find_last_space(const uint8_t[::1] text, int64_t start=0):
    """Index of the last ASCII white space, not before start, or -1."""
    cdef int64_t i
    for i in range(text.shape[0] - 1, start - 1, -1):
        if ascii_space(text[i]):
            return i
    return -1


def return_freed_memory():
    """Gives the system what the allocator keeps of freed memory, where it can be told to."""
    with nogil:
        pages_return_freed()


cdef class Chunk:
    """An encoded piece of the corpus; see chunk.h."""
    cdef chunk data

    def __dealloc__(self):
        chunk_release(&self.data)

    @property
    def words(self):
        return self.data.length - self.data.ends

    @property
    def ends(self):
        return self.data.ends

    @property
    def starts_with_end(self):
        return self.data.length > 0 and self.data.ids[0] == CHUNK_END

    @property
    def stays_open(self):
        """Whether words follow the last end; None of a chunk with neither."""
        return self.data.ids[self.data.length - 1] != CHUNK_END if self.data.length else None

    def translate(self, const int32_t[::1] ids):
        """Replaces ids by ids[id]; words whose new id is negative vanish. Every id must be below len(ids)."""
        if ids.shape[0] == 0:  # then there are no words either
            return
        with nogil:
            chunk_translate(&self.data, &ids[0])

    def move(self, int32_t[::1] tokens, int64_t[::1] offsets, int64_t token_start, int64_t offset_start, bint skip_first):
        """Writes tokens and sentence ends at the given places, then gives the memory back."""
        cdef int64_t words = self.data.length - self.data.ends, ends = self.data.ends - skip_first
        if not (0 <= token_start <= tokens.shape[0] - words and 0 <= offset_start <= offsets.shape[0] - ends):
            raise ValueError("tokens or offsets have no room for this chunk")
        if skip_first and not self.starts_with_end:
            raise ValueError("skip_first=True: the chunk does not start with an end")
        with nogil:
            if self.data.length:
                # Nothing is written where there is no room, so a pointer beyond the end is only named.
                chunk_copy(&self.data, &tokens[0] + token_start if words else NULL,
                           &offsets[0] + offset_start if ends else NULL, token_start, skip_first)
            chunk_release(&self.data)


cdef Chunk new_chunk(chunk_store *store, int64_t capacity):
    cdef Chunk made = Chunk()
    if chunk_reserve(&made.data, store, capacity) < 0:
        raise MemoryError(f"no {4 * capacity} bytes for a piece of the corpus")
    return made


cdef int check(int status) except -1:
    if status == WORDMAP_NO_MEMORY:
        raise MemoryError("no memory for the words of the corpus")
    if status == WORDMAP_FULL:
        raise ValueError("the corpus has more than 2**31 - 1 distinct words, or a word of more than 4 GiB")
    return 0


cdef class TextScanner:
    """One thread's words and counts, and the buffer that it reads text into. Use each from one thread at a time."""
    cdef scanner state
    cdef chunk_store store
    cdef uint8_t *memory
    cdef int64_t capacity

    def __cinit__(self, str errors):
        self.capacity = -1
        check(scanner_init(&self.state, ERRORS[errors]))

    def __dealloc__(self):
        scanner_free(&self.state)
        chunk_store_release(&self.store)
        self.release()

    def __len__(self):
        return self.state.words.size

    def buffer(self, int64_t size):
        """A writable view of `size` bytes, valid until the next call."""
        if size > self.capacity:
            self.release()
            self.memory = <uint8_t *>pages_reserve(size + SCAN_PADDING)
            if self.memory == NULL:
                raise MemoryError(f"no {size} bytes to read a piece of text into: it has no white space to part it at")
            self.capacity = size
        return PyMemoryView_FromMemory(<char *>self.memory, size, PyBUF_WRITE)

    cdef void release(self) noexcept:
        if self.memory != NULL:
            pages_release(self.memory, self.capacity + SCAN_PADDING)
        self.memory, self.capacity = NULL, -1

    def scan(self, int64_t begin, int64_t end, int64_t base, bint last):
        """Encodes bytes [begin, end) of the buffer.

        `base` orders the calls of all scanners of a corpus and leaves 2**40 numbers to each; `last` ends the sentence.
        Raises BadText(offset).
        """
        cdef int status
        cdef Chunk out
        if not 0 <= begin <= end <= self.capacity:
            raise ValueError("begin and end must be within the buffer")
        out = new_chunk(&self.store, end - begin + 3)
        with nogil:
            memset(self.memory + end, c' ', SCAN_PADDING)
            status = scan_text(&self.state, &out.data, self.memory, begin, end, base)
            if status == 0:
                if last:
                    chunk_append_end(&out.data)
                chunk_trim(&out.data, &self.store)
        if status == SCAN_BAD_TEXT:
            raise BadText(<int64_t>self.state.bad_at)
        check(status)
        return out

    def merge(self, TextScanner other):
        """Takes over the words and counts of another scanner; returns the id here of each of its ids."""
        ids = np.empty(len(other), np.int32)
        cdef int32_t[::1] view = ids
        cdef int status = 0
        if view.shape[0]:
            with nogil:
                status = wordmap_merge(&self.state.words, &other.state.words, &view[0])
        check(status)
        return ids

    def counts(self):
        """(counts, first): how often each word occurs, and a number that rises with the place where it did so first."""
        cdef wordmap *words = &self.state.words
        counts, first = np.empty(len(self), np.int64), np.empty(len(self), np.int64)
        cdef int64_t[::1] counts_view = counts, first_view = first
        cdef int64_t i
        with nogil:
            for i in range(words.size):
                first_view[i] = words.first[i]
            for i in range(wordmap_slots(words)):
                if words.slots[i].length:
                    counts_view[words.slots[i].id] = words.slots[i].count
        return counts, first

    def words(self, const int64_t[::1] ids):
        """The words of the given ids as a list of str."""
        cdef wordmap *words = &self.state.words
        cdef const wordmap_slot *slot
        cdef int64_t[::1] slots = np.empty(len(self), np.int64)
        cdef int64_t i
        with nogil:
            for i in range(wordmap_slots(words)):
                if words.slots[i].length:
                    slots[words.slots[i].id] = i
        result = []
        for i in range(ids.shape[0]):
            if not 0 <= ids[i] < words.size:
                raise IndexError("ids must be of words that were seen")
            slot = &words.slots[slots[ids[i]]]
            result.append(PyUnicode_DecodeUTF8(<const char *>wordmap_word(words, slot), slot.length, NULL))
        return result


cdef object as_plain_integers(array):
    """The array of integers with a dtype that tally.h reads; of objects, where that takes more than 64 bits."""
    if array.dtype.isnative and (array.dtype.kind == "i" or array.dtype.itemsize < 8):
        return array
    if array.dtype.kind == "u" and array.size and array.max() >= 2**63:
        return array.astype(object)
    return array.astype(np.int64)


cdef class TokenScanner:
    """Words and counts of sentences that come as Python objects: strings and other hashables by a dict, integers by tally.h."""
    cdef dict objects  # token -> id
    cdef tally state
    cdef chunk_store store
    cdef Chunk chunk
    cdef list done
    cdef object plain_type  # of the last array of integers, as arrays come one like the other, and its traits
    cdef int plain_size
    cdef bint plain_signed
    cdef readonly int64_t tokens
    cdef readonly int64_t sentences

    def __cinit__(self):
        self.objects, self.done = {}, []
        if tally_init(&self.state) < 0:
            raise MemoryError("no memory for the words of the corpus")
        self.chunk = new_chunk(&self.store, CHUNK_IDS)

    def __dealloc__(self):
        tally_free(&self.state)
        chunk_store_release(&self.store)

    def add_all(self, sentences, report, int64_t report_interval):
        """Encodes all sentences; calls report(tokens so far) about once in report_interval tokens."""
        cdef int64_t next_report = report_interval
        for sentence in sentences:
            self.add(sentence)
            PyErr_CheckSignals()
            if report is not None and self.tokens >= next_report:
                report(self.tokens)
                next_report = self.tokens + report_interval

    def add(self, sentence):
        """Encodes one sentence."""
        cdef int64_t before = self.tokens
        if type(sentence) is list:
            self.add_objects(sentence)
        elif type(sentence) is tuple:
            for token in <tuple>sentence:
                self.append(self.identify(token))
        elif isinstance(sentence, ndarray):
            self.add_array(sentence)
        elif isinstance(sentence, (str, bytes, bytearray, memoryview)):
            raise ValueError(f"sentence {self.sentences} is the {type(sentence).__name__} {sentence[:40]!r}: "
                             "a sentence must be a list of tokens; give line.split() instead of line")
        elif hasattr(sentence, "as_py"):  # a list of pyarrow's, whose own tokens are no strings
            self.add(sentence.as_py())
            return
        else:
            try:
                tokens = iter(sentence)
            except TypeError:
                if hasattr(type(sentence), "__iter__"):  # and its own error
                    raise
                raise ValueError(f"sentence {self.sentences} is {sentence!r}: a sentence must be a list of tokens; "
                                 "put a single sentence into a list of its own, [sentence]") from None
            for token in tokens:
                self.append(self.identify(token))
        if self.tokens != before:
            self.end()

    cdef int end(self) except -1:
        if self.chunk.data.length == CHUNK_IDS:
            self.next_chunk()
        chunk_append_end(&self.chunk.data)
        self.sentences += 1
        return 0

    cdef int next_chunk(self) except -1:
        self.done.append(self.chunk)
        self.chunk = new_chunk(&self.store, CHUNK_IDS)
        return 0

    cdef inline int append(self, int64_t id) except -1:
        if self.chunk.data.length == CHUNK_IDS:
            self.next_chunk()
        self.chunk.data.ids[self.chunk.data.length] = <int32_t>id
        self.chunk.data.length += 1
        self.tokens += 1
        return 0

    cdef inline int64_t identify(self, token) except -1:
        cdef int64_t id
        cdef PyObject *known
        if PyUnicode_CheckExact(token):
            known = PyDict_GetItemWithError(self.objects, token)
            if known == NULL:
                return self.introduce(token)
            id = PyLong_AsLong(<object>known)
            self.state.counts[id] += 1
            return id
        return self.identify_other(token)

    cdef int64_t identify_other(self, token) except -1:
        cdef int64_t id
        cdef int overflow = 0
        cdef long long key
        if isinstance(token, (int, np.integer)) and not isinstance(token, bool):
            if not PyLong_CheckExact(token):
                token = int(token)
            key = PyLong_AsLongLongAndOverflow(token, &overflow)
            if not overflow:
                id = tally_integer(&self.state, key)
                if id < 0:
                    self.refuse()
                return id
        elif isinstance(token, str):  # np.str_, say: a plain string comes back
            return self.identify(str.__str__(token))
        try:
            known = self.objects.get(token)
        except TypeError as error:
            raise ValueError(f"sentence {self.sentences} holds {token!r}: a token must be a string, an integer or "
                             f"another hashable ({error})") from None
        if known is None:
            return self.introduce(token)
        id = known
        self.state.counts[id] += 1
        return id

    cdef int64_t introduce(self, token) except -1:
        cdef int64_t id = tally_new(&self.state, 0)
        if id < 0:
            self.refuse()
        self.objects[token] = id
        self.state.counts[id] = 1
        return id

    cdef int refuse(self) except -1:
        if self.state.size >= 2**31 - 1:
            raise ValueError("the corpus has more than 2**31 - 1 distinct words")
        raise MemoryError("no memory for the words of the corpus")

    cdef int add_array(self, array) except -1:
        cdef Py_buffer view
        if array.dtype is not self.plain_type:
            if array.ndim != 1:
                self.refuse_shape(array)
            if array.dtype.kind not in "iu":
                if array.dtype.kind not in "UO":
                    raise ValueError(f"sentence {self.sentences} is an array of {array.dtype}: tokens must be integers or "
                                     "strings; give array.astype(np.int64)")
                return self.add_objects(array.tolist())
            array = as_plain_integers(array)
            if array.dtype == object:
                return self.add_objects(array.tolist())
            self.plain_type = array.dtype
            self.plain_size, self.plain_signed = array.dtype.itemsize, array.dtype.kind == "i"
        PyObject_GetBuffer(array, &view, PyBUF_STRIDED_RO)
        try:
            if view.ndim != 1:
                self.refuse_shape(array)
            self.add_integers(<const char *>view.buf, view.shape[0], view.strides[0], self.plain_size, self.plain_signed)
        finally:
            PyBuffer_Release(&view)
        return 0

    cdef int refuse_shape(self, array) except -1:
        raise ValueError(f"sentence {self.sentences} is an array of shape {array.shape}: a sentence must have one dimension")

    cdef int add_objects(self, list tokens) except -1:
        for token in tokens:
            self.append(self.identify(token))
        return 0

    cdef int add_integers(self, const char *items, int64_t n, int64_t stride, int size, bint is_signed) except -1:
        cdef int64_t done = 0, room
        while done < n:
            if self.chunk.data.length == CHUNK_IDS:
                self.next_chunk()
            room = min(n - done, CHUNK_IDS - self.chunk.data.length)
            if tally_array(&self.state, items + done * stride, room, stride, size, is_signed,
                           self.chunk.data.ids + self.chunk.data.length) < 0:
                self.refuse()
            self.chunk.data.length += room
            done += room
        self.tokens += n
        return 0

    def chunks(self):
        """All that was encoded, in order; nothing can be added after."""
        done, self.done = self.done + [self.chunk], []
        chunk_trim(&self.chunk.data, &self.store)
        chunk_store_release(&self.store)
        self.chunk = None
        return done

    def counts(self):
        """How often each token occurs, in the order of first appearance."""
        counts = np.empty(self.state.size, np.int64)
        cdef int64_t[::1] view = counts
        if self.state.size:
            with nogil:
                tally_read_counts(&self.state, &view[0])
        return counts

    def words(self, const int64_t[::1] ids):
        """The tokens of the given ids."""
        cdef int64_t i
        objects = {id: token for token, id in self.objects.items()}
        for i in range(ids.shape[0]):
            if not 0 <= ids[i] < self.state.size:
                raise IndexError("ids must be of tokens that were seen")
        if not objects:
            return [self.state.keys[ids[i]] for i in range(ids.shape[0])]
        return [objects[ids[i]] if ids[i] in objects else self.state.keys[ids[i]] for i in range(ids.shape[0])]
