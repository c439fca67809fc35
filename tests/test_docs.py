"""The pages under docs/: their code runs, and the tables of gensim's calls are complete and true."""

import inspect
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastsgns
from fastsgns import cli

DOCS = Path(__file__).resolve().parent.parent / "docs"
if not DOCS.is_dir():
    pytest.skip("the tests are here without the pages", allow_module_level=True)
PYPROJECT = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
GENSIM = (DOCS / "gensim.md").read_text(encoding="utf-8")
CLASSES = ("Word2Vec", "KeyedVectors")


def table(name):
    """Rows of a class's table: method, argument, verdict, note."""
    section = re.search(rf"^### {name}\n(.*?)(?=^#|\Z)", GENSIM, re.MULTILINE | re.DOTALL).group(1)
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return [(method.strip("`"), argument.strip("`"), verdict, note) for method, argument, verdict, note in rows]


def calls(cls):
    """Public methods of a class and their arguments, as the table names them."""
    names = ["__init__", *(name for name in dir(cls) if name[0] != "_" and callable(getattr(cls, name)))]
    for name in names:
        shown = cls.__name__ if name == "__init__" else name
        yield shown, ""
        for argument in inspect.signature(getattr(cls, name)).parameters:
            if argument != "self":
                yield shown, argument


@pytest.mark.parametrize("name", CLASSES)
def test_every_call_of_gensims_is_in_the_table(name):
    theirs = pytest.importorskip("gensim.models")
    rows = [(method, argument) for method, argument, _, _ in table(name)]
    assert len(set(rows)) == len(rows)
    assert set(rows) == set(calls(getattr(theirs, name)))


@pytest.mark.parametrize("name", CLASSES)
def test_what_the_table_says_is_there_is_there(name):
    ours = set(calls(getattr(fastsgns, name)))
    for method, argument, verdict, note in table(name):
        assert verdict in ("same", "better", "refused"), (method, argument)
        assert note or verdict == "same", (method, argument)
        if verdict != "refused" and argument not in ("args", "kwargs"):
            assert (method, argument) in ours, (method, argument)


@pytest.mark.parametrize("name", CLASSES)
def test_defaults_are_gensims_where_the_table_says_so(name):
    theirs = pytest.importorskip("gensim.models")
    for method, argument, verdict, _ in table(name):
        if verdict != "same" or argument in ("", "args", "kwargs", "hashfxn"):
            continue
        attribute = "__init__" if method == name else method
        defaults = [
            inspect.signature(getattr(cls, attribute)).parameters[argument].default
            for cls in (getattr(fastsgns, name), getattr(theirs, name))
        ]
        assert defaults[0] == defaults[1] or (defaults[0] in (None, ()) and not defaults[1]), (
            method,
            argument,
            defaults,
        )


# Packages that a page is about, and that need not be here: a block that imports one runs where it is.
OTHERS = {"datasets", "jieba", "pandas", "polars", "pyarrow", "sklearn", "torch", "usearch"}
# Run by test_distributed.py, on a cluster; and by test_recipes.py, as they are parts of scripts.
ELSEWHERE = {"cluster.md"} | {f"recipes/{name}.md" for name in ("README", "deepwalk", "node2vec", "items")}
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GO_ON = re.compile(r"block\s+goes\s+on\s+from\s+the\s+one\s+before")
EXTRAS = re.compile(r"^(?:[.]venv/bin/)?pip install '?(?:[.]|fastsgns)\[(.*)\]'?$")
SCRIPT = re.compile(r"^(?:[.]venv/bin/)?python ([a-z0-9_/]+[.]py) ")
LEFT = ("python3 -m venv ", ".venv/bin/pip install .", "pip install jieba", "python -m spacy ")


def extras():
    """Names of what can be installed as fastsgns[name]."""
    section = PYPROJECT.partition("[project.optional-dependencies]\n")[2].partition("\n\n")[0]
    return set(re.findall(r"^(\w+) = \[", section, re.MULTILINE))


def run_command(line):
    """Run a line of a bash block if it is of `fastsgns`; what others name must exist: an extra, a script."""
    if found := EXTRAS.match(line):
        assert set(found[1].split(",")) <= extras(), line
    elif found := SCRIPT.match(line):
        assert (DOCS.parent / found[1]).is_file(), line
    elif line.startswith("fastsgns "):
        if line.startswith(("fastsgns plot", "fastsgns explore")) and not find_spec("matplotlib"):
            return
        assert cli.main(shlex.split(line, comments=True)[1:]) == 0, line
        if line.startswith("fastsgns demo"):  # from here on its text is a short one
            shutil.copy("text.txt", "fastsgns-demo/python-docs.txt")
    else:
        assert line.startswith(LEFT), line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the files that pages speak of without making them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastsgns.demo.SOURCE_BYTES", 100_000)
    words = ["paris", "france", "rome", "italy", "cat", "dog", "horse"]
    words += ["list", "file", "directory", "thread", "read", "reading", "write"]
    rng = np.random.default_rng(1)
    lines = [" ".join(rng.choice(words, 8)) for _ in range(300)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fastsgns.Word2Vec(corpus_file="text.txt", vector_size=16, epochs=1).save("model.safetensors")


@pytest.mark.parametrize("page", sorted(set(PAGES) - ELSEWHERE))
def test_blocks_run_in_their_order(page, folder):
    names: dict = {}
    for language, block in BLOCK.findall(PAGES[page]):
        if language == "python":
            code = compile(block, page, "exec")
            imported = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
            if "plot(" in block:
                imported.append("matplotlib")
            if all(find_spec(name) for name in imported if name in OTHERS | {"matplotlib"}):
                exec(code, names if GO_ON.search(PAGES[page]) else {})
        elif page != "command-line.md":  # those need a shell: test_cli_help.py runs them
            for line in block.splitlines():
                run_command(line)


def test_links_between_pages_and_pictures_hold():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
            path = (DOCS / page).parent.joinpath(target).resolve()
            assert path.is_file() and DOCS in path.parents, (page, target)


def test_every_page_is_in_the_site_and_the_pictures_are_what_their_script_draws():
    config = (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(PAGES) == set(re.findall(r"^ +- (?:\w+: )?(\S+[.]md)$", config, re.MULTILINE))
    drawn = runpy.run_path(str(DOCS / "site" / "draw.py"), run_name="draw")["PICTURES"]
    for name, draw in drawn.items():
        assert (DOCS / name).read_text(encoding="utf-8") == draw(), name


def test_tuning_has_every_parameter():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGES["tuning.md"], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"\w+", row)]
    assert len(named) == len(set(named))
    assert set(named) == set(inspect.signature(fastsgns.Word2Vec).parameters)


def test_the_site_builds_without_warnings(tmp_path):
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module)
    command = ["mkdocs", "build", "--strict", "--quiet", "-f", "docs/site/mkdocs.yml", "-d", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=DOCS.parent, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    built = (tmp_path / "api.html").read_text(encoding="utf-8")
    assert 'id="fastsgns.Word2Vec.train"' in built and 'id="fastsgns.KeyedVectors.most_similar"' in built
