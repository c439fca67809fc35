"""The pages under docs/: their code runs, and the tables of gensim's calls are complete and true."""

import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastsgns

DOCS = Path(__file__).resolve().parent.parent / "docs"
if not DOCS.is_dir():
    pytest.skip("the tests are here without the pages", allow_module_level=True)
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
OTHERS = {"datasets", "pandas", "polars", "pyarrow", "sklearn", "torch", "usearch"}


# Those of cluster.md need a cluster: test_distributed.py runs them. packaging.md is for maintainers, and has no Python.
@pytest.mark.parametrize(
    "page", sorted({path.relative_to(DOCS).as_posix() for path in DOCS.glob("*.md")} - {"cluster.md", "packaging.md"})
)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        code = compile(block, page, "exec")
        imported = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
        if all(find_spec(name) for name in imported if name in OTHERS):
            exec(code, {})
