"""Fast skip-gram word vectors with negative sampling on multi-core CPUs; a drop-in for gensim's Word2Vec."""

try:
    from fastsgns import _encode, _ids, _phrases, _records, _rows, _train  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"{error}: the compiled modules are not in {__path__[0]}. If that is the source folder, start Python "
        "elsewhere, as it looks in the working directory first, or install with `pip install --editable .`"
    ) from error

from fastsgns.callbacks import CallbackAny2Vec, EarlyStopping
from fastsgns.config import __version__, show_config, simd_variants
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.phrases import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phrases
from fastsgns.readers import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus
from fastsgns.vocabulary import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP
from fastsgns.word2vec import Word2Vec

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "RULE_DEFAULT",
    "RULE_DISCARD",
    "RULE_KEEP",
    "BrownCorpus",
    "CallbackAny2Vec",
    "EarlyStopping",
    "FrozenPhrases",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Phrases",
    "Text8Corpus",
    "Word2Vec",
    "__version__",
    "show_config",
    "simd_variants",
]
