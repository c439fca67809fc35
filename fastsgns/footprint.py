"""How many bytes a model in training takes besides its matrices: words, tables, and the threads' scratch memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from fastsgns import sampling
from fastsgns.trainer import UNIT_WORDS, TrainingOptions

__all__ = ["index_bytes", "string_bytes", "table_bytes", "thread_bytes", "threads"]

# An object of Python's begins at a multiple of so many bytes.
OBJECT_ALIGNMENT = 16
# A word whose length nobody knows: up to 15 letters of ASCII.
USUAL_STRING = 64
# Entries of the kernels' tables for a word: the keep-threshold, and of the noise table threshold and alias.
TABLE_ENTRY = 4 + 8


def string_bytes(words: int, keys: Sequence[Any] | None = None) -> int:
    """Of the words themselves, strings, integers or what they are; of usual strings, if they are not given."""
    if keys is None:
        return words * USUAL_STRING
    return sum(-(-sys.getsizeof(key) // OBJECT_ALIGNMENT) * OBJECT_ALIGNMENT for key in keys)


def index_bytes(words: int, keys: Sequence[Any] | None = None) -> int:
    """Of what leads from words to rows and back: two lists, a dictionary and its integers, and twice the counts."""
    slots = 8
    while 2 * slots // 3 < words:
        slots *= 2
    has_short_entries = sys.version_info >= (3, 11) and (not keys or isinstance(keys[0], str))  # without their hashes
    dictionary = slots * (4 if slots > 2**16 else 2) + 2 * slots // 3 * (16 if has_short_entries else 24)
    return words * (2 * 8 + 32 + 2 * 8) + dictionary


def table_bytes(words: int) -> int:
    """Of the tables that the kernel draws from."""
    return words * TABLE_ENTRY


def threads(options: TrainingOptions, tokens: int) -> int:
    """How many threads train a corpus of so many words: no more than there are work units."""
    return min(options.workers, -(-tokens // UNIT_WORDS))


def thread_bytes(options: TrainingOptions, dim: int) -> int:
    """Of one training thread's scratch memory: the arrays of `sgns_state` in _c/sgns.h."""
    shape = sampling.block_shape(options.negative_sharing, int(options.negative))
    left, right = options.window if isinstance(options.window, tuple) else (options.window, options.window)
    inputs = shape["centers"] + left + right
    outputs = -(-(shape["centers"] + shape["noise_words"]) // 16) * 16
    stride = -(-dim // 16) * 16
    grids = 3 * inputs * outputs * 4  # logits, and the pairs of two blocks
    rows = (inputs + 1) * stride * 4  # old inputs and a blank row
    lists = inputs * (4 + 16 + 2 * 12) + outputs * (4 + 2 * 12) + 4 * 1024
    words = (UNIT_WORDS + inputs + left + right) * 8 + UNIT_WORDS * 8
    return grids + rows + lists + words
