"""node2vec (Grover and Leskovec 2016, arXiv 1607.00653): walks that rather go back (p < 1), or rather far (q < 1)."""

import numpy as np

from link_prediction import compare


def biased_walks(graph, walks, length, rng, p, q):
    """From every node as many walks as asked for; shape (walks * n, length).

    A walk that came from t goes on to a neighbour x with a weight of 1 / p if x is t, of 1 if x is a neighbour of t,
    and of 1 / q otherwise. Steps are proposed with equal chances and taken in proportion to their weights; those walks
    whose step was refused propose again. That needs no table of weights for every pair of edges.
    """
    matrix = np.empty((walks * graph.n, length), np.int32)
    matrix[:, 0] = graph.starts(walks, rng)
    matrix[:, 1] = graph.step(matrix[:, 0], rng)
    most = max(1 / p, 1, 1 / q)
    for i in range(2, length):
        waiting = np.arange(len(matrix))
        while len(waiting):
            before = matrix[waiting, i - 2]
            proposed = graph.step(matrix[waiting, i - 1], rng)
            weights = np.where(graph.has_edges(before, proposed), 1, 1 / q)
            weights[proposed == before] = 1 / p
            taken = rng.random(len(waiting)) * most < weights
            matrix[waiting[taken], i] = proposed[taken]
            waiting = waiting[~taken]
    return matrix


def main(arguments=None):
    return compare(biased_walks, __doc__, arguments, p=1.0, q=0.5)


if __name__ == "__main__":
    main()
