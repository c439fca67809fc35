"""Storage: KeyedVectors in files, fastsgns' own and those of word2vec."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastsgns import formats, word2vec_reader, word2vec_writer
from fastsgns.files import PathLike
from fastsgns.vectorstore import VectorStore

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["Storage"]

logger = logging.getLogger(__name__)

KIND = "KeyedVectors"
# Attributes besides "count" go by this prefix in the native file.
ATTRIBUTE = "attribute."


class Storage(VectorStore):
    """How a `VectorStore` is saved and loaded."""

    def save(
        self,
        fname_or_handle: PathLike | IO[bytes],
        separately: Sequence[str] | None = None,
        sep_limit: int = 10 * 1024**2,
        ignore: Collection[str] = frozenset(),
        pickle_protocol: int = 4,
    ) -> None:
        """Save keys, vectors and attributes as one safetensors file, atomically; nothing in it is ever unpickled.

        Parameters
        ----------
        fname_or_handle : path, or file open for writing bytes
        separately, sep_limit, ignore, pickle_protocol
            Accepted for gensim's sake, without effect: there is one file, it is no pickle, and norms are not in it.

        Raises
        ------
        ValueError
            If keys are neither all strings nor all integers, or an attribute is not numeric.
        """
        self._check_full()
        tensors = {**formats.pack_keys(self.index_to_key), "vectors": self.vectors}
        if not self.vectors_lockf.all() or len(self.vectors_lockf) > 1:
            tensors["lockf"] = self.vectors_lockf
        for name, values in self.expandos.items():
            tensors["counts" if name == "count" else ATTRIBUTE + name] = values
        formats.save_tensors(fname_or_handle, tensors, {"kind": KIND})
        self._log("saved", fname_or_handle)

    @classmethod
    def load(cls, fname: PathLike, mmap: str | None = None) -> Self:
        """Load vectors that `save` wrote, or those of a saved `Word2Vec`.

        Parameters
        ----------
        fname : path
        mmap : {None, "r", "c"}, optional
            Map the vectors read-only or copy-on-write, so that they load at once and processes share them.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind. Files of gensim's own `save` are pickles: see `from_gensim`.
        """
        tensors, _ = formats.load_tensors(fname, (KIND, "Word2Vec"), mmap=mmap)
        try:
            store = cls.from_arrays(formats.unpack_keys(tensors), tensors["vectors"], tensors.get("counts"))
            store.vectors_lockf = tensors.get("lockf")
            for name, values in tensors.items():
                if name.startswith(ATTRIBUTE):
                    if values.shape != (len(store),):
                        raise ValueError(f"its attribute {name!r} is of shape {values.shape}")
                    store.expandos[name.removeprefix(ATTRIBUTE)] = np.array(values)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{os.fspath(fname)}: not a {KIND} file of fastsgns: {error}") from error
        store._log("read" if mmap is None else "mapped", fname)
        return store

    def save_word2vec_format(
        self,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Save in the format of word2vec.c; text numbers have all digits needed to come back to the bit.

        Parameters
        ----------
        fname : path
            May end in .gz, .bz2 or .xz.
        fvocab : path, optional
            Where to write keys and `sort_attr`.
        binary : bool, default False
            float32 rather than text.
        total_vec : int, optional
            The number of vectors to declare, if others are to be appended.
        write_header : bool, default True
            False leaves out the line of sizes, as GloVe does.
        prefix : str
            Put before every key.
        append : bool, default False
            Add to files that are there, rather than begin anew. They are copied for that, so as to stay whole.
        sort_attr : str, default "count"
            Vectors are written by falling value of this attribute, if it is there.

        Raises
        ------
        ValueError
            If a key is empty or holds white space, or `fvocab` is to hold an attribute that is not there.
        """
        values = self.expandos.get(sort_attr)
        if fvocab is not None and values is None:
            raise ValueError(f"fvocab={os.fspath(fvocab)!r}: there is no attribute sort_attr={sort_attr!r} to write")
        self._check_full()
        order = np.arange(len(self))
        if values is not None:  # stable and falling, whatever the type
            order = order[::-1][np.argsort(values[::-1], kind="stable")][::-1]
        if fvocab is not None and values is not None:
            word2vec_writer.write_vocabulary(fvocab, self.index_to_key, values, order, prefix=prefix, append=append)
        word2vec_writer.write_vectors(
            fname, self.index_to_key, self.vectors, order, binary=binary, total_vec=total_vec,
            write_header=write_header, prefix=prefix, append=append,
        )  # fmt: skip
        self._log("saved", fname)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: DTypeLike = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Load the format of word2vec.c, or GloVe's text with ``no_header=True``.

        Parameters
        ----------
        fname : path
            May end in .gz, .bz2 or .xz.
        fvocab : path, optional
            Lines of key and count; without it counts fall from the number of keys to 1, as in gensim.
        binary : bool, default False
            float32 rather than text.
        encoding, unicode_errors : str
            How keys are decoded.
        limit : int, optional
            Load the first so many only.
        datatype : data type, default float32
            Of the vectors in memory; float16 halves them.
        no_header : bool, default False
            The text has no line of sizes.

        Raises
        ------
        ValueError
            If the file is empty, truncated, or of another format.
        """
        counts = None if fvocab is None else word2vec_reader.read_vocabulary(fvocab, encoding, unicode_errors)
        rows, vectors = word2vec_reader.read_vectors(
            fname, binary=binary, limit=limit, datatype=datatype, encoding=encoding, unicode_errors=unicode_errors,
            no_header=no_header,
        )  # fmt: skip
        values: NDArray[np.int64] = np.arange(len(rows), 0, -1, dtype=np.int64)
        if counts is not None:
            missing = [key for key in rows if key not in counts]
            if missing:
                logger.warning("%s lacks %d keys, %r first: their count is 0", fvocab, len(missing), missing[0])
            values = np.array([counts.get(key, 0) for key in rows], np.int64)
        store = cls._from_rows(rows, vectors, values)
        store._log("read", fname)
        return store

    def intersect_word2vec_format(
        self,
        fname: PathLike,
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
    ) -> None:
        """Take over the vectors of the keys that are both here and in a file of word2vec's formats; add none.

        How many they are is logged.

        Parameters
        ----------
        fname : path
            May end in .gz, .bz2 or .xz.
        lockf : {0.0, 1.0}
            Whether training keeps these vectors as they are, 0, or may change them, 1: see `vectors_lockf`.
        binary, encoding, unicode_errors
            As in `load_word2vec_format`.

        Raises
        ------
        ValueError
            If the vectors are of other dimensions, or the file is damaged; those before the damage are taken over.
        """
        if lockf not in (0, 1):
            raise ValueError(f"lockf={lockf!r}: vectors are either frozen, 0, or trained, 1")
        taken: dict[int, None] = {}
        with word2vec_reader.open_vectors(
            fname, binary=binary, encoding=encoding, unicode_errors=unicode_errors
        ) as file:
            if file.dim != self.vector_size:
                raise ValueError(
                    f"{os.fspath(fname)} holds vectors of {file.dim} dimensions, which do not fit"
                    f" vector_size={self.vector_size}"
                )
            batch = np.empty(file.scratch.shape, self.vectors.dtype)
            self._invalidate()
            while keys := file.read(batch):
                rows = {self.key_to_index[key]: place for place, key in enumerate(keys) if key in self.key_to_index}
                self.vectors[list(rows)] = batch[list(rows.values())]
                taken.update(dict.fromkeys(rows))
        self._lock(list(taken), lockf)
        logger.info("%s: took over %d of %d vectors, for %d keys", fname, len(taken), file.done, len(self))
        if not taken:
            logger.warning("%s has no key in common with these %d: are keys written alike?", fname, len(self))

    def _log(self, done: str, file: object) -> None:
        logger.info("%s %s: %s vectors of %d dimensions", done, file, f"{len(self):,}", self.vector_size)

    def _check_full(self) -> None:
        if None in self.index_to_key:
            missing = self.index_to_key.count(None)
            raise ValueError(f"{missing} of {len(self)} rows have no keys: add the other vectors first")
