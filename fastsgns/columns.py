"""Columns of tables as sentences: pandas, polars, Arrow, Hugging Face datasets; none of them is needed or imported.

Arrow keeps lists as one array of all values and the places where each list ends, which is how ids are read fastest; all
that has the Arrow interface is taken so, if pyarrow is there. Strings become numbers in Arrow's own dictionary first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ColumnItems", "IdColumn", "items_of", "read_column"]

# How an object of any package shows that Arrow can read it (https://arrow.apache.org/docs/format/CDataInterface.html).
ARROW = ("__arrow_c_stream__", "__arrow_c_array__")
PACKAGES = ("datasets", "pandas", "polars", "pyarrow")
# How lines become token lists, by package.
SPLIT = {
    "datasets": 'dataset.map(lambda row: {"tokens": row["text"].split()})["tokens"]',
    "pandas": "column.str.split()",
    "polars": 'column.str.split(" ")',
    "pyarrow": "pyarrow.compute.utf8_split_whitespace(column)",
}
DROP = {
    "datasets": 'dataset.filter(lambda row: row["tokens"] is not None)["tokens"]',
    "pandas": "column.dropna()",
    "polars": "column.drop_nulls()",
    "pyarrow": "column.drop_null()",
}
# Items that are made Python objects at once.
BATCH_ITEMS = 4096


class IdColumn(NamedTuple):
    """All sentences as numbers: sentence i is ``tokens[offsets[i]:offsets[i + 1]]``; and the words that they stand for.

    Without `names` the numbers are the words.
    """

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    names: list[str] | None


def read_column(sentences: Any) -> Any:
    """An `IdColumn` of an Arrow column of lists, plain lists of one of another kind, and everything else as it is.

    Raises
    ------
    ValueError
        For a table, a column of whole lines or of what is no list, lists of what is no token, and nulls.

    Examples
    --------
    >>> import pyarrow
    >>> read_column(pyarrow.array([["a", "b"], ["b"]]))
    IdColumn(tokens=array([0, 1, 1], dtype=int32), offsets=array([0, 2, 3]), names=['a', 'b'])
    >>> read_column([["a", "b"], ["b"]])
    [['a', 'b'], ['b']]
    """
    package = package_of(sentences)
    if package is None:
        return sentences
    refuse_table(sentences, package)
    if package == "pandas" and not hasattr(getattr(sentences, "dtype", None), "pyarrow_dtype"):
        return plain_series(sentences) if hasattr(sentences, "tolist") else sentences
    if package == "datasets":
        sentences = arrow_of_dataset(sentences)
    if not any(hasattr(sentences, name) for name in ARROW):
        return sentences
    try:
        chunks = arrow_chunks(sentences)
    except ImportError:
        return without_pyarrow(sentences, package)
    return from_arrow(chunks, package)


class ColumnItems:
    """The items of a column as Python's own strings and lists, as often as they are asked for; see `items_of`."""

    def __init__(self, column: Any, package: str) -> None:
        self.column, self.package = column, package

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[Any]:
        if self.package == "pandas" and hasattr(self.column, "isna"):  # None, NaN and NA
            refuse_null(np.asarray(self.column.isna(), bool), "item", self.package)
        for number, item in enumerate(chain.from_iterable(self.batches())):
            if item is None:
                raise null_at(number, "item", self.package)
            if isinstance(item, str) and len(item.split()) > 1:
                raise ValueError(
                    f"item {number} of the column is {item!r:.60}, a line of text: give token lists, "
                    f"{split_by(self.package)}; tokens that hold spaces as a list of strings"
                )
            yield item

    def batches(self) -> Iterator[Iterable[Any]]:
        """Some items at a time, as a whole column of objects may not fit in memory."""
        if self.package not in ("pyarrow", "polars"):
            yield self.column
            return
        for start in range(0, len(self.column), BATCH_ITEMS):
            part = self.column.slice(start, BATCH_ITEMS)
            yield part.to_pylist() if self.package == "pyarrow" else part.to_list()


def items_of(value: Any) -> Any:
    """`ColumnItems` of a column of sentences or of tokens, the list that an Arrow scalar is, all else as it is.

    Raises
    ------
    ValueError
        For a table; while iterating, for nulls and for whole lines of text.

    Examples
    --------
    >>> import pyarrow
    >>> column = pyarrow.array([["a", "b"], ["b"]])
    >>> list(items_of(column)), items_of(column[0])
    ([['a', 'b'], ['b']], ['a', 'b'])
    """
    package = package_of(value)
    if package is None:
        return value
    refuse_table(value, package)
    if hasattr(value, "as_py"):
        return value.as_py()
    if package not in PACKAGES:
        try:
            value, package = arrow_chunks(value), "pyarrow"
        except ImportError:
            return value
    is_column = isinstance(value, Iterable) and hasattr(value, "tolist" if package == "pandas" else "__getitem__")
    return ColumnItems(value, package) if is_column else value


def package_of(value: Any) -> str | None:
    """The package that an object is of, if it is one of tables or Arrow can read it."""
    package = type(value).__module__.partition(".")[0]
    return package if package in PACKAGES or any(hasattr(value, name) for name in ARROW) else None


def refuse_table(value: Any, package: str) -> None:
    """ValueError for a whole table."""
    if any(hasattr(type(value), name) for name in ("columns", "column_names")):
        example = 'table.column("tokens")' if package == "pyarrow" else 'table["tokens"]'
        raise ValueError(
            f"sentences is a {type(value).__name__} of {package}, a table: give a column of token lists, {example}"
        )


def arrow_chunks(value: Any) -> Any:
    """A pyarrow.ChunkedArray of what has Arrow's interface."""
    import pyarrow

    if isinstance(value, pyarrow.ChunkedArray):
        return value
    return pyarrow.chunked_array(value if hasattr(value, ARROW[0]) else [pyarrow.array(value)])


def plain_series(series: Any) -> list[Any]:
    """The objects of a pandas Series whose memory is not Arrow's."""
    if series.dtype != object:
        refuse_type(str(series.dtype), "pandas")
    refuse_null(np.asarray(series.isna(), bool), "sentence", "pandas")
    values: list[Any] = series.tolist()
    return values


def arrow_of_dataset(column: Any) -> Any:
    """A column of a Hugging Face dataset as Arrow chunks, mapped where the dataset is; else the column itself.

    A dataset with a transformation of its own, a nested column and one that is a stream are gone through in Python.
    """
    source: Any = getattr(column, "source", None)
    if not hasattr(source, "with_format") or not hasattr(source, "format") or source.format["type"] == "custom":
        return column
    return source.with_format("arrow")[column.column_name][:]


def without_pyarrow(column: Any, package: str) -> list[Any]:
    """Lists of the values, where pyarrow is not installed to read them faster."""
    if not hasattr(column, "to_list"):
        raise ValueError(f"sentences is a {type(column).__name__}, which pyarrow can read: pip install pyarrow")
    values: list[Any] = column.to_list()
    refuse_null(np.array([value is None for value in values], bool), "sentence", package)
    for number, value in enumerate(values):
        if isinstance(value, list) and None in value:
            raise ValueError(f"sentence {number} of the column holds a null: leave nulls out of the lists")
    return values


def from_arrow(column: Any, package: str) -> IdColumn:
    """What is in a pyarrow.ChunkedArray of lists, without a Python object for each token; ids of one chunk in place."""
    from pyarrow import compute, types

    kind = column.type
    if not str(kind).startswith(("list", "large_list", "fixed_size_list")):
        refuse_type(str(kind), package)
    if column.null_count:
        refuse_null(compute.is_null(column).to_numpy(), "sentence", package)
    lengths = compute.list_value_length(column).to_numpy()
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = compute.list_flatten(column)
    if types.is_dictionary(values.type) and not is_string(values.type.value_type):
        values = values.cast(values.type.value_type)
    if values.null_count:
        refuse_null(compute.is_null(values).to_numpy(), "token", package)
    if types.is_null(values.type) or types.is_integer(values.type):
        return IdColumn(values.to_numpy() if len(values) else np.empty(0, np.int64), offsets, None)
    if not types.is_dictionary(values.type):
        if not is_string(values.type):
            raise ValueError(
                f"sentences is a column of {kind}: tokens must be strings or integers; cast the column to those"
            )
        values = values.dictionary_encode()
    values = values.unify_dictionaries()
    if not values.num_chunks:
        return IdColumn(np.empty(0, np.int64), offsets, [])
    names = values.chunk(0).dictionary.to_pylist()
    tokens = np.concatenate([chunk.indices.to_numpy() for chunk in values.chunks])
    first: dict[Any, int] = {}
    same = np.array([first.setdefault(name, place) for place, name in enumerate(names)], np.int64)
    if len(first) < len(names):  # Arrow does not forbid it
        tokens = same[tokens]
    if None in first and (is_null := tokens == first[None]).any():
        refuse_null(is_null, "token", package)
    return IdColumn(tokens, offsets, names)


def is_string(kind: Any) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def refuse_type(kind: str, package: str) -> None:
    """ValueError for a column of what is no list."""
    remedy = ""
    if kind.startswith(("string", "str,", "large_string", "dictionary<values=str", "category")) or kind == "str":
        remedy = f"; for lines of text, {split_by(package)}"
    raise ValueError(f"sentences is a column of {kind}: give one of token lists{remedy}")


def split_by(package: str) -> str:
    """How a column of lines becomes one of token lists."""
    return SPLIT.get(package, "[line.split() for line in column]")


def refuse_null(is_null: NDArray[np.bool_], what: str, package: str) -> None:
    """ValueError that names the first null, if there is one."""
    if is_null.any():
        raise null_at(int(np.argmax(is_null)), what, package)


def null_at(number: int, what: str, package: str) -> ValueError:
    remedy = "leave nulls out of the lists" if what == "token" else DROP.get(package, "leave nulls out")
    return ValueError(f"{what} {number} of the column is null: {remedy}")
