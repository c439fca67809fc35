"""How much of the nearest keys an approximate index finds, and how fast, beside exact search.

    python benchmarks/ann.py model.safetensors --json ann.json
    python benchmarks/ann.py                                    (vectors of made-up text)

Queries are keys drawn at random. "one by one" asks for each alone; "at once" gives all to `most_similar_batch`, on all
threads. Recall is the share of the 10 nearest keys by exact search that the index finds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from _common import hardware, positive, versions, zipf_ids

TOPN = 10
EXACT = "exact search"
# Of each index: what it keeps the vectors as, and how many vertices it keeps in sight while it searches.
INDEXES = [("f32", 64), ("f16", 64), ("f16", 128), ("f16", 256), ("i8", 64)]


def made_up(words: int, vocabulary: int, dim: int) -> Any:
    """Vectors trained on made-up text of topics."""
    from fastsgns import Word2Vec

    ids = zipf_ids(words, vocabulary, seed=1, topics=100)
    return Word2Vec(ids, vector_size=dim, min_count=1, epochs=3, sample=0).wv


def per_second(ask: Callable[[], object], queries: int, repeats: int) -> float:
    """Queries a second: the median of several runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - start)
    return queries / statistics.median(seconds)


def ask_each(index: Any, keys: list[Any]) -> None:
    for key in keys:
        index.most_similar(key, topn=TOPN)


def measure(wv: Any, queries: int, repeats: int) -> list[dict[str, Any]]:
    import numpy as np

    keys = [wv.index_to_key[row] for row in np.random.default_rng(1).permutation(len(wv))[:queries].tolist()]
    few = keys[: max(1, len(keys) // 5)]
    wv.fill_norms()
    runs = []
    for name, index, expansion in [(EXACT, wv, None), *((f"index, {dtype}", dtype, n) for dtype, n in INDEXES)]:
        run: dict[str, Any] = {"who": name, "expansion_search": expansion, "recall": 1.0}
        if index is not wv:
            start = time.perf_counter()
            index = wv.build_index(dtype=index, expansion_search=expansion)
            run["build_seconds"] = time.perf_counter() - start
            run["recall"] = index.recall(TOPN, len(keys))
            run["bytes"] = index.memory_bytes
        run["one_by_one"] = per_second(partial(ask_each, index, few), len(few), repeats)
        run["at_once"] = per_second(partial(index.most_similar_batch, keys, TOPN), len(keys), repeats)
        runs.append(run)
    return runs


def markdown(document: dict[str, Any]) -> str:
    lines = [
        f"{document['vectors']:,} vectors of {document['dimensions']} dimensions, {document['queries']:,} queries, on "
        f"{document['hardware']['cores']} cores of {document['hardware']['cpu']}; "
        + ", ".join(f"{name} {number}" for name, number in document["versions"].items()),
        "",
        f"| | expansion_search | recall@{TOPN} | queries/s, one by one | queries/s, at once | build, s | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in document["runs"]:
        build, size = run.get("build_seconds"), run.get("bytes")
        cells = [
            run["who"], run["expansion_search"] or "", f"{run['recall']:.3f}", f"{run['one_by_one']:,.0f}",
            f"{run['at_once']:,.0f}", "" if build is None else f"{build:.1f}",
            "" if size is None else f"{size / 1e6:,.0f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a native file, or none for made-up text")
    parser.add_argument("--words", type=positive, default=5_000_000, help="of made-up text (default %(default)s)")
    parser.add_argument("--vocabulary", type=positive, default=50_000, help="of made-up text (default %(default)s)")
    parser.add_argument("--dim", type=positive, default=100, help="of made-up text (default %(default)s)")
    parser.add_argument("--queries", type=positive, default=1000, help="(default %(default)s)")
    parser.add_argument(
        "--repeats", type=positive, default=3, help="timings of each, for the median (default %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    from fastsgns import KeyedVectors

    wv = KeyedVectors.load(options.model) if options.model else made_up(options.words, options.vocabulary, options.dim)
    document = {
        "hardware": hardware(), "versions": versions("fastsgns", "usearch", "numpy"), "vectors": len(wv),
        "dimensions": wv.vector_size, "queries": min(options.queries, len(wv)),
        "runs": measure(wv, options.queries, options.repeats),
    }  # fmt: skip
    print(markdown(document), end="")
    if options.json:
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
