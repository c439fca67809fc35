"""KeyedVectors: the word vectors as gensim's users know them; what is evaluated, saved and loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import evaluation, exchange
from fastsgns.correlation import Correlation
from fastsgns.files import PathLike
from fastsgns.keyindex import Key
from fastsgns.older_names import OlderNames
from fastsgns.similarities import as_list
from fastsgns.storage import Storage

if TYPE_CHECKING:
    from fastsgns.vectorindex import VectorIndex

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["KeyedVectors"]


class KeyedVectors(OlderNames, Storage):
    """Vectors with keys, such as words; made by `Word2Vec`, `load`, `load_word2vec_format` or `from_arrays`.

    Looking up and changing are told at `VectorStore`, queries at `Queries`. Queries only read: several threads may
    ask at once, while none changes the vectors.

    Examples
    --------
    >>> wv = KeyedVectors(2)
    >>> wv.add_vectors(["king", "queen", "pawn"], [[1, 0.9], [0.9, 1], [-1, 1]])
    >>> wv.most_similar("king", topn=1)[0][0]
    'queen'
    """

    def evaluate_word_pairs(
        self,
        pairs: PathLike,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Correlation, Correlation, float]:
        """Correlate cosines with human judgements of word pairs.

        Parameters
        ----------
        pairs : path
            Lines of word, word and number; those that start with # are comments.
        delimiter, encoding : str
            Of the file.
        restrict_vocab : int or None
            Words beyond the first so many count as unknown.
        case_insensitive : bool
            Compare words by upper case; of several the first, most frequent, stands.
        dummy4unknown : bool
            Take pairs with unknown words as of similarity 0, rather than leave them out.

        Returns
        -------
        pearson, spearman : Correlation
            Pairs of (statistic, pvalue).
        oov_ratio : float
            Percentage of pairs with unknown words.

        Raises
        ------
        ValueError
            If the file holds no pairs, or none whose words are known.
        """
        return evaluation.evaluate_word_pairs(
            self.index_to_key, self.vectors, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown
        )

    def evaluate_word_analogies(
        self,
        analogies: PathLike,
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[evaluation.Section]]:
        """Solve analogies (a is to b as c to ?), such as Mikolov's questions-words.txt.

        Parameters
        ----------
        analogies : path
            Sections start with a line ": name"; the others hold four words.
        restrict_vocab : int or None
            Ask and search among the first so many words only.
        case_insensitive, dummy4unknown : bool
            As in `evaluate_word_pairs`; unknown ones count as wrong.
        similarity_function : {"most_similar", "most_similar_cosmul"}
            3CosAdd or 3CosMul. (gensim takes the first whatever it is told.)

        Returns
        -------
        score : float
            The share solved.
        sections : list of dict
            "section" (name), "correct" and "incorrect" (lists of analogies); the last is the total.

        Raises
        ------
        ValueError
            If the file holds no analogies.
        """
        return evaluation.evaluate_word_analogies(
            self.index_to_key,
            self.vectors,
            analogies,
            restrict_vocab,
            case_insensitive,
            dummy4unknown,
            similarity_function,
        )

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Vectors of the given keys as a new KeyedVectors.

        Parameters
        ----------
        keys : iterable of keys
            In the order that the new ones will have; repetitions and keys that are not present are left out.
        allow_inference : bool, default True
            Take integers that are no keys as numbers of rows, too. (There is nothing else to infer from.)
        copy_vecattrs : bool, default False
            Copy all attributes. Without a "count" to copy, counts fall from the number of keys to 1, as in gensim.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32))
        >>> wv.vectors_for_all(["c", "x", "a", "c"]).index_to_key
        ['c', 'a']
        """
        known = self if allow_inference else self.key_to_index
        kept = [key for key in dict.fromkeys(as_list(keys, "")) if key in known]
        rows = np.array([self.get_index(key) for key in kept], np.intp)
        counts: NDArray[np.int64] = np.arange(len(kept), 0, -1, dtype=np.int64)
        other = KeyedVectors.from_arrays(kept, self.vectors[rows], counts)
        if copy_vecattrs:
            other.expandos |= {name: values[rows] for name, values in self.expandos.items()}
        return other

    def plot(
        self,
        words: int | Iterable[Key] | None = None,
        method: str = "tsne",
        *,
        ax: Any = None,
        path: PathLike | None = None,
        clusters: int | None = None,
        seed: int = 1,
    ) -> Any:
        """Draw a map of words: near by cosine is near on the map as far as it can be, colours are clusters by k-means.

        Labels are beside their points and never over one another; the figure grows until all have room. Chinese,
        Japanese and Korean are drawn in a font that is installed and has the glyphs. No display is needed.

        Parameters
        ----------
        words : int or iterable of keys, optional
            The words to show, or how many of the most frequent, at most 2,000; by default 200, or all of fewer.
        method : {"tsne", "pca", "umap"}
            t-SNE (van der Maaten and Hinton 2008) keeps neighbours together; PCA shows the plane of most variance, in
            which directions mean something; UMAP (McInnes et al. 2018) needs the extra "umap".
        ax : matplotlib.axes.Axes, optional
            To draw on; what was on it is cleared. By default a new figure.
        path : path, optional
            Write the figure to this file, of the kind of its suffix: .png, .svg, .pdf. It is not shown then.
        clusters : int, optional
            Colours, up to 10; by default some that suit the number of words.
        seed : int, default 1
            The same one gives the same picture.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib, or what the method needs, is not installed: both are in the extra "plot".
        KeyError
            If a word is not present.
        ValueError
            If there are no words, or more are asked for than there are or fit.

        Warns
        -----
        UserWarning
            If labels are left out for want of room, or no installed font has a character.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32))
        >>> ax = wv.plot(["a", "c"], "pca", path="map.png")  # doctest: +SKIP
        """
        from fastsgns import plotting  # and its matplotlib, which few need

        return plotting.draw_map(self, words, method, ax=ax, path=path, clusters=clusters, seed=seed)

    def explore(
        self,
        path: PathLike,
        words: int | Iterable[Key] | None = None,
        method: str = "auto",
        *,
        clusters: int = 10,
        title: str | None = None,
        seed: int = 1,
    ) -> Path:
        """Write a page for a browser: a map of words to zoom and search, with neighbours and analogies.

        The page is one HTML file that loads nothing from anywhere. It computes what `most_similar` does with
        ``restrict_vocab`` at the number of words on it; cosines agree within 3e-5, so that keys of all but equal cosine
        may change places. Its size is about 2.7 bytes a word and dimension.

        Parameters
        ----------
        path : path
            The file to write, such as page.html.
        words : int or iterable of keys, optional
            The words on the page, or how many of the most frequent; by default 20,000, or all if they are fewer.
        method : {"auto", "tsne", "pca", "umap"}
            As in `plot`; "auto" is t-SNE if scikit-learn is installed (extra "plot"), else PCA with a warning.
        clusters : int, default 10
            Colours, up to 10.
        title : str, optional
            Of the page.
        seed : int, default 1
            The same one gives the same page.

        Returns
        -------
        pathlib.Path
            `path`.

        Raises
        ------
        ImportError
            If what the method needs is not installed.
        KeyError
            If a word is not present.
        OSError
            If the file cannot be written; before the work begins where that is seen.
        ValueError
            If there are no words, or more are asked for than there are.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32))
        >>> wv.explore("page.html", method="pca")  # doctest: +SKIP
        PosixPath('page.html')
        """
        from fastsgns import explorer

        return explorer.write_page(self, path, words, method, clusters=clusters, title=title, seed=seed)

    def save_tensorboard(self, folder: PathLike, words: int | Iterable[Key] | None = None) -> Path:
        """Write a folder for TensorFlow's Embedding Projector: ``tensorboard --logdir FOLDER`` shows it.

        It holds vectors.tsv, metadata.tsv (keys, and attributes such as counts) and projector_config.pbtxt. The first
        two can be loaded at https://projector.tensorflow.org too. TensorFlow is not needed.

        Parameters
        ----------
        folder : path
            Made if it is not there; files of these names are replaced.
        words : int or iterable of keys, optional
            Those to write, or how many of the most frequent; by default 10,000, or all if they are fewer. The Projector
            takes up to 100,000.

        Returns
        -------
        pathlib.Path
            `folder`.

        Raises
        ------
        KeyError
            If a word is not present.
        ValueError
            If there are no words, more are asked for than there are, or one is empty or holds a tab or a line end.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32))
        >>> wv.save_tensorboard("projector")  # doctest: +SKIP
        PosixPath('projector')
        """
        from fastsgns import projector

        return projector.write_projector(self, folder, words)

    def build_index(
        self,
        *,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 64,
        dtype: str = "f16",
        workers: int | None = None,
    ) -> VectorIndex:
        """An index that finds nearest keys without looking at every vector; needs usearch, in the extra "ann".

        The parameters and more are told at `fastsgns.vectorindex.VectorIndex`.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
        >>> index = wv.build_index()  # doctest: +SKIP
        >>> index.most_similar("c", topn=1)  # doctest: +SKIP
        [('b', 0.8)]
        >>> index.recall()  # doctest: +SKIP
        1.0
        """
        from fastsgns.vectorindex import VectorIndex

        return VectorIndex(
            self,
            connectivity=connectivity,
            expansion_add=expansion_add,
            expansion_search=expansion_search,
            dtype=dtype,
            workers=workers,
        )

    def load_index(self, path: PathLike) -> VectorIndex:
        """An index of these vectors that `VectorIndex.save` wrote; see `VectorIndex.load`."""
        from fastsgns.vectorindex import VectorIndex

        return VectorIndex.load(path, self)

    def to_torch(self, copy: bool = False) -> Any:
        """The vectors as a torch.Tensor of shape (V, vector_size), row i being ``index_to_key[i]``.

        ``torch.nn.Embedding.from_pretrained(wv.to_torch())`` is a layer whose indexes are `key_to_index`.

        Parameters
        ----------
        copy : bool, default False
            Otherwise the memory is shared where it can be, and not where the vectors are read-only, as those of a
            mapped file are: what then trains the layer changes these vectors; call `fill_norms(force=True)` after it.

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        """
        return exchange.to_torch(self, copy)

    def to_gensim(self) -> Any:
        """A gensim.models.KeyedVectors with copies of keys, vectors and attributes.

        Raises
        ------
        ImportError
            If gensim is not installed.
        """
        return exchange.to_gensim(self)

    @classmethod
    def from_gensim(cls, kv: Any) -> Self:
        """Copies of the keys, vectors and attributes of gensim's KeyedVectors.

        This is how gensim's own files are read: ``from_gensim(gensim.models.KeyedVectors.load(path))``.

        Parameters
        ----------
        kv : gensim.models.KeyedVectors
            Those of FastText give the vectors of its words alone, not those of their parts.

        Raises
        ------
        TypeError
            If it is something else.
        """
        return exchange.from_gensim(cls, kv)
