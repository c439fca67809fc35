from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

PARTS: Final[int]
PADDING: Final[bytes]

def first_places(tokens: NDArray[np.int32], size: int) -> NDArray[np.int64]: ...

class PairCounter:
    def __new__(cls, first_part: int = ..., last_part: int = ..., room: int = ...) -> Self: ...
    def __len__(self) -> int: ...
    def restart(self, first_part: int) -> None: ...
    def sizes(self) -> list[int]: ...
    def count(
        self,
        tokens: NDArray[np.int32],
        offsets: NDArray[np.int64],
        sentence: int,
        begin: int,
        end: int,
        digits: NDArray[np.uint32] | None,
        base: int,
    ) -> None: ...
    def add(
        self,
        starts: NDArray[np.int32],
        ends: NDArray[np.int32],
        links: NDArray[np.uint64],
        counts: NDArray[np.int64],
        first: NDArray[np.int64],
    ) -> None: ...
    def merge(self, other: PairCounter, part: int) -> None: ...
    def part(
        self, part: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]: ...

def join_tokens(
    sentence: Iterable[str],
    finder: dict[str, dict[Any, tuple[str, float]]] | Callable[[str, list[str], str], tuple[str, float] | None],
    connectors: frozenset[str],
    scored: bool,
) -> list[Any]: ...

class TextJoiner:
    def __new__(cls, phrases: Iterable[bytes], connectors: Iterable[bytes], delimiter: bytes) -> Self: ...
    def join(self, text: bytes | bytearray) -> tuple[bytes, int, int, int]: ...
