"""The explorer's page: what it holds, and in a Chromium what it shows beside what Python computes."""

import logging
import os
import re
import shutil
import sys

import numpy as np
import pytest

from fastsgns import KeyedVectors, cli, explorer, layout

ODD = [
    "</script><script>alert(1)</script>", "<b>bold</b>", '"quoted"', "it's & that", "{{js}}", "😀", "北京", "a b",
    "\\u0041", "<!--",
]  # fmt: skip


def made_vectors(count=400, dim=20):
    """Random vectors of odd and of plain words, with counts."""
    random = np.random.default_rng(5)
    keys = [*ODD, *(f"word{number}" for number in range(count - len(ODD)))]
    counts = np.arange(count, 0, -1)
    return KeyedVectors.from_arrays(keys, random.standard_normal((count, dim)).astype(np.float32), counts)


@pytest.fixture(scope="module")
def wv():
    return made_vectors()


@pytest.fixture(scope="module")
def page_file(wv, tmp_path_factory):
    return wv.explore(tmp_path_factory.mktemp("page") / "page.html", method="pca", title="<Odd> & words")


@pytest.fixture(scope="module")
def browser():
    """A Chromium: installed on the machine, or playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra browser)")
    names = ("chromium", "chromium-browser", "google-chrome")
    installed = next(filter(None, map(shutil.which, names)), None)
    with playwright.sync_playwright() as play:
        try:
            chromium = play.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium to test the page in: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, page_file):
    """Opens the page; afterwards it must have had no errors and asked for nothing from elsewhere."""
    contexts, troubles = [], []

    def visit(hash="", file=page_file, **options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or troubles.append(asked.url))
        page.goto(f"{file.as_uri()}{hash}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


def listed(page, part="chosen"):
    """Words and cosines of a list of the page."""
    rows = page.locator(f"#{part} li").all()
    return [(row.locator("bdi").text_content(), float(row.locator("span").text_content())) for row in rows]


def agree(found, wanted):
    return [word for word, _ in found] == [word for word, _ in wanted] and all(
        abs(mine - float(theirs)) < 0.00052 for (_, mine), (_, theirs) in zip(found, wanted, strict=True)
    )


def becomes(page, expression):
    """Wait until an expression is true: the page's policy forbids what wait_for_function does."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    raise AssertionError(expression)


def test_numbers_of_16_bits_keep_cosines():
    vectors = made_vectors(300, 100).vectors
    scales, parts = explorer.quantized(vectors)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = scales[:, np.newaxis].astype(float) * parts
    errors = stored @ stored.T - units @ units.T
    assert np.abs(errors).max() < 3e-5 and errors.std() < 6e-6


def test_a_page_is_alone_and_the_same_again(wv, page_file, tmp_path):
    page = page_file.read_text(encoding="utf-8")
    assert "{{" not in re.sub(r'<script type="application/json".*?</script>', "", page)
    assert page.count("</script>") == 7 and "alert(1)</script>" not in page
    assert "&lt;Odd&gt; &amp; words" in page and "<Odd>" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "Permission to use, copy, modify" in page and "Neither the name of the author" in page  # D3's licences
    assert wv.explore(tmp_path / "b.html", method="pca", title="<Odd> & words").read_bytes() == page_file.read_bytes()


def test_search_completes_and_shows_the_neighbors_that_python_computes(wv, visit):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("WORD12")
    offered = page.locator("#find li").all_text_contents()
    assert offered == ["word12", *(f"word12{digit}" for digit in range(7))]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#chosen h2").text_content() == "word120"
    assert agree(listed(page), wv.most_similar("word120", topn=15))
    assert f"occurs {wv.get_vecattr('word120', 'count')} times" in page.locator("#chosen .facts").text_content()
    page.locator("#chosen li button").first.click()
    nearest = wv.most_similar("word120", topn=1)[0][0]
    assert agree(listed(page), wv.most_similar(nearest, topn=15))
    page.go_back()
    assert page.locator("#chosen h2").text_content() == "word120"


def test_every_word_has_pythons_neighbors(wv, visit):
    found = visit().evaluate("words.map((_, row) => mostSimilar([row], [], 15).map(({row, cosine}) => [row, cosine]))")
    for row, ranking in enumerate(wv.most_similar_batch(wv.index_to_key, topn=15)):
        cosines = dict(ranking)
        for (other, cosine), (key, wanted) in zip(found[row], ranking, strict=True):
            assert abs(cosine - wanted) < 3e-5
            assert wv.index_to_key[other] == key or abs(cosines.get(wv.index_to_key[other], wanted) - wanted) < 6e-5


def test_a_click_on_the_map_chooses_and_escape_forgets(wv, visit):
    page = visit("#word=word33")
    page.keyboard.press("Escape")
    assert page.locator("#chosen h2").text_content() == "" and page.url.endswith("#")
    box = page.locator("canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # where the map was centred on it
    assert page.locator("#chosen h2").text_content() == "word33"
    assert page.url.endswith("#word=word33")
    assert agree(listed(page), wv.most_similar("word33", topn=15))


def test_analogies_are_most_similars(wv, visit):
    page = visit()
    for name, word in zip("abc", ("word1", "北京", '"quoted"'), strict=True):
        page.fill(f"[name={name}]", word)
    page.click("#analogy form button")
    wanted = wv.most_similar(positive=["北京", '"quoted"'], negative=["word1"], topn=10)
    assert agree(listed(page, "analogy"), wanted)
    again = visit(page.url[page.url.index("#") :])
    assert agree(listed(again, "analogy"), wanted)
    assert again.input_value("[name=b]") == "北京"


def test_odd_words_are_shown_as_they_are_and_shared(wv, visit):
    page, again = visit(), visit()
    for word in ODD:
        page.fill("#find input", word)
        page.press("#find input", "Enter")
        again.goto(page.url)  # as one to whom it was sent
        for shown in (page, again):
            assert shown.locator("#chosen h2").text_content() == word
        assert agree(listed(page), wv.most_similar(word, topn=15))


def test_unknown_words_are_told(visit):
    page = visit("#word=nope")
    assert page.locator("#message").text_content() == "“nope” is not among these 400 words"
    page.fill("[name=a]", "neither")
    page.click("#analogy form button")
    assert "“neither” is not among" in page.locator("#message").text_content()


def test_keys_zoom_and_move_the_map(visit):
    page = visit()
    page.focus("canvas")
    for key, wanted in (("+", "k > 1.5"), ("ArrowLeft", "x > before.x"), ("ArrowUp", "y > before.y"), ("0", "k === 1")):
        page.evaluate("before = transform")
        page.keyboard.press(key)
        becomes(page, f"(({{x, y, k}}) => {wanted})(transform)")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -300)
    becomes(page, "transform.k > 1.2")


def test_light_dark_and_narrow_screens(visit):
    def back(page):
        return page.evaluate("getComputedStyle(canvas).backgroundColor")

    page = visit(color_scheme="dark")
    assert back(page) == "rgb(20, 23, 28)"
    page.click("#theme")
    assert back(page) == "rgb(255, 255, 255)"
    assert back(visit(color_scheme="light")) == "rgb(255, 255, 255)"
    page = visit("#word=word5", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("canvas").bounding_box()["height"] > 250
    page.locator("#chosen li button").first.tap()
    assert page.locator("#chosen h2").text_content() != "word5"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_integers_and_few_words_have_a_page(count, visit, tmp_path):
    wv = KeyedVectors.from_arrays([7, 11, 5][:count], np.eye(3, dtype=np.float32)[:count] + 0.1)
    page = visit("#word=7", file=wv.explore(tmp_path / "page.html", method="pca"))
    assert page.locator("#chosen h2").text_content() == "7"
    assert [word for word, _ in listed(page)] == [str(key) for key, _ in wv.most_similar(7)]


def test_50_000_words_open_in_3_seconds(visit, tmp_path):
    random = np.random.default_rng(1)
    keys = [f"word{number}" for number in range(50_000)]
    wv = KeyedVectors.from_arrays(keys, random.standard_normal((50_000, 100)).astype(np.float32))
    file = wv.explore(tmp_path / "page.html", 50_000, "pca", clusters=1)
    assert file.stat().st_size < 2.8 * 50_000 * 100 + 2e6
    page = visit(file=file)
    ready = int(page.get_attribute("html", "data-ready"))
    assert ready < (3000 if "CI" not in os.environ else 10_000)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"words": ["word1", "nope"]}, KeyError, "'nope' is not in the vocabulary of 400 words"),
        ({"words": 401}, ValueError, "words=401: there are 400"),
        ({"method": "mds"}, ValueError, "method='mds'"),
        ({"clusters": 0}, ValueError, "clusters=0"),
        ({"path": "none/page.html"}, OSError, "no such directory"),
        ({"path": "."}, OSError, "is a directory"),
    ],
)
def test_mistakes_are_told(wv, arguments, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        wv.explore(**{"method": "pca", "path": "page.html", **arguments})
    assert not list(tmp_path.iterdir())


def test_keys_that_read_the_same_are_told(tmp_path):
    wv = KeyedVectors.from_arrays([5, "5"], np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="read the same"):
        wv.explore(tmp_path / "page.html", method="pca")


def test_without_scikit_learn_auto_is_pca_with_a_warning(wv, tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"fastsgns\[plot\]"):
        assert "map by PCA" in wv.explore(tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_map_that_takes_minutes_is_told_of(wv, tmp_path, monkeypatch, capsys, caplog):
    pytest.importorskip("sklearn")
    told = []

    class TSNE:
        def __init__(self, **options):
            pass

        def fit_transform(self, units):
            told.append(caplog.text + capsys.readouterr().err)  # what is told before the work
            return units[:, :2]

    monkeypatch.setattr(layout, "import_engine", lambda method: TSNE)
    with caplog.at_level(logging.INFO, "fastsgns"):
        wv.explore(tmp_path / "page.html", method="tsne")
        monkeypatch.setattr(layout, "LARGE", 300)
        wv.explore(tmp_path / "page.html", method="tsne")
    assert "laying out 400 words by tsne, some 3 s of processor time\n" in told[0]
    assert "laying out 400 words by tsne, some 3 s of processor time, and no progress is shown; fewer" in told[1]
    caplog.clear()
    wv.save(tmp_path / "vectors")
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=is_terminal: answer, raising=False)
        command = ["explore", str(tmp_path / "vectors"), "-o", str(tmp_path / "page.html"), "--method", "tsne"]
        assert cli.main(command) == 0
        assert ("fastsgns: laying out 400 words by tsne, some 3 s" in told[-1]) == is_terminal
    assert logging.getLogger(layout.__name__).level == logging.NOTSET


def test_the_command_writes_a_page_or_a_line(wv, tmp_path, capsys):
    model = tmp_path / "vectors"
    wv.save(model)
    page = tmp_path / "page.html"
    assert cli.main(["explore", str(model), "-o", str(page), "-n", "50", "--method", "pca"]) == 0
    assert capsys.readouterr().out.startswith(f"{page}: 0.1 MB")
    assert "50 of 400 words" in page.read_text(encoding="utf-8") and "<title>vectors</title>" in page.read_text("utf-8")
    for arguments, code, words in (
        (["-n", "500", "-o", page], 1, "words=500"),
        (["-o", tmp_path / "none" / "page.html"], 2, "no such directory"),
        (["-o", model], 2, "is the model"),
        (["--clusters", "11", "-o", page], 1, "clusters=11"),
    ):
        assert cli.main(["explore", str(model), "--method", "pca", *map(str, arguments)]) == code
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1
