"""A corpus cut into shares: every line of every file in one of them, and rows of a dataset."""

import gzip
import os
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsgns import shares
from fastsgns.shares import cut, cut_files
from fastsgns.text import Stretch, pieces


def read(stretch):
    texts = []
    for piece in pieces(stretch, 1000):
        buffer = bytearray(piece.size)
        piece.read_into(memoryview(buffer))
        texts.append(bytes(buffer))
    return b"".join(texts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shares")


lines = st.lists(st.sampled_from([b"\n", b"a\n", b"to be\n", b"or not to be that\r\n", b"x" * 40 + b"\n"]), max_size=12)


@given(st.lists(st.tuples(lines, st.sampled_from(["", ".gz"])), min_size=1, max_size=5), st.integers(1, 30))
def test_together_they_are_all_lines_in_order(folder, texts, n):
    files, whole = [], 0
    for number, (text, suffix) in enumerate(texts):
        files.append(folder / f"{number}.txt{suffix}")
        files[-1].write_bytes(gzip.compress(b"".join(text)) if suffix else b"".join(text))
        whole += files[-1].stat().st_size
    found = cut_files(files, n)
    assert len(found) <= n and all(found)
    stretches = [stretch for share in found for stretch in share]
    assert b"".join(map(read, stretches)) == b"".join(b"".join(text) for text, _ in texts)
    assert all(not read(stretch) or stretch.path.suffix or read(stretch)[-1:] == b"\n" for stretch in stretches)
    for share in found:
        if not any(stretch.path.suffix == ".gz" for stretch in share):
            assert sum(stretch.end - stretch.begin for stretch in share) <= -(-whole // n)


def test_they_are_as_long_as_each_other(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file, size in zip(files, (10, 0, 990), strict=True):
        file.write_bytes(b"x" * size)
    a, _, c = files
    assert cut_files(files, 4) == [
        [Stretch(a, 0, 10), Stretch(c, 0, 240)], [Stretch(c, 240, 490)], [Stretch(c, 490, 740)], [Stretch(c, 740, 990)]
    ]  # fmt: skip


def test_compressed_files_are_whole(tmp_path):
    files = [tmp_path / f"{i}.gz" for i in range(4)]
    for file in files:
        file.write_bytes(gzip.compress(os.urandom(1000)))
    assert cut_files(files, 2) == [[Stretch(path) for path in files[:2]], [Stretch(path) for path in files[2:]]]
    assert cut_files(files, 9) == [[Stretch(path)] for path in files]


def test_more_shares_than_bytes(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a b")
    found = cut_files([path], 10)
    assert [share for share in map(list, found) if len(share) != 1] == []
    assert [text for text in (read(share[0]) for share in found) if text] == [b"a b"]
    with pytest.raises(ValueError, match=r"num_workers=4, but the corpus can be cut into 3 parts only"):
        cut(path, None, 16, 4)
    path.write_bytes(b"")
    assert cut_files([path], 3) == []
    with pytest.raises(ValueError, match="into 0 parts only"):
        cut(path, None, 4, 1)


def test_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is no regular file: several workers cannot read it"):
        cut(tmp_path / "pipe", None, 2, 2)


def test_cut_gives_full_paths_and_sizes(tmp_path, monkeypatch):
    (tmp_path / "text").write_bytes(b"to be\nor not\n")
    monkeypatch.chdir(tmp_path)
    found = cut("text", None, 2, 2)
    assert found.sizes == {str(tmp_path.resolve() / "text"): 13}
    assert {stretch.path for share in found.shares.values() for stretch in share} == {tmp_path.resolve() / "text"}
    assert sorted(found.shares) == [0, 1]
    with pytest.raises(FileNotFoundError, match="nothing"):
        cut("nothing", None, 1, 1)
    with pytest.raises(ValueError, match="corpus=5 must be a path"):
        cut(5, None, 1, 1)


class Dataset:
    """As much of a ray.data.Dataset as is used, and of a pyarrow.Table."""

    def __init__(self, rows, *columns):
        self.rows, self.columns = rows, columns

    def schema(self):
        return SimpleNamespace(names=list(self.columns)) if self.columns else None

    def count(self):
        return len(self.rows)

    def split_at_indices(self, indices):
        ends = [*indices, len(self.rows)]
        assert indices == sorted(set(indices)) and all(0 < index < len(self.rows) for index in indices)
        return [Dataset(self.rows[a:b], *self.columns) for a, b in zip([0, *indices], ends, strict=True)]

    def materialize(self):
        return self

    def iter_batches(self, batch_size, batch_format):
        assert batch_format == "pyarrow"
        for i in range(0, len(self.rows), 3):
            yield Dataset(self.rows[i : i + 3], *self.columns)

    def column(self, name):
        assert name in self.columns
        return SimpleNamespace(to_pylist=lambda: self.rows)


@given(st.lists(st.sampled_from(["a b", "", "c\td  e", None, ["a", "b c"], []])), st.integers(1, 9))
def test_rows_of_datasets(rows, n):
    found = cut(Dataset(rows, "text"), None, n, 1)
    expected = [row.split() if isinstance(row, str) else row or [] for row in rows]
    for _ in range(2):  # as often as asked for
        assert [words for share in found.shares.values() for words in share] == expected
    assert len(found.shares) <= n and found.sizes == {}
    sizes = [len(list(share)) for share in found.shares.values()]
    assert max(sizes) - min(sizes) <= 1 or len(rows) < n


def test_columns_of_datasets():
    assert isinstance(cut(Dataset(["a"], "words"), None, 1, 1).shares[0], shares.DatasetShare)
    assert cut(Dataset(["a"], "id", "text"), None, 1, 1).shares[0].column == "text"
    assert cut(Dataset(["a"], "id", "words"), "words", 1, 1).shares[0].column == "words"
    for columns, column in ((("id", "words"), None), (("id", "words"), "text"), (("text",), "words")):
        with pytest.raises(
            ValueError, match=rf"column='{column or 'text'}' is not in the dataset, which has {', '.join(columns)}"
        ):
            cut(Dataset(["a"], *columns), column, 1, 1)
    with pytest.raises(ValueError, match="which has no rows"):
        cut(Dataset([]), None, 1, 1)
    with pytest.raises(ValueError, match="num_workers=3, but the corpus can be cut into 2 parts only"):
        cut(Dataset(["a", "b"], "text"), None, 12, 3)
