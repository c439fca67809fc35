"""Checkpoints of a training: the state of the run and both matrices, in a file that a killed run goes on from."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import formats, memory
from fastsgns import text as text_files
from fastsgns.config import SIMD
from fastsgns.corpus import Corpus
from fastsgns.files import check_place
from fastsgns.options import TrainingOptions
from fastsgns.trainer import NO_COUNTS, UNIT_WORDS, RunState, TrainingResult, check_finite
from fastsgns.vocabulary import Vocabulary

__all__ = ["CheckpointFile", "check_path", "checksum", "identity", "parse_every", "text_identity"]

logger = logging.getLogger(__name__)

KIND = "Checkpoint"
CHECKED_BYTES = 1 << 26  # between two looks for interrupts
UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def parse_every(every: Any) -> tuple[float, float]:
    """Seconds and words between checkpoints, one of them infinite, from "10min", "30s", "2h" or a number of words.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> parse_every("10min"), parse_every(5_000_000)
    ((600.0, inf), (inf, 5000000.0))
    """
    if isinstance(every, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", every)
        unit = found and found.group(2)
        if found and unit in UNITS and float(found.group(1)) > 0:
            return float(found.group(1)) * UNITS[unit], float("inf")
        every = int(every) if found and unit == "" and found.group(1).isdigit() else every
    if isinstance(every, (int, np.integer)) and not isinstance(every, bool) and every > 0:
        return float("inf"), float(min(every, sys.maxsize))
    raise ValueError(f"checkpoint_every={every!r}: give a time, '10min', '30s' or '2h', or a number of words")


def identity(
    options: TrainingOptions,
    text: Mapping[str, Any],
    vocabulary: Vocabulary,
    corpus_share: float,
    frozen: NDArray[np.bool_] | None,
    epochs_before: int,
) -> dict[str, Any]:
    """All that decides how a run goes on; another number of workers may take it over. `text`: see `text_identity`."""
    parameters = {name: value for name, value in asdict(options).items() if name != "workers"}
    words = "\n".join(map(repr, vocabulary.words)).encode("utf-8", "replace")
    described = {
        **parameters,
        **text,
        "vocabulary": len(vocabulary),
        "words and counts (checksum)": zlib.crc32(words, checksum(vocabulary.counts)),
        "share of the whole corpus": corpus_share,
        "frozen rows (checksum)": 0 if frozen is None else checksum(frozen),
        "epochs trained before": epochs_before,
        "words of a work unit": UNIT_WORDS,
    }
    return dict(json.loads(json.dumps(described)))  # as a file gives it back


def text_identity(corpus: Corpus) -> dict[str, Any]:
    """What a corpus must agree in."""
    return {
        "words of the corpus": corpus.raw_words,
        "words kept": len(corpus.tokens),
        "sentences kept": len(corpus.offsets) - 1,
        "text (checksum)": checksum(corpus.tokens, corpus.offsets),
    }


def checksum(*arrays: NDArray[Any]) -> int:
    total = 0
    for array in arrays:
        data = array.reshape(-1).view(np.uint8)
        for start in range(0, len(data), CHECKED_BYTES):
            total = zlib.crc32(data[start : start + CHECKED_BYTES].data, total)
    return total


class CheckpointFile:
    """Keeps the newest state of a run in one file, written whole or not at all, by a thread of its own.

    A context: what is being written at its end is waited for, unless an interrupt ends it.

    Parameters
    ----------
    path : path
    every : str or int
        See `parse_every`.
    identity : dict
        What a run must agree in to go on from this file.
    tensors : mapping of str to ndarray
        What else to keep: words and counts.
    vectors, outputs : ndarray of float32, shape (V, dim)
        The matrices in training.
    options : TrainingOptions
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: Any,
        identity: dict[str, Any],
        tensors: Mapping[str, NDArray[Any]],
        vectors: NDArray[np.float32],
        outputs: NDArray[np.float32],
        options: TrainingOptions,
    ) -> None:
        check_path(path)
        self.path, self.identity, self.tensors, self.options = Path(path), identity, dict(tensors), options
        self.vectors, self.outputs = vectors, outputs
        self.seconds, self.words = parse_every(every)
        self.last_time, self.last_words = time.monotonic(), 0
        self.failure: FloatingPointError | None = None
        self.writing = threading.Lock()  # held by whoever writes
        self.writer: threading.Thread | None = None
        self.kept = self.written = 0  # number of the newest state kept, and written

    def __enter__(self) -> CheckpointFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self.wait()

    def wait(self) -> None:
        """Wait for the thread that writes. The process does not: at a second Ctrl-C it would not end for the disk."""
        if self.writer is not None:
            self.writer.join()

    def due(self, words: int) -> bool:
        if self.failure is not None:
            return True
        if self.writing.locked():
            return False
        return time.monotonic() - self.last_time >= self.seconds or words - self.last_words >= self.words

    def keep(self, state: RunState, last: bool) -> None:
        """See `trainer.Checkpoints`. The threads wait while both matrices are copied, and not for the disk."""
        if self.failure is not None:
            raise self.failure
        metadata = {"kind": KIND, "simd": SIMD, "identity": self.identity, "state": asdict(state)}
        self.kept += 1
        if last:
            self.write(self.kept, metadata, state.result.epochs, self.vectors, self.outputs)
            if self.failure is not None:
                raise self.failure
            return
        job = self.kept, metadata, state.result.epochs
        try:
            memory.require(
                self.vectors.nbytes + self.outputs.nbytes,
                "copies for a checkpoint",
                "a longer checkpoint_every asks less often",
            )
            copies = np.array(self.vectors), np.array(self.outputs)
            self.writer = threading.Thread(
                target=self.write, args=(*job, *copies), name="fastsgns-checkpoint", daemon=True
            )
            self.writer.start()
        except (MemoryError, RuntimeError):  # no memory or no thread to be had: then all wait for the disk
            self.writer = None
            self.write(*job, self.vectors, self.outputs)
        self.last_time, self.last_words = time.monotonic(), state.words

    def write(
        self,
        number: int,
        metadata: dict[str, Any],
        epochs: int,
        vectors: NDArray[np.float32],
        outputs: NDArray[np.float32],
    ) -> None:
        """What cannot be written is warned of, and leaves the file of before; a training need not end for that."""
        tensors = {**self.tensors, "vectors": vectors, "output_vectors": outputs}
        with self.writing:
            if number < self.written:  # after an interrupt, a newer one may have come first
                return
            try:
                check_finite(self.options, epochs, vectors, outputs)
                formats.save_tensors(self.path, tensors, metadata)
                self.written = number
                words = metadata["state"]["result"]["words"] + sum(counts[0] for counts in metadata["state"]["counts"])
                logger.info("checkpoint %s: %s words trained", self.path, f"{words:,}")
            except FloatingPointError as error:
                self.failure = error
            except (OSError, MemoryError) as error:
                size = sum(tensor.nbytes for tensor in tensors.values())
                warnings.warn(f"no checkpoint of {size} bytes was written to {self.path}: {error}", stacklevel=2)
                logger.error("no checkpoint of %d bytes was written to %s: %s", size, self.path, error)

    def load(self) -> RunState | None:
        """Put the matrices of the file in place; gives where it had come to, or None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, of another kind, or of a run of other text or parameters, with what differs.
        """
        if not self.path.exists():
            logger.info("there is no checkpoint %s: training begins", self.path)
            return None
        tensors, metadata = formats.load_tensors(self.path, KIND, mmap="r")
        try:
            theirs, state = dict(metadata["identity"]), parse_state(metadata["state"])
            differences = [
                f"{name} was {theirs.get(name)!r} and is {self.identity.get(name)!r}"
                for name in {**self.identity, **theirs}
                if theirs.get(name) != self.identity.get(name)
            ]
            if differences:
                raise ValueError(
                    f"it is of another training: {'; '.join(differences)}. A new model with the old parameters goes on "
                    "from it; resume=False begins anew and replaces it"
                )
            unit = max(state.unit, *(unit for unit, _ in state.places), 0)
            if unit > self.identity["words kept"] + len(state.places) or state.result.epochs > self.options.epochs:
                raise ValueError(f"it is at work unit {unit} of epoch {state.result.epochs + 1}: there is none")
            if any(
                tensors[name].shape != matrix.shape or tensors[name].dtype != np.float32
                for name, matrix in (("vectors", self.vectors), ("output_vectors", self.outputs))
            ):
                raise ValueError(f"its matrices are not of shape {self.vectors.shape} and float32")
            check_finite(self.options, state.result.epochs, tensors["vectors"], tensors["output_vectors"])
        except (KeyError, TypeError, ValueError, FloatingPointError) as error:
            raise ValueError(f"checkpoint {self.path} cannot be gone on from: {error}") from error
        self.vectors[:], self.outputs[:] = tensors["vectors"], tensors["output_vectors"]
        if metadata.get("simd") != SIMD:
            logger.warning("checkpoint %s is of %s, this is %s: bits may differ", self.path, metadata.get("simd"), SIMD)
        self.last_words = state.words
        logger.info("going on from %s: epoch %d, unit %d", self.path, state.result.epochs + 1, state.unit)
        return state


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work, what could not be written hours later, or is somebody's file.

    Raises
    ------
    OSError
        If there can be no file at the path.
    ValueError
        If there is one that is no checkpoint, or the path is none.
    """
    text_files.check_path("checkpoint", path)
    path = Path(os.path.realpath(path))  # a link stays, and what it leads to is written
    if os.path.isdir(path):  # pathlib's own raises for long names
        raise IsADirectoryError(errno.EISDIR, "checkpoint is a folder: name a file", str(path))
    if not os.path.isdir(path.parent):
        raise FileNotFoundError(errno.ENOENT, "there is no folder for the checkpoint: make it first", str(path.parent))
    try:
        check_place(path)
    except OSError as error:
        text = f"no checkpoint can be written there ({error.strerror}): choose another place"
        raise OSError(error.errno, text, str(path)) from error
    if path.is_file() and path.stat().st_size:
        try:
            formats.load_tensors(path, KIND, mmap="r")
        except ValueError as error:
            raise ValueError(f"checkpoint={str(path)!r} is a file of another kind, or damaged: {error}") from None


def parse_state(state: dict[str, Any]) -> RunState:
    """A RunState of what JSON gives back, checked.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none.
    """
    result = TrainingResult(**state["result"])
    counts = [tuple(of_worker) for of_worker in state["counts"]]
    if any(len(numbers) != len(NO_COUNTS) for numbers in counts) or len(result.loss_history) != result.epochs:
        raise ValueError("its state makes no sense")
    whole = [result.epochs, result.words, result.words_kept, result.pairs, result.dot_products, state["unit"]]
    whole += [number for numbers in counts for place, number in enumerate(numbers) if place != 4]
    places = tuple((unit, blocks) for unit, blocks in state["places"])
    whole += [number for place in places for number in place]
    real = [result.seconds, result.alpha, *(numbers[4] for numbers in counts), *result.loss_history]
    if not all(type(number) is int and 0 <= number < 2**62 for number in whole):
        raise ValueError("its state holds no whole numbers")
    if not all(type(number) in (int, float) and np.isfinite(number) for number in real):
        raise ValueError("its state holds no finite numbers")
    return RunState(result, state["unit"], places, tuple(counts))
