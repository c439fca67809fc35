"""KeyedVectors from and to other libraries in memory: gensim's, whose files only gensim should read, and PyTorch's."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from fastsgns.vectorstore import VectorStore

__all__ = ["from_gensim", "to_gensim", "to_torch"]

Store = TypeVar("Store", bound=VectorStore)


def to_gensim(store: VectorStore) -> Any:
    """A gensim.models.KeyedVectors with copies of keys, vectors and attributes."""
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise ImportError("to_gensim needs gensim, which is not installed: pip install gensim") from error
    other = KeyedVectors(store.vector_size)
    other.index_to_key, other.key_to_index = list(store.index_to_key), dict(store.key_to_index)
    other.next_index = store.next_index
    other.vectors = np.array(store.vectors, order="C")
    other.expandos = {name: np.array(values) for name, values in store.expandos.items()}
    other.vectors_lockf = np.array(store.vectors_lockf)
    return other


def from_gensim(cls: type[Store], other: Any) -> Store:
    """Copies of the keys, vectors and attributes of gensim's; `KeyedVectors.from_gensim` tells the rest."""
    vectors = getattr(other, "vectors", None)
    if not isinstance(vectors, np.ndarray) or not hasattr(other, "key_to_index"):
        hint = "its vectors are kv.wv" if hasattr(other, "wv") else "give gensim.models.KeyedVectors, such as model.wv"
        raise TypeError(f"kv is of type {type(other).__name__}, not gensim's KeyedVectors: {hint}")
    store = cls(vectors.shape[1], dtype=vectors.dtype)
    store.index_to_key, store.key_to_index = list(other.index_to_key), dict(other.key_to_index)
    store.next_index = other.next_index
    store.vectors = np.array(vectors, order="C")
    store.expandos = {name: np.array(values) for name, values in other.expandos.items()}
    store.allocate_vecattrs()  # gensim may have forgotten to lengthen some
    store.vectors_lockf = getattr(other, "vectors_lockf", None)
    return store


def to_torch(store: VectorStore, copy: bool) -> Any:
    """The matrix as a tensor; `KeyedVectors.to_torch` tells the rest."""
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch, which is not installed: pip install torch") from error
    vectors = store.vectors
    # Tensors have no read-only memory, such as that of a mapped file, and no foreign byte order.
    if copy or not vectors.flags.writeable or not vectors.dtype.isnative:
        vectors = np.array(vectors, vectors.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(vectors)
