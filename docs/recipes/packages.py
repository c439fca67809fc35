"""Packages that call gensim's Word2Vec, run with fastsgns in its place: the name that they look up is patched."""

import argparse
import importlib.metadata
import tempfile
from pathlib import Path
from unittest import mock

import gensim.models
import numpy as np

import fastsgns
from link_prediction import auc, communities, hide_edges


def node2vec(word2vec, graph):
    from node2vec import Node2Vec

    walks = Node2Vec(graph.to_networkx(), dimensions=32, walk_length=20, num_walks=5, quiet=True, seed=1)
    with mock.patch("gensim.models.Word2Vec", word2vec):
        model = walks.fit(window=5, min_count=1, batch_words=4, sample=0, seed=1)
    return model.wv[[str(node) for node in range(graph.n)]]


def pecanpy(word2vec, graph):
    from pecanpy.pecanpy import SparseOTF

    walker = SparseOTF(p=1, q=0.5, workers=1, random_state=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "edges.edg")
        file.write_text("".join(f"{one}\t{other}\n" for one, other in graph.edges()))
        walker.read_edg(str(file), weighted=False, directed=False)
    with mock.patch("pecanpy.pecanpy.Word2Vec", word2vec):
        vectors = walker.embed(dim=32, num_walks=5, walk_length=20, window_size=5, epochs=5)
    return vectors[np.argsort([int(node) for node in walker.nodes])]


def karateclub(word2vec, graph):
    from karateclub import Walklets

    walker = Walklets(dimensions=16, walk_number=5, walk_length=20, window_size=2, epochs=5, seed=1)
    with mock.patch("karateclub.node_embedding.neighbourhood.walklets.Word2Vec", word2vec):
        walker.fit(graph.to_networkx())
    return walker.get_embedding()


def spec2vec(word2vec, graph):
    """Spectra with a peak for the node itself and for each neighbour, in place of walks."""
    from matchms import Spectrum
    from spec2vec import SpectrumDocument
    from spec2vec.model_building import train_new_word2vec_model
    from spec2vec.vector_operations import calc_vector

    documents = []
    for node in range(graph.n):
        peaks = np.sort([node, *graph.neighbors[graph.first[node] : graph.first[node + 1]]]).astype(float)
        spectrum = Spectrum(mz=peaks + 100, intensities=np.ones(len(peaks)), metadata={"precursor_mz": 1.0})
        documents.append(SpectrumDocument(spectrum, n_decimals=0))
    with mock.patch("gensim.models.Word2Vec", word2vec):
        model = train_new_word2vec_model(documents, iterations=20, progress_logger=False, sg=1, sample=0, seed=1)
    return np.array([calc_vector(model, document) for document in documents])


PACKAGES = {function.__name__: function for function in (node2vec, pecanpy, karateclub, spec2vec)}


def run(package, nodes):
    """AUC of hidden edges by library."""
    graph, pairs, is_edge = hide_edges(nodes, communities(nodes, 1), 0.3, np.random.default_rng(1))
    libraries = {"fastsgns": fastsgns.Word2Vec, "gensim": gensim.models.Word2Vec}
    return {name: auc(PACKAGES[package](word2vec, graph), pairs, is_edge) for name, word2vec in libraries.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="+", choices=PACKAGES, help="of those that are installed")
    parser.add_argument("--nodes", type=int, default=500)
    options = parser.parse_args(arguments)
    for package in options.packages:
        for library, value in run(package, options.nodes).items():
            print(f"{package} {importlib.metadata.version(package)}, {library}: AUC {value:.3f}")


if __name__ == "__main__":
    main()
