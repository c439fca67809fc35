"""What the README shows works as shown, and what it says of parameters is so."""

import inspect
import re
import shlex
from pathlib import Path

import pytest

import planted
from fastsgns import Word2Vec, cli
from fastsgns.word2vec import WITHOUT_EFFECT

README = Path(__file__).resolve().parent.parent / "README.md"
if not README.exists():
    pytest.skip("the tests are here without the README", allow_module_level=True)
TEXT = README.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands():
    """The README's lines that run `fastsgns`, as argument lists."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith(".venv/bin/fastsgns ")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a small text in the place of the demo's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fastsgns-demo").mkdir()
    lines = [" ".join(sentence) for sentence in planted.corpus(300)]
    lines += ["read the file of the directory in a thread", "reading and write"] * 20
    (tmp_path / "fastsgns-demo" / "python-docs.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_python_example_runs(folder, capsys):
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert -1 <= float(printed[-1]) <= 1


def test_commands_run_in_their_order(folder, capsys):
    ran = [arguments for arguments in commands() if arguments != ["demo"]]  # test_demo runs a small one
    assert [arguments[0] for arguments in ran] == ["train", "neighbors", "analogy"]
    for arguments in ran:
        assert cli.main(arguments) == 0, capsys.readouterr().err
    assert (folder / "model.safetensors").exists()


def test_setup_is_two_commands_and_ci_finds_the_test_command():
    assert blocks("bash")[0].splitlines() == ["python3 -m venv .venv", ".venv/bin/pip install '.[test]'"]
    assert ".venv/bin/pytest\n" in blocks("bash")
    assert ["demo"] in commands()


def test_parameter_table_is_complete_and_its_defaults_are_true():
    parameters = inspect.signature(Word2Vec).parameters
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \|", TEXT, re.MULTILINE)
    named = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    assert set(named) >= set(parameters) - {"sentences", "corpus_file", "sg", "hs", "shrink_windows", *WITHOUT_EFFECT}
    assert set(named) <= set(parameters)
    for names, defaults in rows:
        values = [parameters[name].default for name in re.findall(r"\w+", names)]
        if all(isinstance(value, (int, float, str)) and not isinstance(value, bool) for value in values):
            told = [default.strip().strip('`"') for default in defaults.split(",")]
            assert [type(value)(text) for value, text in zip(values, told, strict=True)] == values


def test_the_chinese_readme_has_the_same_code_figures_links_and_parameters():
    chinese = (README.parent / "README.zh-CN.md").read_text(encoding="utf-8")
    assert "](README.zh-CN.md)" in TEXT and "](README.md)" in chinese
    assert re.findall(r"^```.*?^```$", TEXT, re.M | re.S) == re.findall(r"^```.*?^```$", chinese, re.M | re.S)
    assert chinese.count("\n#") == TEXT.count("\n#")
    rows = [re.findall(r"^\|.*", text, re.M) for text in (TEXT, chinese)]
    for ours, theirs in zip(*rows, strict=True):
        figures, names = r"\d[\d.,]*", r"`[^`]*`"
        assert re.findall(names, ours) == re.findall(names, theirs), theirs
        if "`" not in ours or "=" in ours:  # not of parameters, where words say what figures do
            assert re.findall(figures, ours) == re.findall(figures, theirs), theirs
    targets = [set(re.findall(r"\]\(([^)]*)\)", text)) - {"README.md", "README.zh-CN.md"} for text in (TEXT, chinese)]
    assert targets[0] == targets[1]
