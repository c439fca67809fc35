"""What a training depends on besides its corpus and its vectors, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastsgns import sampling
from fastsgns.checks import check_choice, check_integer, check_real
from fastsgns.config import available_cores, check_simd

__all__ = ["TrainingOptions"]


@dataclass(frozen=True)
class TrainingOptions:
    """Everything a run depends on besides corpus and vectors. Names and defaults are `Word2Vec`'s; see there."""

    alpha: float = 0.025
    min_alpha: float = 1e-4
    window: int | tuple[int, int] = 5
    negative: int = 5
    ns_exponent: float = 0.75
    sample: float = 1e-3
    shrink_windows: bool = True
    negative_sharing: str = "group"
    epochs: int = 5
    seed: int = 1
    workers: int = field(default_factory=available_cores)
    compute_loss: bool = False
    deterministic: bool = False

    @property
    def reach(self) -> tuple[int, int]:
        """How far the window goes before and behind its centre."""
        return self.window if isinstance(self.window, tuple) else (self.window, self.window)

    def __post_init__(self) -> None:
        if isinstance(self.window, tuple):
            if len(self.window) != 2:
                raise ValueError(f"window={self.window!r} must be a number of words, or (left, right)")
            for reach in self.window:
                check_integer("window", reach, 0, 2**20 - 1)
            if max(self.window) == 0:
                raise ValueError("window=(0, 0) holds no context: one side must have at least 1 word")
        else:
            check_integer("window", self.window, 1, 2**20 - 1)
        if isinstance(self.negative, int) and self.negative == 0:
            raise ValueError("negative=0: fastsgns trains skip-gram with negative sampling; give 5 to 20 noise words")
        check_integer("negative", self.negative, 1, 2**20 - 2)
        check_integer("epochs", self.epochs, 1, 2**31)
        check_integer("workers", self.workers, 1, 2**12)
        check_integer("seed", self.seed, None)
        check_real("alpha", self.alpha, 0.0)
        check_real("min_alpha", self.min_alpha, 0.0)
        check_real("sample", self.sample, 0.0, 2.0**62)
        check_real("ns_exponent", self.ns_exponent, -100.0, 100.0)
        if self.alpha == 0:
            raise ValueError("alpha=0 trains nothing; gensim's default is 0.025")
        check_choice("negative_sharing", self.negative_sharing, sampling.SHARING)
        check_simd()
