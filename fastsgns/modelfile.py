"""The file of a whole Word2Vec model: both matrices, words, counts, parameters and history, as one safetensors file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastsgns import formats
from fastsgns.checks import check_integer, check_real, plain
from fastsgns.config import available_cores
from fastsgns.files import PathLike
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.matrices import as_aligned
from fastsgns.vocabulary import Vocabulary

if TYPE_CHECKING:
    from fastsgns.word2vec import Word2Vec

__all__ = ["load", "save"]

logger = logging.getLogger(__name__)

KIND = "Word2Vec"
# What a saved model records besides its matrices, and a loaded one is made of.
PARAMETERS = (
    "vector_size", "alpha", "min_alpha", "window", "min_count", "max_vocab_size", "max_final_vocab", "sample", "seed",
    "workers", "negative", "ns_exponent", "epochs", "sorted_vocab", "compute_loss", "shrink_windows",
    "negative_sharing", "errors", "cbow_mean", "comment", "deterministic",
)  # fmt: skip
HISTORY = (
    "corpus_count", "corpus_total_words", "epochs_trained", "loss_history", "report", "train_count",
    "total_train_time", "min_alpha_yet_reached",
)  # fmt: skip

# What no count reaches, so that sums do not overflow.
MOST_WORDS = 2**62

Model = TypeVar("Model", bound="Word2Vec")


def save(model: Word2Vec, path: PathLike | IO[bytes]) -> None:
    """Write a model with a vocabulary; see `Word2Vec.save`."""
    assert model._vocabulary is not None
    tensors = {
        **formats.pack_keys(model.wv.index_to_key),
        "vectors": model.wv.vectors,
        "output_vectors": model.syn1neg,
        "counts": model._vocabulary.counts,
    }
    if not model.wv.vectors_lockf.all():
        tensors["lockf"] = model.wv.vectors_lockf
    # The next machine has other cores.
    workers = None if model.workers == available_cores() else plain(model.workers)
    metadata = {
        "kind": KIND,
        "parameters": {name: plain(getattr(model, name)) for name in PARAMETERS} | {"workers": workers},
        "history": {name: plain(getattr(model, name)) for name in HISTORY},
    }
    formats.save_tensors(path, tensors, metadata)
    logger.info("saved %s: %s words x %d dimensions, whole model", path, f"{len(model.wv):,}", model.vector_size)


def load(cls: type[Model], path: str | os.PathLike[str], mmap: str | None) -> Model:
    """Read what `save` wrote; see `Word2Vec.load`."""
    tensors, metadata = formats.load_tensors(path, KIND, mmap=mmap)
    try:
        parameters, history = dict(metadata["parameters"]), dict(metadata["history"])
        parameters.setdefault("deterministic", False)  # younger than the first models
        model = cls(**{name: parameters[name] for name in PARAMETERS})
        words, counts = formats.unpack_keys(tensors), np.array(tensors["counts"])
        shape = (len(words), model.vector_size)
        vectors, outputs, locks = tensors["vectors"], tensors["output_vectors"], tensors.get("lockf")
        if any(matrix.shape != shape or matrix.dtype != np.float32 for matrix in (vectors, outputs)):
            raise ValueError(f"its matrices are not of shape {shape} and float32")
        if counts.shape != shape[:1] or counts.dtype != np.int64 or (counts <= 0).any():
            raise ValueError("its counts are not one positive number a word")
        if counts.sum(dtype=np.float64) > MOST_WORDS:
            raise ValueError("its counts are of more words than there can be")
        check_history(history)
        for name in HISTORY:
            setattr(model, name, history[name])
        if mmap is None:
            vectors, outputs = (as_aligned(matrix) for matrix in (vectors, outputs))
        model.wv = KeyedVectors.from_arrays(words, vectors, counts)
        model.wv.vectors_lockf = None if locks is None else np.array(locks)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{Path(path)}: not a Word2Vec model of fastsgns: {error}") from error
    model.syn1neg = outputs
    how = "read" if mmap is None else "mapped"
    logger.info("%s %s: %s words x %d dimensions, whole model", how, path, f"{len(words):,}", model.vector_size)
    model._vocabulary = Vocabulary(words, counts, model.corpus_total_words, model.corpus_count)
    return model


def check_history(history: dict[str, Any]) -> None:
    """KeyError, TypeError or ValueError unless it is such as a model has."""
    for name in ("corpus_count", "corpus_total_words", "epochs_trained", "train_count"):
        check_integer(name, history[name], 0, MOST_WORDS)
    for name in ("total_train_time", "min_alpha_yet_reached"):
        check_real(name, history[name], 0.0)
    for loss in history["loss_history"]:
        check_real("loss_history", loss, 0.0)
    if not isinstance(history["loss_history"], list) or not isinstance(history["report"], dict):
        raise ValueError("its loss_history and report are no list and no object")
