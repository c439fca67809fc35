"""Text to words against str.split, byte by byte; the hash tables beyond their first size."""

import random
import sys
from collections import Counter

import numpy as np
import pytest

from fastsgns._encode import ERRORS, BadText, Chunk, TextScanner, TokenScanner, find_last_space, find_space


def scan(text, errors="strict", cuts=()):
    """Sentences of the words that the scanner finds; cuts: where one piece ends and the next begins."""
    scanner = TextScanner(errors)
    places = [0, *cuts, len(text)]
    chunks = []
    for i in range(len(places) - 1):
        piece = text[places[i] : places[i + 1]]
        with scanner.buffer(len(piece)) as buffer:
            buffer[:] = piece
        chunks.append(scanner.scan(0, len(piece), i << 40, i == len(places) - 2))
    words = scanner.words(np.arange(len(scanner)))
    counts, first = scanner.counts()
    assert (np.diff(first) > 0).all()
    tokens, sentences = np.empty(sum(c.words for c in chunks), np.int32), [[]]
    start = 0
    for chunk in chunks:
        ends = np.empty(chunk.ends, np.int64)
        n = chunk.words
        chunk.move(tokens, ends, start, 0, False)
        for at in [*ends, None]:
            sentences[-1] += [words[i] for i in tokens[start : start + n if at is None else at]]
            if at is not None:
                start, n = at, n - (at - start)
                sentences.append([])
        start += n
    assert counts.tolist() == np.bincount(tokens, minlength=len(words)).tolist()
    return [sentence for sentence in sentences if sentence]


def expected(text, errors="strict"):
    """The same by Python; NUL is no text."""
    sentences = []
    for line in text.split(b"\n"):
        if errors != "strict":
            line = line.replace(b"\0", b"\xff")
        sentences.append(line.decode("utf-8", errors).split())
    return [sentence for sentence in sentences if sentence]


def test_every_character_that_is_white_space():
    points = [c for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    spaces = [c for c in points if chr(c).isspace()]
    assert len(spaces) > 20
    text = "".join(f"a{chr(c)}b " for c in points).encode()
    assert scan(text) == expected(text)
    assert scan("".join(map(chr, points)).encode()) == expected("".join(map(chr, points)).encode())


@pytest.mark.parametrize("text", [
    b"", b"\n", b" ", b"\n\n\n", b"a", b"a\n", b"\na", b"a b\r\nc d\r\n", b"  a\t b  \n\n \n c", b"x" * 1000,
    b"x" * 15 + b" " + b"x" * 16 + b" " + b"x" * 17 + b" " + b"x" * 15 + b"y " + b"x" * 16 + b"y",
    b"x" * 63 + b" y", b"x" * 64 + b" y", b"x" * 65 + b"\ny", b" " * 64 + b"a" + b" " * 63 + b"b", b"no end",
    "\u3000字\u3000字\n\u2028\n\x85 \xa0x\xa0y\n".encode(), b"\x1c\x1d\x1e\x1fa\x1cb\x0b\x0cc", "\ufeffa b".encode(),
])  # fmt: skip
def test_shapes_of_text(text):
    assert scan(text) == expected(text)


INVALID = [
    b"\xff", b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe0\x80\x80", b"\xe0\xa0", b"\xe2\x82", b"\xed\xa0\x80",
    b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf0\x9f", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88",
    b"\xc2\xff\xa0", b"\xe3\x80\xff\x80", b"\xff\xe3\x80\x80", b"\x00", b"\x00\x00", b"\xe2\x80\x00",
]  # fmt: skip


@pytest.mark.parametrize("bad", INVALID)
def test_invalid_text(bad):
    for text in (bad, b"a" + bad + b"b", b"a " + bad + b" b\n" + bad, "é\u3000é".encode() + bad + "\u3000é z".encode()):
        for errors in ("replace", "ignore"):
            assert scan(text, errors) == expected(text, errors)
        with pytest.raises(BadText) as caught:
            scan(text)
        assert caught.value.args[0] == first_bad(text)


def first_bad(text):
    try:
        text.decode()
        at = len(text)
    except UnicodeDecodeError as error:
        at = error.start
    nul = text.find(b"\0")
    return at if nul < 0 else min(at, nul)


def random_text(rng, length, alphabet):
    return b"".join(rng.choice(alphabet) for _ in range(length))


ALPHABETS = {
    "ascii": [b"a", b"b", b"cd", b" ", b" ", b"\n", b"\t", b"longer", b"\r\n"],
    "unicode": [c.encode() for c in "aé字😀 \n\u3000\xa0\x85\u2028\u200b\ufeff"],
    "bytes": [bytes([i]) for i in range(256)] + [b" ", b"\n"] * 10,
    "nearly": [*(bytes([i]) for i in b"a\x80\xa8\xe3\xc2\xa0\x85 \n\0"), b"\xe2\x80", b"\xf0\x9f"],
}


@pytest.mark.parametrize("name", ALPHABETS)
def test_random_text(name):
    rng = random.Random(name)
    for _ in range(400):
        text = random_text(rng, rng.randrange(300), ALPHABETS[name])
        for errors in ("replace", "ignore"):
            assert scan(text, errors) == expected(text, errors)
        if first_bad(text) < len(text):
            with pytest.raises(BadText) as caught:
                scan(text)
            assert caught.value.args[0] == first_bad(text)
        else:
            assert scan(text) == expected(text)


def test_pieces_cut_at_any_white_space():
    text = b"one two\n three\n\nfour five six\n seven \n"
    for cut in range(len(text)):
        if text[cut : cut + 1].isspace():
            assert scan(text, cuts=[cut]) == expected(text)


def test_many_words_of_all_lengths_and_a_merge():
    rng = random.Random(5)
    words = [(f"{rng.getrandbits(64):x}" * 3)[: rng.randrange(1, 40)] for _ in range(60_000)]
    scanners, halves = [], (words[:40_000], words[20_000:])
    for i, half in enumerate(halves):
        text = " ".join(half).encode()
        scanner = TextScanner("strict")
        with scanner.buffer(len(text)) as buffer:
            buffer[:] = text
        assert scanner.scan(0, len(text), i << 40, True).words == len(half)
        assert scanner.words(np.arange(len(scanner))) == list(dict.fromkeys(half))
        scanners.append(scanner)
    ids = scanners[0].merge(scanners[1])
    assert scanners[0].words(ids.astype(np.int64)) == list(dict.fromkeys(halves[1]))
    assert len(scanners[0]) == len(set(words))
    counts, first = scanners[0].counts()
    assert counts.sum() == 80_000
    # What the second has first is after all that the first one has.
    assert (first[: len(set(halves[0]))] < 1 << 40).all() and (first[len(set(halves[0])) :] >= 1 << 40).all()


@pytest.mark.parametrize(("here", "there"), [(3, 60_000), (60_000, 3), (20_000, 20_000), (3, 3)])
def test_merge_of_any_sizes(here, there):
    scanners, words = [], [[f"w{i}" for i in range(here)], [f"w{i + here // 2}" for i in range(there)]]
    for i, of_one in enumerate(words):
        text = " ".join(of_one).encode()
        scanner = TextScanner("strict")
        with scanner.buffer(len(text)) as buffer:
            buffer[:] = text
        scanner.scan(0, len(text), i << 40, True)
        scanners.append(scanner)
    ids = scanners[0].merge(scanners[1])
    assert scanners[0].words(ids.astype(np.int64)) == words[1]
    counts = dict(zip(scanners[0].words(np.arange(len(scanners[0]))), scanners[0].counts()[0].tolist(), strict=True))
    assert counts == Counter(words[0] + words[1])


def test_merge_takes_the_earlier_place():
    late, early = TextScanner("strict"), TextScanner("strict")
    for scanner, base in ((late, 1 << 40), (early, 0)):
        with scanner.buffer(3) as buffer:
            buffer[:] = b"a b"
        scanner.scan(0, 3, base, True)
    assert late.merge(early).tolist() == [0, 1]
    assert late.counts()[1].tolist() == [0, 1] and late.counts()[0].tolist() == [2, 2]


def test_wrong_use_is_refused():
    scanner = TextScanner("strict")
    with pytest.raises(ValueError, match="within the buffer"):
        scanner.scan(0, 1, 0, True)
    scanner.buffer(4)
    with pytest.raises(ValueError, match="within the buffer"):
        scanner.scan(3, 5, 0, True)
    with pytest.raises(IndexError):
        scanner.words(np.array([0]))
    with pytest.raises(IndexError):
        TokenScanner().words(np.array([0]))
    with pytest.raises(KeyError):
        TextScanner("lenient")
    chunk = Chunk()
    with pytest.raises(ValueError, match="skip_first"):
        chunk.move(np.empty(1, np.int32), np.empty(1, np.int64), 0, 1, True)
    assert set(ERRORS) == {"strict", "replace", "ignore"}


def test_find_space():
    assert find_space(b"ab c\nd") == 2 and find_space(b"ab c\nd", 3) == 4
    assert find_space(b"abc") == find_space(b"") == -1
    assert find_last_space(b"ab c\nd") == 4 and find_last_space(bytearray(b"ab cd"), 3) == -1
