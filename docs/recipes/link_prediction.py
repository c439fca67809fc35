"""Link prediction: edges are taken out of a graph, and vectors of its nodes must tell them from pairs that are none."""

import argparse

import networkx as nx
import numpy as np

from both import train_both


class Graph:
    """Nodes 0 to n - 1 and undirected edges in CSR form: i's neighbours are ``neighbors[first[i]:first[i + 1]]``."""

    def __init__(self, n, edges):
        one, other = edges.T
        self.n = n
        self.pairs = np.sort(np.concatenate([one * n + other, other * n + one]))  # a number for each, both ways
        self.neighbors = (self.pairs % n).astype(np.int32)
        self.first = np.searchsorted(self.pairs, np.arange(n + 1) * n)

    def step(self, nodes, rng):
        """A neighbour of each node, all equally likely."""
        return self.neighbors[rng.integers(self.first[nodes], self.first[nodes + 1])]

    def has_edges(self, one, other):
        """Which of the pairs (one[i], other[i]) are edges."""
        wanted = one.astype(np.int64) * self.n + other
        place = np.searchsorted(self.pairs, wanted)
        return self.pairs[np.minimum(place, len(self.pairs) - 1)] == wanted

    def edges(self):
        """Each edge once; shape (m, 2)."""
        one, other = np.divmod(self.pairs, self.n)
        return np.stack([one, other], axis=1)[one < other]

    def to_networkx(self):
        graph = nx.empty_graph(self.n)
        graph.add_edges_from(self.edges().tolist())
        return graph

    def starts(self, times, rng):
        """Every node as often, in random order."""
        return np.concatenate([rng.permutation(self.n) for _ in range(times)])


def communities(nodes, seed):
    """A benchmark graph of Lancichinetti, Fortunato and Radicchi (2008), arXiv 0805.4770; an array of its edges.

    Degrees and the sizes of communities follow power laws; a tenth of the edges goes between communities.
    """
    graph = nx.LFR_benchmark_graph(
        nodes, tau1=2.5, tau2=1.5, mu=0.1, average_degree=10, max_degree=50, min_community=20, max_community=60,
        seed=seed,
    )  # fmt: skip
    return np.array([edge for edge in graph.edges if edge[0] != edge[1]])


def hide_edges(n, edges, share, rng):
    """The graph without a share of its edges; these and as many pairs that are no edges; which of the pairs are edges.

    The edges of a spanning tree stay, so that every node can still be walked to.
    """
    edges = rng.permutation(edges)
    weighted = nx.Graph()
    weighted.add_weighted_edges_from((*edge, place) for place, edge in enumerate(edges.tolist()))
    in_tree = np.zeros(len(edges), bool)
    in_tree[[data["weight"] for *_, data in nx.minimum_spanning_edges(weighted)]] = True
    hidden = np.flatnonzero(~in_tree)[-int(share * len(edges)) :]
    others = rng.integers(n, size=(3 * len(hidden), 2))
    others = others[(others[:, 0] != others[:, 1]) & ~Graph(n, edges).has_edges(*others.T)][: len(hidden)]
    is_edge = np.repeat([True, False], len(hidden))
    return Graph(n, np.delete(edges, hidden, axis=0)), np.concatenate([edges[hidden], others]), is_edge


def auc(vectors, pairs, is_edge):
    """The chance that an edge's two vectors have a higher cosine than those of a pair that is none; ties count half."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.einsum("ij,ij->i", *vectors[pairs.T])
    edges, others = scores[is_edge], np.sort(scores[~is_edge])
    ranks = np.searchsorted(others, edges, "left") + np.searchsorted(others, edges, "right")
    return float(ranks.mean() / (2 * len(others)))


def compare(walk, description, arguments=None, **walk_options):
    """Print and return the AUC of each library on the same walks, by seed; read the sizes from the command line.

    `walk` takes a Graph, walks a node, nodes a walk and a random generator; `walk_options` are further options of it,
    and of the command line, with their defaults.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    sizes = {"nodes": 1000, "walks": 10, "length": 40, "dimensions": 64, "epochs": 1, "seeds": 3, "workers": 1}
    for name, value in {**sizes, **walk_options}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    options = vars(parser.parse_args(arguments))
    n = options["nodes"]
    aucs = {}
    for seed in range(options["seeds"]):
        rng = np.random.default_rng(seed)
        graph, pairs, is_edge = hide_edges(n, communities(n, seed), 0.3, rng)
        further = {name: options[name] for name in walk_options}
        walks = walk(graph, options["walks"], options["length"], rng, **further)
        trained = train_both(
            walks, np.ndarray.tolist, vector_size=options["dimensions"], window=5, min_count=1, sample=0,
            epochs=options["epochs"], workers=options["workers"], seed=seed,
        )  # fmt: skip
        for library, (model, seconds) in trained.items():
            found = auc(model.wv[list(range(n))], pairs, is_edge)
            print(f"seed {seed}, {library}: AUC {found:.3f}, {seconds:.2f} s")
            aucs.setdefault(library, []).append(found)
    for library, values in aucs.items():
        print(f"mean of {len(values)} seeds, {library}: AUC {np.mean(values):.3f}")
    return aucs
