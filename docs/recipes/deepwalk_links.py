"""DeepWalk (Perozzi, Al-Rfou and Skiena 2014, arXiv 1403.6652): random walks are sentences, their nodes words."""

import numpy as np

from link_prediction import compare


def uniform_walks(graph, walks, length, rng):
    """From every node as many walks as asked for; shape (walks * n, length). All walks take a step at once."""
    matrix = np.empty((walks * graph.n, length), np.int32)
    matrix[:, 0] = graph.starts(walks, rng)
    for i in range(1, length):
        matrix[:, i] = graph.step(matrix[:, i - 1], rng)
    return matrix


def main(arguments=None):
    return compare(uniform_walks, __doc__, arguments)


if __name__ == "__main__":
    main()
