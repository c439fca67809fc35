"""The demo: a corpus of the documentation that every Python carries, trained in seconds. Nothing is downloaded."""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fastsgns.files import new_file
from fastsgns.word2vec import Word2Vec

__all__ = ["run", "write_corpus"]

# Enough for vectors that make sense, and parsed in seconds on any machine.
SOURCE_BYTES = 30_000_000
# Packages below the standard library may be another environment's; this one's are a folder of their own.
SKIPPED_FOLDERS = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages"})
PROBES = ("file", "string", "integer", "thread", "socket", "year", "true", "list", "server")
WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?|\ba\b")
# Less than a million words is little: more passes, faster steps, more noise and fewer frequent words than by default.
TRAINING: dict[str, Any] = {"epochs": 20, "alpha": 0.05, "negative": 10, "sample": 1e-4, "min_count": 10}


def documentation_folders() -> list[Path]:
    """The standard library, then installed packages."""
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [Path(path) for path in dict.fromkeys(paths[name] for name in names)]


def source_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Python sources below the folders, each once, in the same order every time."""
    seen = set()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if path not in seen and SKIPPED_FOLDERS.isdisjoint(path.relative_to(folder).parts):
                seen.add(path)
                yield path


def docstrings(source: str) -> Iterator[str]:
    """The docstrings of a module, its classes and functions; none where the source does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in other people's code
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    nodes: deque[ast.AST] = deque([tree])
    while nodes:  # ast.walk, but not into expressions: no docstring is there
        node = nodes.popleft()
        nodes.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield text


def paragraphs(text: str) -> Iterator[str]:
    """A line of lower-case words for each paragraph of 4 words or more.

    Examples
    --------
    >>> list(paragraphs("Return the square root.\\n\\nSee also: pow"))
    ['return the square root']
    """
    for paragraph in re.split(r"\n\s*\n", text):
        words = WORD.findall(paragraph.lower())
        if len(words) >= 4:
            yield " ".join(words)


def write_corpus(path: Path, folders: Iterable[Path] | None = None, source_bytes: int | None = None) -> int:
    """Write the docstrings of Python sources as a corpus: a paragraph a line, none twice.

    Parameters
    ----------
    path : Path
        The file to write.
    folders : iterable of Path, optional
        Where to look for sources; by default in the standard library and installed packages.
    source_bytes : int, optional
        Stop after this much source; by default after 30 MB.

    Returns
    -------
    int
        Words written.

    Raises
    ------
    ValueError
        If there is no documentation to be found.
    """
    seen: set[str] = set()
    words, left = 0, SOURCE_BYTES if source_bytes is None else source_bytes
    with new_file(path) as corpus:
        for file in source_files(documentation_folders() if folders is None else folders):
            try:
                source = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            left -= len(source)
            lines = [line for text in docstrings(source) for line in paragraphs(text)]
            new = [line for line in dict.fromkeys(lines) if line not in seen]  # packages carry copies of each other
            seen.update(new)
            words += sum(line.count(" ") + 1 for line in new)
            corpus.write("".join(line + "\n" for line in new).encode())
            if left < 0:
                break
        if not words:
            raise ValueError("this Python carries no sources to take documentation from: train on a text of your own")
    return words


def run(folder: Path, *, text_only: bool = False) -> None:
    """Make the corpus in a folder, train on it, print neighbours and what to run next.

    Parameters
    ----------
    folder : Path
        For ``python-docs.txt`` and ``python-docs.safetensors``, which replace files of these names, as it says; made
        if need be.
    text_only : bool
        Make the corpus only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus, saved = folder / "python-docs.txt", folder / "python-docs.safetensors"
    command = sys.argv[0] if Path(sys.argv[0]).name == "fastsgns" else "fastsgns"
    for path in (corpus,) if text_only else (corpus, saved):
        if path.exists():  # of an earlier demo, most likely, which may be run again
            print(f"{path} is there already, and will be replaced")
    print("Collecting the documentation inside this Python ...", flush=True)
    words = write_corpus(corpus)
    print(f"{corpus}: {words:,} words, a paragraph a line")
    if text_only:
        print(f"Next: {command} train {corpus} -o {saved}")
        return
    model = Word2Vec(corpus_file=corpus, **TRAINING)
    model.save(saved)
    report = model.report
    print(
        f"{saved}: {report['vocab_size']:,} words, {model.epochs} epochs in {report['train_seconds']:.1f} s"
        f" ({report['words_per_second'] / 1e6:.1f} million words/s, {report['workers']} threads, {report['simd']})\n"
    )
    for word in PROBES:
        if word in model.wv:
            near = ", ".join(str(other) for other, _ in model.wv.most_similar(word, topn=6))
            print(f"  {word + ':':9} {near}")
    print(
        f"\nNext:\n  {command} neighbors {saved} list warning\n"
        f"  {command} train YOUR_TEXT.txt -o vectors.safetensors   (a sentence a line; --help lists the options)"
    )
