"""The same training by fastsgns and, where it is installed, by gensim."""

import time
from functools import partial

import fastsgns

try:
    import gensim.models
except ImportError:
    gensim = None


def train_both(corpus, as_lists, **options):
    """Models and the seconds they took, by library; fastsgns also as slow as the paper has it, no noise word shared.

    `as_lists` makes a corpus of arrays a list of lists, which is what gensim takes; the time for it is not counted.
    """
    unshared = partial(fastsgns.Word2Vec, negative_sharing="pair")
    jobs = {"fastsgns": (fastsgns.Word2Vec, corpus), "fastsgns, pair": (unshared, corpus)}
    if gensim:
        jobs["gensim"] = gensim.models.Word2Vec, as_lists(corpus)
    trained = {}
    for library, (word2vec, sentences) in jobs.items():
        start = time.perf_counter()
        model = word2vec(sentences, sg=1, hs=0, **options)
        trained[library] = model, time.perf_counter() - start
    return trained
