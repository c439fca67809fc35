"""KeyIndex: which row belongs to which key, and what else is known of keys; KeyedVectors without the vectors."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEY_TYPES", "Key", "KeyIndex", "first_repeated"]

Key = Hashable
# What is one key wherever a list of keys could stand too.
KEY_TYPES = (str, int, np.integer)


class KeyIndex:
    """Keys by row, rows by key, and attributes of keys such as counts.

    Parameters
    ----------
    count : int
        Rows whose key, None until then, is to come.
    """

    def __init__(self, count: int = 0) -> None:
        self.index_to_key: list[Any] = [None] * count
        self.key_to_index: dict[Any, int] = {}
        self.expandos: dict[str, NDArray[Any]] = {}
        self._lockf: NDArray[Any] = np.ones(1, np.float32)

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: Key) -> bool:
        return self.has_index_for(key)

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of `key`. An integer that is no key itself stands for the row of that number.

        Raises
        ------
        KeyError
            If there is no such row, and no default.
        """
        try:
            index = self.key_to_index.get(key, -1)
        except TypeError:
            raise TypeError(
                f"a {type(key).__name__} cannot be a key: wv[keys] takes several, queries take vectors as numpy arrays"
            ) from None
        if index >= 0:
            return index
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self.index_to_key):
            return int(key)
        if default is not None:
            return default
        raise KeyError(f"Key '{key}' not present")

    def has_index_for(self, key: Key) -> bool:
        """Whether `get_index` finds `key`."""
        return self.get_index(key, -1) >= 0

    def allocate_vecattrs(self, attrs: Sequence[str] | None = None, types: Sequence[Any] | None = None) -> None:
        """Make attribute arrays of the types given, as long as there are keys; without arguments lengthen those there.

        Raises
        ------
        TypeError
            If an attribute is there with another type.
        """
        if attrs is None:
            attrs, types = list(self.expandos), [values.dtype for values in self.expandos.values()]
        for attr, kind in zip(attrs, types or (), strict=True):
            dtype = np.dtype(np.int64 if kind is int else kind)
            if dtype.kind in "US":  # would be cut to the length of the first
                dtype = np.dtype(object)
            if attr not in self.expandos:
                self.expandos[attr] = np.zeros(len(self), dtype)
            values = self.expandos[attr]
            if not np.issubdtype(dtype, values.dtype):
                raise TypeError(f"attribute {attr!r} holds {values.dtype}, not {dtype}: convert the value")
            if len(values) < len(self):
                self.expandos[attr] = np.concatenate([values, np.zeros(len(self) - len(values), values.dtype)])

    def _lengthen(self) -> None:
        """Give attributes and factors to rows that are new."""
        self.allocate_vecattrs()
        if 1 < len(self._lockf) < len(self):
            self._lockf = np.concatenate([self._lockf, np.ones(len(self) - len(self._lockf), self._lockf.dtype)])

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a key; the first value decides the attribute's type."""
        index = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        self.expandos[attr][index] = val

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """An attribute of a key, such as its "count".

        Raises
        ------
        KeyError
            If key or attribute is not present.
        """
        index = self.get_index(key)
        return self._attribute(attr)[index]

    def _attribute(self, attr: str) -> NDArray[Any]:
        if attr not in self.expandos:
            raise KeyError(f"Attribute '{attr}' not present; there are: {', '.join(self.expandos) or 'none'}")
        return self.expandos[attr]

    @property
    def vectors_lockf(self) -> NDArray[Any]:
        """Which rows training may change: 1 where it may, 0 where they are frozen; shape (V,), or (1,) for all rows.

        Under gensim's name. What lies between, by which gensim scales a row's steps, is refused.
        """
        return self._lockf

    @vectors_lockf.setter
    def vectors_lockf(self, factors: NDArray[Any] | Sequence[float] | None) -> None:
        factors = np.ones(1, np.float32) if factors is None else np.asarray(factors, np.float32)
        if factors.shape not in ((1,), (len(self),)):
            raise ValueError(f"vectors_lockf of shape {factors.shape}: give one factor, or one for each of {len(self)}")
        wrong = factors[(factors != 0) & (factors != 1)]
        if len(wrong):
            raise ValueError(f"vectors_lockf holds {wrong[0]}: rows are either frozen, 0, or trained, 1")
        self._lockf = factors

    def _lock(self, rows: Sequence[int], factor: float) -> None:
        """Set some rows' factors, each row having one from now on."""
        if len(self._lockf) != len(self):
            self._lockf = np.repeat(self._lockf, len(self))
        self._lockf[rows] = factor


def first_repeated(keys: Iterable[Key]) -> Key:
    """The first key that comes a second time."""
    seen: set[Key] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise ValueError("no key comes twice")
