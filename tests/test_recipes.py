"""The recipes of docs/recipes: their commands run, on less, and learn as well as with gensim; their walks are right."""

import importlib.util
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest

import fastsgns

RECIPES = Path(__file__).resolve().parent.parent / "docs" / "recipes"
if not RECIPES.is_dir():
    pytest.skip("the tests are here without the recipes", allow_module_level=True)
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(RECIPES.glob("*.md"))}
GRAPHS = ["--nodes", "400", "--walks", "10", "--length", "20"]
SMALL = {
    "deepwalk_links.py": GRAPHS,
    "node2vec_links.py": GRAPHS,
    "items.py": ["--baskets", "5000", "--epochs", "5", "--seeds", "1"],
}
WITHOUT_SCRIPT = {"chinese.md", "english.md"}  # test_docs.py runs their blocks
PACKAGES = ["node2vec", "pecanpy", "karateclub", "spec2vec"]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def commands():
    """The pages' lines that run a recipe, as argument lists."""
    lines = [line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith(".venv/bin/python ")]


@pytest.fixture
def load(monkeypatch):
    """What a recipe defines."""
    monkeypatch.syspath_prepend(str(RECIPES))

    def from_file(name):
        if name != "items.py":
            pytest.importorskip("networkx")
        return runpy.run_path(str(RECIPES / name), run_name="recipe")

    return from_file


def needs(*modules):
    for module in modules:
        pytest.importorskip(module, exc_type=ImportError)


@pytest.mark.parametrize("script", ["deepwalk_links.py", "node2vec_links.py"])
def test_links_are_predicted_as_well_as_with_gensim(load, script):
    found = load(script)["main"](SMALL[script])
    assert len(found["fastsgns"]) == 3
    assert np.mean(found["fastsgns"]) > 0.7
    if "gensim" in found:
        assert np.mean(found["fastsgns"]) >= np.mean(found["gensim"]) - 0.03


def test_items_are_recommended_better_than_by_popularity(load):
    found = {name: np.mean(values) for name, values in load("items.py")["main"](SMALL["items.py"]).items()}
    assert found["fastsgns"] > 2 * found["popularity"] > 0
    if "gensim" in found:
        assert found["fastsgns"] >= found["gensim"] - 0.05


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_run_with_our_class(load, package, monkeypatch):
    needs("gensim", package)
    recipe = load("packages.py")
    calls = []

    class Recorded(fastsgns.Word2Vec):
        def __init__(self, *arguments, **options):
            calls.append(options)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(fastsgns, "Word2Vec", Recorded)
    found = recipe["run"](package, 500)
    assert calls
    assert found["fastsgns"] > 0.7
    assert found["fastsgns"] >= found["gensim"] - 0.05


def test_the_pages_show_what_the_scripts_do():
    scripts = [path.read_text(encoding="utf-8") for path in RECIPES.glob("*.py")]
    shown = [block for page in set(PAGES) - WITHOUT_SCRIPT for block in blocks(page, "python")]
    assert len(shown) >= 4
    for block in shown:
        assert any(block in script for script in scripts), block
    for page in PAGES:
        assert page == "README.md" or f"]({page})" in PAGES["README.md"]


def test_the_commands_of_the_pages_are_understood(load):
    assert {Path(script).name for script, *_ in commands()} == {*SMALL, "packages.py"}
    for script, *arguments in commands():
        path = RECIPES.parent.parent / script
        assert path.parent == RECIPES
        if path.name == "packages.py":
            assert arguments == PACKAGES
        else:
            assert load(path.name)["main"]([*arguments, "--seeds", "0"]) == {}


# The parts


@pytest.fixture
def graph(load):
    return lambda n, edges: load("link_prediction.py")["Graph"](n, np.array(edges))


TRIANGLE_AND_TAIL = [(1, 0), (1, 2), (2, 0), (2, 3), (3, 4)]


def test_graph(graph):
    made = graph(5, TRIANGLE_AND_TAIL)
    neighbors = [made.neighbors[made.first[i] : made.first[i + 1]].tolist() for i in range(5)]
    assert neighbors == [[1, 2], [0, 2], [0, 1, 3], [2, 4], [3]]
    edges = {*TRIANGLE_AND_TAIL, *((b, a) for a, b in TRIANGLE_AND_TAIL)}
    one, other = np.divmod(np.arange(25), 5)
    assert made.has_edges(one, other).tolist() == [pair in edges for pair in zip(one, other, strict=True)]
    assert sorted(map(tuple, made.edges().tolist())) == sorted(tuple(sorted(edge)) for edge in TRIANGLE_AND_TAIL)


def test_uniform_walks(load, graph):
    made = graph(5, TRIANGLE_AND_TAIL)
    walks = load("deepwalk_links.py")["uniform_walks"](made, 2000, 4, np.random.default_rng(0))
    assert walks.shape == (10_000, 4)
    assert np.bincount(walks[:, 0]).tolist() == [2000] * 5
    assert made.has_edges(walks[:, :-1].ravel(), walks[:, 1:].ravel()).all()
    after_two = walks[:, 3][walks[:, 2] == 2]
    assert np.bincount(after_two, minlength=4)[[0, 1, 3]] / len(after_two) == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.5), (1.0, 1.0)])
def test_biased_walks(load, graph, p, q):
    made = graph(5, TRIANGLE_AND_TAIL)
    walks = load("node2vec_links.py")["biased_walks"](made, 4000, 5, np.random.default_rng(0), p=p, q=q)
    assert made.has_edges(walks[:, :-1].ravel(), walks[:, 1:].ravel()).all()
    triples = np.concatenate([walks[:, 1:4], walks[:, 2:5]])
    for before, at, weights in ((0, 2, {0: 1 / p, 1: 1, 3: 1 / q}), (3, 2, {3: 1 / p, 0: 1 / q, 1: 1 / q})):
        after = triples[(triples[:, 0] == before) & (triples[:, 1] == at)][:, 2]
        for node, weight in weights.items():
            assert np.mean(after == node) == pytest.approx(weight / sum(weights.values()), abs=0.03)


def test_hidden_edges(load):
    recipe = load("link_prediction.py")
    edges = recipe["communities"](500, 5)
    whole = recipe["Graph"](500, edges)
    left, pairs, is_edge = recipe["hide_edges"](500, edges, 0.3, np.random.default_rng(1))
    assert is_edge.sum() == int(0.3 * len(edges)) == len(pairs) / 2
    assert whole.has_edges(*pairs[is_edge].T).all() and not whole.has_edges(*pairs[~is_edge].T).any()
    assert not left.has_edges(*pairs.T).any()
    assert len(left.edges()) + is_edge.sum() == len(edges)
    assert (np.diff(left.first) > 0).all()
    networkx = importlib.import_module("networkx")
    assert networkx.number_connected_components(left.to_networkx()) == networkx.number_connected_components(
        whole.to_networkx()
    )


def test_auc(load):
    vectors = np.array([[1.0, 0], [2, 0], [1, 1], [0, 1], [0, -3]])
    pairs = np.array([[0, 1], [0, 2], [2, 3], [0, 3], [3, 4], [1, 2]])  # cosines 1, .7, .7, 0, -1, .7
    is_edge = np.array([True, True, False, False, False, True])
    assert load("link_prediction.py")["auc"](vectors, pairs, is_edge) == pytest.approx((3 + 2.5 + 2.5) / 9)


def test_baskets(load):
    recipe = load("items.py")
    tokens, offsets = baskets = recipe["make_baskets"](500, np.random.default_rng(0))
    lists = recipe["as_lists"](baskets)
    assert len(lists) == len(offsets) - 1 == 500
    assert [item for basket in lists for item in basket] == tokens.tolist()
    assert all(1 <= len(set(basket)) == len(basket) <= recipe["LARGEST"] for basket in lists)
    assert recipe["recall"](lambda vectors, items: [3, *items], None, [[1, 2, 3], [4, 5, 6]]) == 0.5
