"""How models and vectors are shown: in a line, and as a table in notebooks."""

from html.parser import HTMLParser

import numpy as np
import pytest

from fastsgns import KeyedVectors, Word2Vec


class Cells(HTMLParser):
    """The tags of a page, and the text of its cells."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag in ("th", "td", "b"):
            self.texts.append("")

    def handle_data(self, data):
        if data.strip():
            self.texts[-1] += data


def table(thing):
    cells = Cells(thing._repr_html_())
    assert set(cells.tags) == {"table", "caption", "b", "tbody", "tr", "th", "td"}
    return cells.texts[0], dict(zip(cells.texts[1::2], cells.texts[2::2], strict=True))


def test_a_model_is_a_table():
    model = Word2Vec([["<script>alert(1)</script>", "b", "c&amp;"]] * 50, vector_size=8, epochs=3, workers=1, sample=0)
    title, rows = table(model)
    assert title == "Word2Vec"
    assert rows["words"] == "3" and rows["dimensions"] == "8"
    assert rows["loss"] == f"{model.loss_history[-1]:.4f} a pair"
    assert rows["trained"].startswith("3 epochs in ")
    assert rows["corpus"] == "150 words in 50 sentences"
    assert rows["parameters"].startswith("window=5, negative=5, negative_sharing='group'")
    assert rows["first words"] == "<script>alert(1)</script>, b, c&amp;"


def test_an_untrained_model_is_one_too():
    title, rows = table(Word2Vec())
    assert title == "Word2Vec" and rows["words"] == "0" and rows["trained"] == "0 epochs in 0.0 s"
    assert "loss" not in rows and "first words" not in rows


def test_vectors_are_a_table():
    keys = ["<b>bold</b>", "\ud800", "x" * 99, "“quoted”", *(f"w{i}" for i in range(2000))]
    wv = KeyedVectors.from_arrays(keys, np.zeros((2004, 3), np.float32), np.arange(2004))
    title, rows = table(wv)
    assert (title, rows["keys"], rows["dimensions"]) == ("KeyedVectors", "2,004", "3")
    assert rows["attributes"] == "count" and rows["type"] == "float32, 0.0 MB"
    assert rows["first words"] == "<b>bold</b>, ?, " + "x" * 31 + "…, “quoted”, w0, w1, w2, w3, …"
    wv._repr_html_().encode()


def test_integer_keys_and_subclasses():
    class Mine(KeyedVectors):
        pass

    title, rows = table(Mine.from_arrays([7, 5], np.eye(2, dtype=np.float32)))
    assert title == "Mine" and rows["first words"] == "7, 5"


def test_the_line_is_gensims():
    theirs = pytest.importorskip("gensim.models")
    sentences = [["a", "b", "c"]] * 50
    ours, other = (cls(sentences, vector_size=8, workers=1, alpha=0.05) for cls in (Word2Vec, theirs.Word2Vec))
    assert str(ours) == str(other) and str(ours.wv).split("<")[1] == str(other.wv).split("<")[1]
