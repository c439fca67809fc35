"""All that fastsgns does in threads, in short, for modules that are built for ThreadSanitizer: see .ci/sanitizers."""

import inspect
import tempfile
import threading
from pathlib import Path

import numpy as np

from fastsgns import Phrases, Word2Vec, corpus, idarrays, phrasecounts, phrasetext, trainer

# Steps so short that every thread gets some.
trainer.UNIT_WORDS, trainer.POLL_SECONDS = 64, 1e-3
idarrays.BLOCK_TOKENS, idarrays.LEAST_TOKENS = 1000, 100
phrasecounts.BLOCK, phrasecounts.LEAST_TOKENS, phrasecounts.LEAST_PAIRS = 500, 100, 100
for function in (corpus.encode_files, phrasetext.join_files):
    inspect.unwrap(function).__kwdefaults__["piece_bytes"] = 2000


def train(sentences=None, **options):
    defaults = {"vector_size": 16, "min_count": 1, "sample": 0.01, "epochs": 2, "workers": 4}
    return Word2Vec(sentences, **{**defaults, **options})


def main(folder):
    ids = np.random.default_rng(1).zipf(1.5, (400, 20)).clip(max=300)
    words = [[f"w{token}" for token in line] for line in ids.tolist()]
    text = folder / "text"
    text.write_text("\n".join(map(" ".join, words)), encoding="utf-8")

    for sharing in ("group", "window", "pair"):
        train(words, negative_sharing=sharing, deterministic=True)
        model = train(words, negative_sharing=sharing)
    train(words, init_vectors=model.wv, freeze=model.wv.index_to_key[::2])
    train(corpus_file=text)
    train(ids)
    train((ids.reshape(-1), np.arange(401) * 20))
    for resume in (False, True):
        train(words, checkpoint=folder / "checkpoint", checkpoint_every=500, resume=resume)

    Phrases(words, min_count=1, threshold=0.1, workers=4)
    phrases = Phrases(corpus_file=text, min_count=1, threshold=0.1, workers=4)
    phrases.transform_file(text, folder / "joined", workers=4)

    both = [threading.Thread(target=train, args=(words,)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
    print("trained, scanned, joined: all threads came to their ends")
