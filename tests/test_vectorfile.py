"""Files of word2vec's formats as batches: every spelling of a number to the bit, and every way to cut a block."""

import random
import tracemalloc

import numpy as np
import pytest

from fastsgns import _records, fileinfo, vectorfile
from fastsgns.word2vec_reader import open_vectors, read_vectors

RANDOM = random.Random(0)


def spelled(number):
    """A number as programs may write it, and some that none would."""
    digits = "".join(RANDOM.choices("0123456789", k=RANDOM.randint(1, 22)))
    point = RANDOM.randint(0, len(digits))
    return RANDOM.choice([
        str(np.float32(number)), repr(number), f"{number:.9g}", f"{number:f}", f"{number:e}", f"{number:.17g}",
        f"{RANDOM.choice(['', '+', '-'])}{digits[:point]}.{digits[point:]}",
        f"{digits[:point]}.{digits[point:]}e{RANDOM.randint(-30, 30)}",
        f"{digits[:3]}E{RANDOM.choice(['', '+', '-'])}{RANDOM.randint(0, 400):03}",
    ])  # fmt: skip


NUMBERS = [spelled(RANDOM.gauss(0, 1) * 10 ** RANDOM.randint(-9, 9)) for _ in range(20_000)]
NUMBERS = [number for number in NUMBERS if np.isfinite(float(number))]
NUMBERS += ["0", "-0", "0e999", "1e22", "1e23", "9007199254740992", "9007199254740993", "1e-22", "1e-23", "1e-999"]
NUMBERS += ["nan", "-inf", "Infinity", "1_0", ".5", "5.", "+.5e+1", "-5.e-1", "1e00000000000000001", "1" * 40]
NUMBERS += ["16777217", "1.00000017881393432617187499", "1.00000017881393432617187501", "7.0064923216240853e-46"] * 4


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_every_number_is_read_as_python_and_numpy_read_it(tmp_path, dtype):
    lines = [NUMBERS[start : start + 4] for start in range(0, len(NUMBERS) // 4 * 4, 4)]
    text = "".join(f"w{i} {' '.join(line)}\n" for i, line in enumerate(lines))
    (tmp_path / "v").write_text(f"{len(lines)} 4\n{text}")
    with np.errstate(over="ignore"):
        expected = np.array([[float(number) for number in line] for line in lines]).astype(dtype)
    rows, vectors = read_vectors(tmp_path / "v", datatype=dtype)
    np.testing.assert_array_equal(vectors, expected)
    np.testing.assert_array_equal(np.signbit(vectors), np.signbit(expected))
    assert list(rows.items())[-1] == (f"w{len(lines) - 1}", len(lines) - 1)


@pytest.mark.parametrize(
    "spelling", [".", "-", "e5", "1e", "1e+", "--1", "1.2.3", "1,5", "0x1p3", "1f", "٣", "1\0", "1-"]
)
def test_what_is_no_number_is_refused(tmp_path, spelling):
    (tmp_path / "v").write_text(f"2 2\na 1 2\nb 1 {spelling}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vector 2, b'b 1 .*could not convert"):
        read_vectors(tmp_path / "v")


@pytest.mark.parametrize("spelling", ["1e400", "-1e400", "+1E309", "9" * 400, "1e99999"])
def test_what_no_float_can_hold_is_refused(tmp_path, spelling):
    for line in (f"b 1 {spelling} 2", f"New York {spelling} 1 2"):
        (tmp_path / "v").write_text(f"2 3\na 1 2 3\n{line}\n")
        with pytest.raises(ValueError, match=r"v: vector 2, b'(b 1|New York).* is beyond all numbers of 64 bits"):
            read_vectors(tmp_path / "v")


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_what_the_matrix_cannot_hold_is_told_once(tmp_path, dtype, caplog):
    (tmp_path / "v").write_text("4 2\n1e400 1 -inf\nb -2 nan\nc -1e39 inf\nd 1e40 1e5\n")
    rows, vectors = read_vectors(tmp_path / "v", datatype=dtype)
    with np.errstate(over="ignore"):
        expected = np.array([[1, -np.inf], [-2, np.nan], [-1e39, np.inf], [1e40, 1e5]]).astype(dtype)
    np.testing.assert_array_equal(vectors, expected)
    assert list(rows) == ["1e400", "b", "c", "d"]
    told = f"v: vector 3, 'c', holds -1e+39, too large for {np.dtype(dtype)}, and is infinite there"
    assert len(caplog.records) == (dtype is not np.float64) and (told in caplog.text) == (dtype is not np.float64)


UNUSUAL = "a 1 2\nNew York 3 4\r\nb\t 5\t6  \nc  7   nan\n . . 9 1e-40\nd -1 +2\t\r\ne 1 2"


@pytest.mark.parametrize("batch", [1, 2, 4096])
@pytest.mark.parametrize("block", [1, 2, 7, 30, 64])
def test_text_may_be_cut_anywhere(tmp_path, monkeypatch, block, batch):
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", block)
    monkeypatch.setattr(vectorfile, "BATCH_ROWS", batch)
    monkeypatch.setattr(vectorfile, "BATCH_NUMBERS", batch)
    (tmp_path / "v").write_text(UNUSUAL, newline="")
    for limit, count in ((None, 7), (3, 3), (100, 7)):
        rows, vectors = read_vectors(tmp_path / "v", no_header=True, limit=limit)
        assert list(rows) == ["a", "New York", "b\t", "c", " . .", "d", "e"][:count]
        expected = [[1, 2], [3, 4], [5, 6], [7, np.nan], [9, 1e-40], [-1, 2], [1, 2]]
        np.testing.assert_array_equal(vectors, np.array(expected, np.float32)[:count])


@pytest.mark.parametrize("block", [1, 3, 64])
@pytest.mark.parametrize("blank", ["", "\n", "\n\n", "\n \t\r\n\n  ", "\n" * 100])
def test_blank_lines_at_the_end_are_no_vectors_and_are_not_counted(tmp_path, monkeypatch, block, blank):
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", block)
    monkeypatch.setattr(fileinfo, "COUNTED_BYTES", block)
    (tmp_path / "v").write_text("a 1 2\nb 3 4" + blank, newline="")
    assert list(read_vectors(tmp_path / "v", no_header=True)[0]) == ["a", "b"]
    assert fileinfo.describe(tmp_path / "v")["words"] == 2
    (tmp_path / "v").write_text(f"a 1 2\n{blank}\nb 3 4", newline="")
    with pytest.raises(ValueError, match=r"vector 2, b'.*0 numbers, not 2"):
        read_vectors(tmp_path / "v", no_header=True)


@pytest.mark.parametrize("batch", [1, 3, 4096])
@pytest.mark.parametrize("block", [1, 9, 64, 1 << 20])
def test_binary_may_be_cut_anywhere(tmp_path, monkeypatch, block, batch):
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", block)
    monkeypatch.setattr(vectorfile, "BATCH_ROWS", batch)
    numbers = np.random.default_rng(0).integers(0, 2**32, (20, 3), np.uint32).view("<f4")
    numbers[0] = np.frombuffer(b" \n a\nb c d\n ", "<f4")  # bytes that could end keys
    keys = ["x" * length for length in range(20)]
    body = b"".join(
        f"{key} ".encode() + row.tobytes() + b"\n" * (i % 3)
        for i, (key, row) in enumerate(zip(keys, numbers, strict=True))
    )
    (tmp_path / "v").write_bytes(b"20 3\n" + body)
    rows, vectors = read_vectors(tmp_path / "v", binary=True)
    assert list(rows) == keys
    assert vectors.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("binary", [False, True])
def test_keys_may_be_longer_than_a_block(tmp_path, monkeypatch, binary):
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", 100)
    key = "é" * 5000
    (tmp_path / "v").write_bytes(
        b"2 1\n" + 2 * (key.encode() + (b" " + np.float32(1).tobytes() if binary else b" 1\n"))
    )
    assert list(read_vectors(tmp_path / "v", binary=binary)[0]) == [key]


def test_what_has_no_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(vectorfile, "LONGEST_KEY", 1000)
    monkeypatch.setattr(vectorfile, "LONGEST_LINE", 1000)
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", 64)
    (tmp_path / "v").write_bytes(b"1 1\n" + b"x" * 10_000)
    with pytest.raises(ValueError, match=r"vector 1 has key b'xxx.*really the binary format"):
        read_vectors(tmp_path / "v", binary=True)
    with pytest.raises(ValueError, match="vector 1 is a line of over 1000 bytes: is this text"):
        read_vectors(tmp_path / "v")


def test_a_newline_in_a_key_is_told_with_its_vector(tmp_path):
    (tmp_path / "v").write_bytes(b"2 1\na \0\0\0\0b\nc \0\0\0\0")
    with pytest.raises(ValueError, match=r"vector 2 has key b'b\\nc'"):
        read_vectors(tmp_path / "v", binary=True)


def test_batches_are_what_is_asked_for(tmp_path):
    (tmp_path / "v").write_text("5 1\n" + "".join(f"{key} {number}\n" for number, key in enumerate("abcde")))
    with open_vectors(tmp_path / "v") as file:
        out = np.full((2, 1), np.nan, np.float32)
        assert (file.count, file.dim, file.read(out), out.ravel().tolist()) == (5, 1, ["a", "b"], [0, 1])
        assert (file.read(out[:1]), out.ravel().tolist()) == (["c"], [2, 1])
        assert file.read(out[:0]) == []
        apart = np.full((9, 2), np.nan)[::2, :1]
        assert (file.read(apart), apart.ravel().tolist()[:2]) == (["d", "e"], [3, 4])
        assert (file.done, file.read(out)) == (5, [])


def test_half_precision_is_that_of_numpy():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    finite = np.sort(halves[np.isfinite(halves)])
    between = (finite[:-1] + finite[1:]) / 2  # ties
    bits = np.random.default_rng(0).integers(0, 2**32, 300_000, np.uint32).view(np.float32)
    edges = [65519.996, 65520, 65520.004, 2.0**-25, np.nextafter(np.float32(2.0**-25), np.float32(1)), 1e-45, np.nan]
    numbers = [halves, between, np.nextafter(between, np.float32(np.inf)), np.nextafter(between, np.float32(-np.inf))]
    numbers = np.concatenate([*numbers, bits, np.float32(edges), -np.float32(edges)])[np.newaxis]
    found = np.empty(numbers.shape, np.float16)
    _records.to_half(numbers, found.view(np.uint16))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = numbers.astype(np.float16)
    np.testing.assert_array_equal(found, expected)
    numeric = ~np.isnan(numbers)
    np.testing.assert_array_equal(found[numeric].view(np.uint16), expected[numeric].view(np.uint16))


@pytest.mark.parametrize("binary", [False, True])
def test_other_types_need_no_second_matrix(tmp_path, binary):
    numbers = np.ones((10_000, 100), np.float32)
    record = (b" " + numbers[0].tobytes()) if binary else b" 1" * 100 + b"\n"
    (tmp_path / "v").write_bytes(b"10000 100\n" + b"".join(b"%d" % i + record for i in range(10_000)))
    tracemalloc.start()
    _, vectors = read_vectors(tmp_path / "v", binary=binary, datatype=np.float16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(vectors, numbers)
    assert vectors.nbytes < peak < 2.5 * vectors.nbytes + vectorfile.BLOCK_BYTES  # keys, a block and scratch beside it


@pytest.mark.parametrize(
    "call",
    [
        lambda block, rows, bounds: _records.read_binary(block, 5, 4, rows, bounds),
        lambda block, rows, bounds: _records.read_binary(block, 0, 11, rows, bounds),
        lambda block, rows, bounds: _records.read_binary(block, 0, 10, rows, bounds[:, :1].copy()),
        lambda block, rows, bounds: _records.read_text(block, -1, 10, rows.astype(np.float64), bounds),
        lambda block, rows, bounds: _records.read_text(block, 0, 10, rows.astype(np.float64)[:, :0], bounds),
        lambda block, rows, bounds: _records.decode(block, bounds, 3, "utf8", "strict"),
        lambda block, rows, bounds: _records.decode(block, bounds + 10, 1, "utf8", "strict"),
        lambda block, rows, bounds: _records.to_half(rows, np.empty((2, 3), np.uint16)),
    ],
)
def test_the_compiled_part_checks_what_it_is_given(call):
    with pytest.raises(ValueError, match=r"fit|no 3 keys|not in the block|shapes"):
        call(b"a 12345678", np.zeros((2, 2), np.float32), np.array([[0, 1], [2, 3]]))
