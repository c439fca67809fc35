"""Training on several machines: the same model as one would train, by workers on a Ray cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastsgns import checkpoint, cluster, formats
from fastsgns.checks import check_integer, check_real
from fastsgns.cluster import MOST_ATTEMPTS, Cluster, WorkerLost
from fastsgns.clusterrun import ClusterRun
from fastsgns.clusterworker import ShareSize
from fastsgns.interrupts import terminations_interrupt
from fastsgns.progress import progress_bar
from fastsgns.shares import Text, cut
from fastsgns.text import Source
from fastsgns.vocabulary import Vocabulary
from fastsgns.word2vec import Word2Vec

__all__ = ["check_parameters", "train"]

logger = logging.getLogger(__name__)

# A lost worker's shares are dealt to the others: the more there are, the more equally.
SHARES_A_WORKER = 4
# What a training by several workers has no use for.
REFUSED = {
    "sentences": "give the corpus as the first argument: paths, or a ray.data.Dataset",
    "corpus_file": "give the corpus as the first argument: paths, or a ray.data.Dataset",
    "corpus_cache": "every worker keeps its share in memory; leave it out",
    "deterministic": "workers merge what threads train without locks; train on one machine for equal bits",
}


def train(
    corpus: Source | Any,
    num_workers: int | None = None,
    workers_per_node: int | None = None,
    address: str = "auto",
    *,
    column: str | None = None,
    round_words: int | None = None,
    start_timeout: float = 60.0,
    **parameters: Any,
) -> Word2Vec:
    """Train word vectors on a Ray cluster.

    Parameters
    ----------
    corpus : path, list of paths, or ray.data.Dataset
        Files (see `corpus_file` of `Word2Vec`) that all nodes see under the same path, or a dataset with a column of
        text, a sentence a row, or of token lists.
    num_workers : int, optional
        Processes that train together; by default one for each node.
    workers_per_node : int, optional
        How many share a node's cores; by default as few as must.
    address : str, default "auto"
        Of the cluster: "auto" for the one that this machine is part of, "HOST:6379", "ray://HOST:10001", or "local" for
        this machine alone. Where `ray.init` was called before, that one is used.
    column : str, optional
        Of a dataset; by default its only one, or else "text".
    round_words : int, optional
        How many words a worker trains between two exchanges, on the average: rounds grow as the learning rate falls.
        Fewer bring the quality nearer to that of one machine, more the speed nearer to that of all; see docs/cluster.md
        for the default.
    start_timeout : float, default 60
        Seconds that workers may take to start.
    **parameters
        Those of `Word2Vec`. `workers` are the threads of each worker, by default one for each of its cores.

    Returns
    -------
    Word2Vec

    Raises
    ------
    ImportError
        If Ray is not installed.
    ConnectionError
        If no cluster answers.
    FileNotFoundError
        If a node does not see a file, or another one under its name.
    RuntimeError
        If there is no room for the workers, a node has another version of fastsgns, or all workers were lost.
    ValueError, FloatingPointError, MemoryError
        As `Word2Vec`; and for more workers than the corpus can be cut for.

    Notes
    -----
    Each worker has a part of the corpus and a copy of both matrices. In rounds, it trains some of its words, as one
    machine would (Hogwild, arXiv 1106.5730); then workers add up what they have changed, row by row, but average the
    changes of rows that come to rest within the round: see `fastsgns.merging`. Rows of frequent words are exchanged
    after every round, others less often (Ji et al. 2016, arXiv 1604.04661). The learning rate falls with the words of
    all.

    A worker that is lost is replaced by a new one, which reads its part again and goes on from what the others have;
    where there is no room for one, others take over its part. With `checkpoint` and `resume`, a driver that was lost
    goes on too, with another number of workers if need be.

    Examples
    --------
    >>> from fastsgns import distributed
    >>> model = distributed.train("wiki/", num_workers=4, vector_size=300)  # doctest: +SKIP
    """
    for name, value in (("num_workers", num_workers), ("workers_per_node", workers_per_node)):
        if value is not None:
            check_integer(name, value, 1, 2**12)
    if round_words is not None:
        check_integer("round_words", round_words, 1, 2**40)
    check_real("start_timeout", start_timeout, 0.0)
    model = check_parameters(parameters)
    ray = cluster.connect(address)
    num_workers = num_workers or max(1, sum(node["Alive"] and "CPU" in node["Resources"] for node in ray.nodes()))
    text = cut(corpus, column, shares_of(model) or SHARES_A_WORKER * num_workers, num_workers)
    threads = parameters.get("workers")
    workers = Cluster(ray, num_workers, workers_per_node, threads, model.errors, start_timeout)
    model.workers = workers.threads
    try:
        with terminations_interrupt():
            start = time.perf_counter()
            sizes = prepare(model, workers, text)
            model._scan_seconds = time.perf_counter() - start
            run = ClusterRun(model, workers, sizes, round_words, text.cut_for)
            with run.checkpoints or nullcontext():
                run.run()
    finally:
        workers.close()
    return model


def check_parameters(parameters: Mapping[str, Any]) -> Word2Vec:
    """An untrained model of these parameters.

    Raises
    ------
    ValueError
        If one is out of range, or not for training on a cluster.
    """
    for name, remedy in REFUSED.items():
        value = parameters.get(name)
        if value is not None and value is not False:
            raise ValueError(f"{name}={repr(value)[:40]} is not for training on a cluster: {remedy}")
    return Word2Vec(**parameters)


def shares_of(model: Word2Vec) -> int | None:
    """Into how many shares the corpus was cut by the run whose checkpoint this one is to go on from."""
    if not model.resume or model.checkpoint is None or not Path(model.checkpoint).exists():
        return None
    _, metadata = formats.load_tensors(model.checkpoint, checkpoint.KIND, mmap="r")
    shares = metadata.get("identity", {}).get("cut for")
    return shares if isinstance(shares, int) and shares > 0 else None


def prepare(model: Word2Vec, workers: Cluster, text: Text) -> dict[int, ShareSize]:
    """Build the model's vocabulary and the workers' encoded corpus; gives the size of each share."""
    for attempt in range(MOST_ATTEMPTS):
        try:
            if attempt:
                workers.revive()
            if text.sizes:
                workers.check_files(text.shares, text.sizes)
            deal = deal_shares(len(text.shares), sorted(workers.workers))
            vocabulary = scan(model, workers, text, deal)
            sizes = workers.encode(vocabulary)
        except WorkerLost as error:
            logger.warning("the corpus is scanned again, as a worker was lost: %s", error)
            continue
        for worker, shares in deal.items():
            if not any(sizes[share].words for share in shares):
                raise ValueError(f"num_workers={len(deal)}: worker {worker} has no word of the corpus; ask for fewer")
        model.corpus_count, model.corpus_total_words = vocabulary.sentences, vocabulary.raw_words
        model._begin(vocabulary)
        return sizes
    raise RuntimeError(f"workers were lost {MOST_ATTEMPTS} times while the corpus was scanned")


def deal_shares(shares: int, workers: Sequence[int]) -> dict[int, list[int]]:
    """Neighbouring shares to each worker.

    Examples
    --------
    >>> deal_shares(5, [0, 1])
    {0: [0, 1], 1: [2, 3, 4]}
    """
    cuts = [shares * i // len(workers) for i in range(len(workers) + 1)]
    return {worker: list(range(*ends)) for worker, ends in zip(workers, pairwise(cuts), strict=True)}


def scan(model: Word2Vec, workers: Cluster, text: Text, deal: Mapping[int, list[int]]) -> Vocabulary:
    """Count the words of all shares, and choose the vocabulary."""
    with progress_bar("scan", "share", model.progress) as report:
        found = workers.scan(text.shares, deal, report)
    kept = model.rules().select(found.counts, None, lambda rows: [found.words[row] for row in rows.tolist()])
    words = [found.words[row] for row in kept.tolist()]
    return Vocabulary(words, found.counts[kept], found.raw_words, found.sentences)
