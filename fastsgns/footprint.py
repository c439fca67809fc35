"""How many bytes a model in training takes, and whether they are left: words, matrices, tables, threads' scratch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from fastsgns import memory, sampling
from fastsgns.matrices import matrix_bytes
from fastsgns.options import TrainingOptions
from fastsgns.trainer import UNIT_WORDS

__all__ = ["parts", "require_model", "require_scratch", "state_bytes"]

# An object of Python's begins at a multiple of so many bytes.
OBJECT_ALIGNMENT = 16
# A word whose length nobody knows: up to 15 letters of ASCII.
USUAL_STRING = 64
# Entries of the kernels' tables for a word: the keep-threshold, and of the noise table threshold and alias.
TABLE_ENTRY = 4 + 8


def parts(
    words: int, dim: int, options: TrainingOptions, tokens: int | None = None, keys: Sequence[Any] | None = None
) -> dict[str, int]:
    """Bytes of all that is there during training but for the corpus; see `Word2Vec.estimate_memory`.

    Parameters
    ----------
    words, dim : int
        Rows and columns of a matrix.
    tokens : int, optional
        Words of the corpus: a short one is not for all threads.
    keys : sequence, optional
        The words.
    """
    matrix = matrix_bytes(words, dim)
    return {
        "vocab": string_bytes(words, keys) + index_bytes(words, keys),
        "vectors": matrix,
        "syn1neg": matrix,
        "tables": words * TABLE_ENTRY,
        "threads": states(options, tokens) * state_bytes(options, dim),
    }


def require_model(words: int, dim: int, options: TrainingOptions, tokens: int) -> None:
    """MemoryError if too little is left for new matrices and what training takes besides. The words are there."""
    sizes = parts(words, dim, options, tokens)
    matrices, others = sizes["vectors"] + sizes["syn1neg"], index_bytes(words) + sizes["tables"] + sizes["threads"]
    memory.require(
        matrices + others,
        f"{words:,} words x {dim} dimensions x 4 bytes in two matrices are {memory.gigabytes(matrices)}, with"
        f" {memory.gigabytes(others)} for tables and {options.workers} threads",
        "give a higher min_count, or a lower max_final_vocab or vector_size",
    )


def require_scratch(words: int, dim: int, options: TrainingOptions, tokens: int) -> None:
    """MemoryError if too little is left for what training takes besides matrices."""
    sizes = parts(words, dim, options, tokens)
    memory.require(
        sizes["tables"] + sizes["threads"],
        f"tables for {words:,} words, and {states(options, tokens)} times arrays of"
        f" window={options.window} x negative={options.negative}",
        "give a lower window, negative or workers",
    )


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


def states(options: TrainingOptions, tokens: int | None) -> int:
    """How many work units of a corpus are under way at once: one a thread, or one a lane of a team."""
    most = sampling.TEAM_LANES if options.deterministic else options.workers
    return most if tokens is None else min(most, -(-tokens // UNIT_WORDS))


def state_bytes(options: TrainingOptions, dim: int) -> int:
    """Of one work unit's scratch memory: the arrays of `sgns_state` in _c/sgns.h."""
    shape = sampling.block_shape(options.negative_sharing, int(options.negative))
    left, right = options.reach
    apart = sampling.round_blocks(options.negative_sharing, left + right) if options.deterministic else 0
    blocks = max(2, apart)
    inputs = shape["centers"] + left + right
    outputs = -(-(shape["centers"] + shape["noise_words"]) // 16) * 16
    stride = matrix_bytes(1, dim) // 4
    grids = (1 + blocks) * inputs * outputs * 4  # logits, and the pairs of blocks
    rows = (inputs + 1 + apart * (inputs + outputs)) * stride * 4  # old inputs, a blank row, updates
    lists = inputs * (4 + 16 + blocks * 12) + outputs * (4 + blocks * 12) + 4 * 1024
    words = (UNIT_WORDS + inputs + left + right) * 8 + UNIT_WORDS * 8
    return grids + rows + lists + words
