"""A corpus cut into shares for several workers: whole lines of files in their order, or rows of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastsgns.text import COMPRESSED, Stretch, find_files, stored_size

__all__ = ["Share", "Text", "cut", "cut_files"]

# Text of files that all workers see, or sentences that can be gone through again.
Share = Sequence[Stretch] | Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Text:
    """A corpus cut into shares; of files, with their sizes here."""

    shares: dict[int, Share]
    sizes: dict[str, int]
    cut_for: int  # shares that were asked for; fewer may have come out


class DatasetShare:
    """Rows of a ray.data.Dataset as sentences, as often as they are asked for."""

    def __init__(self, rows: Any, column: str) -> None:
        self.rows, self.column = rows, column

    def __iter__(self) -> Iterator[Any]:
        for batch in self.rows.iter_batches(batch_size=4096, batch_format="pyarrow"):
            for row in batch.column(self.column).to_pylist():
                yield row.split() if isinstance(row, str) else [] if row is None else row


def cut(corpus: Any, column: str | None, shares: int, num_workers: int) -> Text:
    """Cut a corpus into shares; ValueError if there would not be one for each worker."""
    if shares < num_workers:
        raise ValueError(
            f"num_workers={num_workers}, but the checkpoint is of a corpus cut for {shares} at the most: ask for fewer"
        )
    if hasattr(corpus, "split_at_indices"):
        schema = corpus.schema()  # None of no rows
        names = schema.names if schema else []
        column = column or (names[0] if len(names) == 1 else "text")
        if column not in names:
            raise ValueError(f"column={column!r} is not in the dataset, which has {', '.join(names) or 'no rows'}")
        rows = corpus.count()
        cuts = sorted({rows * i // shares for i in range(1, shares)} - {0})
        parts = corpus.split_at_indices(cuts) if cuts else [corpus.materialize()]
        found: list[Share] = [DatasetShare(part, column) for part in parts]
        sizes = {}
    else:
        if column is not None:
            raise ValueError(f"column={column!r} is for a dataset; files have none")
        files = [path.resolve() for path in find_files(corpus, "corpus")]
        found = list(cut_files(files, shares))
        sizes = {str(path): stored_size(path) or 0 for path in files}
    if len(found) < num_workers:
        raise ValueError(
            f"num_workers={num_workers}, but the corpus can be cut into {len(found)} parts only"
            " (compressed files are not cut): ask for fewer workers"
        )
    return Text(dict(enumerate(found)), sizes, shares)


def cut_files(files: Sequence[Path], shares: int) -> list[list[Stretch]]:
    """Cut files into shares.

    Parameters
    ----------
    files : sequence of Path
        Regular files. Compressed ones are not cut.
    shares : int
        How many; fewer come out where there are not so many bytes, or only compressed files.

    Returns
    -------
    list of list of Stretch
        Together they are all lines, each once.

    Raises
    ------
    ValueError
        For a pipe and the like, which only one worker could read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "corpus.txt")
    ...     _ = path.write_text("to be or not\\nto be\\n", encoding="utf-8")
    ...     [(stretch.begin, stretch.end) for share in cut_files([path], 2) for stretch in share]
    [(0, 9), (9, 19)]
    """
    sizes = []
    for path in files:
        size = stored_size(path)
        if size is None:
            raise ValueError(f"{path} is no regular file: several workers cannot read it")
        sizes.append(size)
    whole = sum(sizes)
    cuts = [whole * (i + 1) // shares for i in range(shares)]  # offsets in all files together
    found: list[list[Stretch]] = [[] for _ in range(shares)]
    share = start = 0  # start: of the file, in all files together
    for path, size in zip(files, sizes, strict=True):
        if path.suffix.lower() in COMPRESSED:
            while share < shares - 1 and cuts[share] <= start + size // 2:  # it goes to the share that its middle is in
                share += 1
            found[share].append(Stretch(path))
        else:
            begin = 0
            while begin < size:
                while share < shares - 1 and cuts[share] <= start + begin:
                    share += 1
                end = size if share == shares - 1 else min(size, cuts[share] - start)
                found[share].append(Stretch(path, begin, end))
                begin = end
        start += size
    return [stretches for stretches in found if stretches]
