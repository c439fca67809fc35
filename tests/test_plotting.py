"""Pictures: labels apart, colours by cluster, fonts that have the glyphs, the same bytes again, and mistakes told."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from fastsgns import KeyedVectors, Word2Vec, cli, fonts
from fastsgns.labels import place_labels
from fastsgns.layout import cluster, lay_out

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
PNG = b"\x89PNG"


def topics(each=15, many=4, dim=16):
    """Words of a few directions."""
    random = np.random.default_rng(3)
    centers = np.repeat(np.eye(many, dim), each, axis=0)
    keys = [f"topic{i // each}_{i % each}" for i in range(each * many)]
    return KeyedVectors.from_arrays(keys, (centers + 0.15 * random.standard_normal(centers.shape)).astype(np.float32))


def boxes(ax):
    """The bounds of all labels in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    return np.array([text.get_window_extent(renderer).extents for text in ax.texts])


def test_no_label_is_over_another_and_all_are_in_the_picture(tmp_path):
    ax = topics().plot(method="pca", path=tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(PNG)
    found = boxes(ax)
    assert sorted(text.get_text() for text in ax.texts) == sorted(topics().index_to_key)
    apart = (found[:, None, :2] >= found[:, 2:]) | (found[:, None, 2:] <= found[:, :2])
    together = ~apart.any(axis=2)
    assert together.sum() == len(found)  # each with itself
    assert (found[:, :2] >= 0).all() and (found[:, 2:] <= ax.figure.bbox.extents[2:]).all()


def test_each_label_has_the_color_of_its_cluster():
    from matplotlib.figure import Figure

    ax = Figure(figsize=(20, 15)).add_subplot()
    assert topics().plot(40, "pca", ax=ax, clusters=3) is ax
    colors = {text.get_text(): text.get_color() for text in ax.texts}
    by_topic = [{colors[word] for word in colors if word.startswith(f"topic{topic}")} for topic in range(3)]
    assert [len(found) for found in by_topic] == [1, 1, 1] and len(set.union(*by_topic)) == 3


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_seed_makes_the_same_file(kind, tmp_path):
    for name in "ab":
        topics().plot(12, "pca", path=tmp_path / f"{name}.{kind}", seed=4)
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_tsne_keeps_topics_together_and_follows_the_seed():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra plot)")
    vectors = topics().vectors
    places = lay_out(vectors, "tsne", 1)
    assert places.shape == (60, 2) and np.abs(places).max() == 1
    distances = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(60)
    assert (distances.argmin(axis=1) // 15 == np.arange(60) // 15).mean() > 0.9
    assert (lay_out(vectors, "tsne", 1) == places).all()


def test_pca_is_the_plane_of_most_variance():
    vectors = topics().vectors
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    wanted, found = left[:, :2] * sizes[:2], lay_out(vectors, "pca", 1)
    for axis in range(2):
        assert abs(np.corrcoef(wanted[:, axis], found[:, axis])[0, 1]) > 0.9999


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_words_and_equal_or_zero_vectors_are_drawn(count, tmp_path):
    for vectors in (np.eye(count, 3), np.ones((count, 3)), np.zeros((count, 3)), np.eye(count, 1)):
        wv = KeyedVectors.from_arrays(list("abc")[:count], vectors.astype(np.float32))
        for method in ("pca", "tsne"):
            if method == "tsne":
                pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra plot)")
            ax = wv.plot(method=method, path=tmp_path / "map.png")
            assert [text.get_text() for text in ax.texts] == list("abc")[:count]
        assert len(cluster(wv.vectors, 3, 1)) == count


def test_integers_and_odd_words_are_drawn_as_they_are(tmp_path):
    wv = KeyedVectors.from_arrays([7, "$x$", "a_b^2", "<b>&", "\\frac"], np.eye(5, dtype=np.float32))
    ax = wv.plot(method="pca", path=tmp_path / "map.svg")
    assert {text.get_text() for text in ax.texts} == {"7", "$x$", "a_b^2", "<b>&", "\\frac"}


def test_a_font_with_the_glyphs_is_taken_or_its_want_told_once(monkeypatch, tmp_path):
    wv = KeyedVectors.from_arrays(["北京", "きょう", "서울"], np.eye(3, dtype=np.float32))
    if any({ord("北"), ord("き"), ord("서")} <= fonts.glyphs(font.fname) for font in fonts.installed()):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ax = wv.plot(method="pca", path=tmp_path / "map.png")
        families = fonts.fonts_for(wv.index_to_key)
        assert families[0] == fonts.BASE and len(families) == 2 and ax.texts[0].get_fontfamily() == families
    monkeypatch.setattr(fonts, "installed", list)
    fonts.warn_once.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            wv.plot(method="pca", path=tmp_path / "map.png")
    assert len(told) == 1 and "fonts-noto-cjk" in str(told[0].message) and "北" in str(told[0].message)


def test_labels_without_room_are_told():
    from matplotlib.figure import Figure

    ax = Figure(figsize=(2, 1)).add_subplot()
    with pytest.warns(UserWarning, match=r"no room for the labels of \d+ of 60 words"):
        topics().plot(method="pca", ax=ax)
    assert 0 < len(ax.texts) < 60
    assert np.isnan(place_labels(np.zeros((1, 2)), np.ones((1, 2)), (0, 0, 0.5, 0.5), 0.1, 0.1)).all()


def test_loss_is_plotted_by_epochs(tmp_path):
    model = Word2Vec([["a", "b", "c"]] * 50, vector_size=4, epochs=3, min_count=1, workers=1, sample=0)
    ax = model.plot_loss(path=tmp_path / "loss.svg")
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3]
    assert list(ax.lines[0].get_ydata()) == model.loss_history
    assert (tmp_path / "loss.svg").stat().st_size > 1000
    with pytest.raises(ValueError, match="no loss to plot: train first"):
        Word2Vec(vector_size=4).plot_loss()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"words": ["topic0_1", "nope", "no"]}, KeyError, "'nope' is not in the vocabulary of 60 words"),
        ({"words": 61}, ValueError, "words=61: there are 60"),
        ({"words": 0}, ValueError, "words=0"),
        ({"words": []}, ValueError, "words is empty"),
        ({"words": "topic0_1"}, ValueError, "give a list of words"),
        ({"method": "mds"}, ValueError, "method='mds': choose one of pca, tsne, umap"),
        ({"clusters": 11}, ValueError, "clusters=11"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"path": "map.xyz"}, ValueError, "map.xyz"),
        ({"path": "none/map.png"}, OSError, "none"),
    ],
)
def test_mistakes_are_told(arguments, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        topics().plot(**{"method": "pca", "path": "map.png", **arguments})
    assert not list(tmp_path.iterdir())


def test_vectors_that_are_none_or_not_finite_are_told():
    with pytest.raises(ValueError, match="no vectors to show"):
        KeyedVectors(3).plot()
    wv = KeyedVectors.from_arrays(["a", "b"], np.array([[1, 2], [np.nan, 1]], np.float32))
    with pytest.raises(ValueError, match="'b' is not finite"):
        wv.plot()


@pytest.mark.parametrize(
    ("module", "method", "extra"),
    [("matplotlib", "pca", "plot"), ("sklearn", "tsne", "plot"), ("umap", "umap", "umap")],
)
def test_missing_packages_name_the_extra(module, method, extra, monkeypatch, tmp_path):
    for name in [module, *(name for name in sys.modules if name.startswith(module + "."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"fastsgns\[{extra}\]"):
        topics().plot(method=method, path=tmp_path / "map.png")


def test_the_command_needs_no_display_and_prints_a_line(tmp_path):
    topics().save(tmp_path / "vectors")
    env = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    }
    code = "import sys; from fastsgns.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "plot", "vectors", "-o", "map.png", "--method", "pca", "-n", "20"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "map.png: written\n", "")
    assert (tmp_path / "map.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nope", "-o", "map.png"], 1, "'nope' is not in the vocabulary"),
        (["-n", "99", "-o", "map.png"], 1, "words=99"),
        (["topic0_1", "-n", "5", "-o", "map.png"], 2, "not both"),
        (["-o", "none/map.png"], 2, "no such directory"),
        (["-o", "map"], 2, "no kind of picture"),
        (["-o", "map.doc", "nope"], 2, "'.doc' is no kind of picture"),  # before the words are looked for
        (["-o", "vectors"], 2, "choose another file"),
        ([], 2, "--output"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(arguments, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    topics().save("vectors")
    assert cli.main(["plot", "--method", "pca", "vectors", *arguments]) == code
    err = capsys.readouterr().err
    assert words in err and err.startswith("fastsgns: error: ") and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]
