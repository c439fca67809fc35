"""fastsgns and gensim: one training by either, in a process of its own, timed from outside in the same way; and
fastsgns alone on ids.

Training seconds are those of `train` after `build_vocab`; the whole job is reading, counting, training and, where an
output is named, saving as word2vec binary. Importing counts neither as time nor, in `imported_rss_bytes`, as memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _common import peak_bytes, run_child

SETTINGS = {"window": 5, "negative": 5, "epochs": 5, "min_count": 5, "sample": 1e-3, "alpha": 0.025, "min_alpha": 1e-4}
MODES = ("group", "window", "pair")
GENSIM = ("gensim corpus_file", "gensim iterable")


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str] = SETTINGS) -> None:
    """An option for each setting that both libraries know."""
    for name in names:
        default = SETTINGS[name]
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, metavar="X")


def train(job: dict[str, Any], simd: str | None = None, **details: Any) -> dict[str, Any]:
    """One training in a fresh process: the figures of `train_here`, else {"error": ...}.

    Parameters
    ----------
    job : dict
        "corpus", a text file; "settings", arguments of `Word2Vec`; "contender", one of GENSIM or else fastsgns, then
        with its "mode"; "output", where the vectors go, may be absent.
    simd : str, optional
        The kernel variant.
    details
        More of the job.
    """
    environment = {"FASTSGNS_SIMD": simd} if simd else {}
    return run_child([str(Path(__file__).resolve()), json.dumps(job | details)], **environment)


def train_here(job: dict[str, Any]) -> dict[str, Any]:
    settings, corpus = job["settings"], job["corpus"]
    by_gensim = job["contender"] in GENSIM
    source: dict[str, Any] = {"corpus_file": corpus}
    model: Any
    if by_gensim:
        from gensim.models.word2vec import LineSentence, Word2Vec  # type: ignore

        if job["contender"] == "gensim iterable":
            source = {"corpus_iterable": LineSentence(corpus)}
        model = Word2Vec(sg=1, hs=0, **settings)
    else:
        import fastsgns

        model = fastsgns.Word2Vec(negative_sharing=job["mode"], **settings)
    imported = peak_bytes()
    start = time.perf_counter()
    model.build_vocab(**source)
    scanned = time.perf_counter()
    if by_gensim:
        source |= {"total_examples": model.corpus_count, "total_words": model.corpus_total_words}
    model.train(**source, epochs=settings["epochs"])
    trained = time.perf_counter()
    if job.get("output"):
        model.wv.save_word2vec_format(job["output"], binary=True)
    saved = time.perf_counter()
    return {
        "scan_seconds": scanned - start,
        "train_seconds": trained - scanned,
        "save_seconds": saved - trained,
        "total_seconds": saved - start,
        "corpus_words": model.corpus_total_words,
        "vocab_size": len(model.wv),
        "matrix_bytes": sum(len(rows) * rows.strides[0] for rows in (model.wv.vectors, model.syn1neg)),
        "imported_rss_bytes": imported,
        "peak_rss_bytes": peak_bytes(),
        **({} if by_gensim else {key: model.report[key] for key in ("simd", "loss", "kept_words", "pairs")}),
    }


def train_on_ids(ids: Any, seconds: float, **parameters: Any) -> dict[str, Any]:
    """fastsgns' report of training on arrays of ids for about that long, in this process, with one thread.

    An epoch before tells how many fill the time, and has touched all memory.
    """
    from fastsgns import Word2Vec

    model = Word2Vec(sample=0, min_count=1, workers=1, **parameters)
    model.build_vocab(ids)
    model.train(ids, epochs=1)
    model.train(ids, epochs=max(1, round(seconds / model.report["train_seconds"])))
    return model.report


if __name__ == "__main__":
    print(json.dumps(train_here(json.loads(sys.argv[1]))))
