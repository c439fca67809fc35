"""The demo on a small folder of sources: what it collects, and that it trains and tells."""

import pytest

from fastsgns import Word2Vec, demo

SOURCE = '''"""Open a file and read it.

A second paragraph, with CamelCase and don't.
"""
def f():
    """Read a string from the file, quickly."""
class C:
    """Too short."""
    async def g(self):
        """Read a string from the file, quickly."""
'''


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "lib"
    for name in ("a.py", "tests/test_a.py", "sub/b.py", "broken.py", "latin.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "a.py").write_text(SOURCE, encoding="utf-8")
    (folder / "sub" / "b.py").write_text('"""Escapes that \\d warn about are read in silence."""', encoding="utf-8")
    (folder / "tests" / "test_a.py").write_text('"""Tests are not documentation of anything."""', encoding="utf-8")
    (folder / "broken.py").write_text('"""This one does not parse at all.""" (', encoding="utf-8")
    (folder / "latin.py").write_bytes(b'"""This one is not UTF-8: \xe9\xe8."""')
    return folder


def test_corpus_is_the_paragraphs_of_docstrings_each_once(sources, tmp_path, recwarn):
    words = demo.write_corpus(tmp_path / "c.txt", [sources, sources])
    lines = (tmp_path / "c.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "open a file and read it",
        "a second paragraph with camelcase and don't",
        "read a string from the file quickly",
        "escapes that warn about are read in silence",
    ]
    assert words == sum(len(line.split()) for line in lines)
    assert not recwarn.list


def test_no_sources_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="text of your own"):
        demo.write_corpus(tmp_path / "c.txt", [tmp_path / "nowhere"])


def test_limit_stops_after_the_file_that_reaches_it(sources, tmp_path):
    demo.write_corpus(tmp_path / "c.txt", [sources], source_bytes=10)
    assert len((tmp_path / "c.txt").read_text(encoding="utf-8").splitlines()) == 3


def test_run_trains_saves_and_says_what_next(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SOURCE_BYTES", 2_000_000)
    monkeypatch.setattr(demo, "TRAINING", {**demo.TRAINING, "epochs": 2, "workers": 1})
    folder = tmp_path / "made" / "here"
    demo.run(folder)
    printed = capsys.readouterr().out
    assert "fastsgns neighbors" in printed and "fastsgns train" in printed
    assert "file:" in printed
    assert "file" in Word2Vec.load(folder / "python-docs.safetensors").wv


def test_text_only_trains_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SOURCE_BYTES", 50_000)
    demo.run(tmp_path, text_only=True)
    assert [path.name for path in tmp_path.iterdir()] == ["python-docs.txt"]
    printed = capsys.readouterr().out
    assert "fastsgns train" in printed and "replaced" not in printed
    before = (tmp_path / "python-docs.txt").read_bytes()
    (tmp_path / "python-docs.txt").write_text("a text of somebody's own")
    demo.run(tmp_path, text_only=True)
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'python-docs.txt'} is there already, and will be replaced")
    assert (tmp_path / "python-docs.txt").read_bytes() == before
