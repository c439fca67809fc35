"""Fast skip-gram word vectors with negative sampling on multi-core CPUs; a drop-in for gensim's Word2Vec."""

from fastsgns.config import __version__, show_config, simd_variants
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.word2vec import Word2Vec

__all__ = ["KeyedVectors", "Word2Vec", "__version__", "show_config", "simd_variants"]
