from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

NOISE_DTYPE: Final[np.dtype[Any]]
TEAM_LANES: Final[int]

def compiled_variants() -> dict[str, bool]: ...
def sigmoid(x: float) -> float: ...
def loss(x: float) -> float: ...

class Job:
    def __new__(
        cls,
        *,
        tokens: NDArray[np.int32],
        offsets: NDArray[np.int64],
        input_vectors: NDArray[np.float32],
        output_vectors: NDArray[np.float32],
        keep: NDArray[np.uint32],
        noise: NDArray[Any],
        dim: int,
        left: int,
        right: int,
        negative: int,
        shrink_windows: bool,
        centers: int,
        noise_words: int,
        single_pairs: int,
        unit_words: int,
        loss_interval: int,
        seed: int,
        frozen: NDArray[np.bool_] | None = None,
        round_blocks: int = 0,
    ) -> Self: ...
    def begin_epoch(
        self,
        epoch: int,
        learning_rate: float,
        learning_rate_per_word: float,
        first_unit: int = 0,
        end_unit: int | None = None,
    ) -> None: ...
    def stop(self) -> None: ...
    def go_on(self) -> None: ...
    @property
    def units_done(self) -> int: ...
    @property
    def units(self) -> int: ...

class Worker:
    def __new__(cls, job: Job, simd: str) -> Self: ...
    def run(self) -> None: ...
    @property
    def words_done(self) -> int: ...
    @property
    def counts(self) -> tuple[int, int, int, int, float, int]: ...
    @counts.setter
    def counts(self, counts: tuple[int, int, int, int, float, int]) -> None: ...

class Team:
    @property
    def workers(self) -> list[Worker]: ...
    @property
    def threads(self) -> int: ...
    @property
    def places(self) -> tuple[tuple[int, int], ...]: ...
    @places.setter
    def places(self, places: Iterable[tuple[int, int]]) -> None: ...
    def __new__(cls, job: Job, simd: str, lanes: int, threads: int) -> Self: ...
    def run(self, thread: int) -> None: ...
