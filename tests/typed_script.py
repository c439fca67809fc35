"""What a user writes, checked by mypy --strict and never run: the public face gives the types that it should."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsgns import RULE_DISCARD, KeyedVectors, Word2Vec


def short(word: str, count: int, min_count: int) -> int:
    return RULE_DISCARD if len(word) > 20 else 0


model = Word2Vec([["a", "b"]], window=(2, 3), negative="auto", trim_rule=short, min_count=1)
trained, raw = model.train(corpus_file=Path("text"), epochs=3)
total: int = trained + raw
losses: list[float] = model.loss_history
vectors: KeyedVectors = model.wv
vector: NDArray[np.float32] = vectors["a"]
prediction = model.predict_output_word(["a"])
if prediction is not None:
    best, odds = prediction[0]
    chance: float = odds
report: dict[str, int] = model.prepare_vocab(dry_run=True)
loaded: Word2Vec = Word2Vec.load("model.safetensors", mmap="r")
sizes: dict[str, int] = loaded.estimate_memory()
ids = Word2Vec((np.arange(6), np.array([0, 3, 6])), init_vectors="given.bin", freeze=True)
