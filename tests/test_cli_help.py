"""Help: it fits its screen, every example in it runs, and shells complete what it lists."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastsgns
import planted
from fastsgns import Word2Vec, cli
from fastsgns.conversion import TARGETS

SCREEN = 24, 80
PAGE = (Path(__file__).resolve().parent.parent / "docs" / "command-line.md").read_text(encoding="utf-8")


def subparsers():
    parser = cli.build_parser()
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return action.choices


COMMANDS = subparsers()
EXAMPLES = [
    (name, line.strip()) for name, sub in COMMANDS.items() for line in sub.epilog.splitlines() if "fastsgns" in line
]


def test_the_help_fits_one_screen(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(SCREEN[1]))
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert len(lines) < SCREEN[0] and max(map(len, lines)) <= SCREEN[1]
    assert all(any(line.strip().startswith(name + " ") for line in lines) for name in COMMANDS)
    assert "2 wrong use" in lines[-1] and any("--debug" in line for line in lines)


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help_ends_with_examples(name, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    text, examples = capsys.readouterr().out.split("\nexamples:\n")
    assert columns == 40 or all(len(line) <= columns for line in text.splitlines())
    assert examples.splitlines() == [f"  {line}" for of, line in EXAMPLES if of == name]
    assert all(len(line) <= SCREEN[1] for line in examples.splitlines())
    assert "--debug" in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples name: text, a model, vectors in several formats, questions."""
    folder = tmp_path_factory.mktemp("examples")
    words = ["king", "queen", "man", "woman", "paris", "france", "rome", "italy"]
    sentences = [*planted.corpus(200), *([words, [*words[::-1], "new", "york"]] * 20)]
    (folder / "text.txt").write_text("\n".join(map(" ".join, sentences)) + "\n", encoding="utf-8")
    subprocess.run(["gzip", "-k", "text.txt"], cwd=folder, check=True)
    (folder / "text.txt.gz").rename(folder / "text.gz")
    (folder / "more").mkdir()
    shutil.copy(folder / "text.txt", folder / "more")
    model = Word2Vec(sentences, vector_size=8, epochs=1, workers=1)
    model.save(folder / "model.safetensors")
    for name, options in (
        ("vectors.bin", {"binary": True}), ("vectors.txt", {}), ("vectors.txt.gz", {}),
        ("glove.txt", {"write_header": False}),
    ):  # fmt: skip
        model.wv.save_word2vec_format(folder / name, **options)
    for arguments in (["vectors.bin", "vectors.npz"], ["vectors.bin", "matrix.npy"]):
        assert cli.main(["convert", *(str(folder / name) for name in arguments), "--quiet"]) == 0
    (folder / "matrix.words.txt").rename(folder / "words.txt")
    (folder / "words.tsv").write_text("king\t1\nman\t2\n", encoding="utf-8")
    (folder / "questions-words.txt").write_text(": family\nman king woman queen\n", encoding="utf-8")
    pairs = "king\tqueen\t9\nman\twoman\t8\nparis\trome\t7\n"
    for name in ("wordsim353.tsv", "simlex999.tsv"):
        (folder / name).write_text(pairs, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Runs a command line in bash, where `fastsgns` is what is tested here; gives what it printed."""
    place = tmp_path_factory.mktemp("bin")
    package = Path(fastsgns.__file__).parent.parent
    code = f"import sys; sys.path.insert(0, {str(package)!r}); from fastsgns.cli import main; sys.exit(main())"
    (place / "fastsgns").write_text(f"#!{sys.executable}\n{code}\n")
    (place / "fastsgns").chmod(0o755)
    env = {**os.environ, "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "agg"}

    def run(line, cwd, program=("bash", "-o", "pipefail", "-c")):
        return subprocess.run(
            [*program, line], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_examples_run(name, line, folder, shell, monkeypatch, capsys):
    if name == "demo" and "--text-only" not in line:
        return  # test_demo runs one, of less text
    monkeypatch.chdir(folder)
    if name == "demo":
        monkeypatch.setattr("fastsgns.demo.SOURCE_BYTES", 100_000)
    if name in ("plot", "explore"):
        line += " --clusters 2" + " --method pca" * ("--method" not in line)  # t-SNE takes its time: test_plotting
    if "|" in line or '"$(' in line or ">" in line:
        done = shell(line, folder)
        assert done.returncode == 0 and "error" not in done.stderr, done.stderr
        return
    assert cli.main(line.split()[1:]) == 0, capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")
def test_the_page_of_the_command_line_runs(shell, tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    first, *rest = "".join(blocks).splitlines()
    assert first == "fastsgns demo --text-only"  # test_demo runs it; here is less text
    (tmp_path / "fastsgns-demo").mkdir()
    lines = ["read the file of a list in a thread", "reading and write the list"] * 50
    (tmp_path / "fastsgns-demo" / "python-docs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = shell("\n".join(["set -e", *rest]), tmp_path)
    assert done.returncode == 0 and "error" not in done.stderr, done.stderr
    assert done.stdout.splitlines()[-1] == "11"
    assert len((tmp_path / "first.txt").read_text(encoding="utf-8").splitlines()) == 11


def test_the_page_has_every_format():
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) == set(TARGETS)


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_files(folder, shell):
    pytest.importorskip("shtab")
    asked = {"": "neighbors", "plot --me": "--method", "plot m.safetensors --method t": "tsne", "info mod": "model.saf"}
    lines = ['eval "$(fastsgns completion bash)"', "complete -p fastsgns >&2"]
    for text in asked:
        words = ["fastsgns", *(text.split(" ") if text else [""])]
        lines += [
            f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()",
            '_shtab_fastsgns; echo "${COMPREPLY[@]}"',
        ]
    done = shell("\n".join(lines), folder)
    assert "-F _shtab_fastsgns fastsgns" in done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked), done
    for answer, wanted in zip(answers, asked.values(), strict=True):
        assert wanted in answer


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_its_script(folder, shell):
    pytest.importorskip("shtab")
    text = 'autoload -U compinit; compinit -u; eval "$(fastsgns completion zsh)" && echo $_comps[fastsgns]'
    done = shell(text, folder, ("zsh", "-fc"))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "_shtab_fastsgns" in done.stdout


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(folder, shell):
    pytest.importorskip("shtab")
    text = "fastsgns completion fish | source; complete -C 'fastsgns ne'; complete -C 'fastsgns plot m --meth'"
    done = shell(text, folder, ("fish", "--no-config", "-c"))
    assert done.returncode == 0, done
    assert "neighbors" in done.stdout and "--method" in done.stdout


def test_completion_without_its_package_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["completion", "bash"]) == 1
    assert "pip install 'fastsgns[completion]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["plot", "m", "--method", "pca", "king", "queen", "-o", "x.png"],
        ["plot", "--method", "pca", "-o", "x.png", "m", "king", "queen"],
        ["plot", "m", "king", "-o", "x.png", "queen", "--method", "pca"],
        ["plot", "m", "-o", "x.png", "--method=pca", "--", "king", "queen"],
    ],
)
def test_options_may_stand_between_words(arguments):
    args = cli.build_parser().parse_args(arguments)
    assert (args.model, args.words, args.method, args.output) == ("m", ["king", "queen"], "pca", "x.png")


def test_unknown_options_and_missing_words_are_named_all_the_same(capsys):
    for arguments, words in (
        (["plot", "m", "--no", "-o", "x", "w"], "--no"),
        (["train", "--epochs", "3"], "CORPUS, -o/--output"),
        (["neighbors", "m", "--topn", "3"], "WORD"),
    ):
        assert cli.main(arguments) == 2
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
@pytest.mark.parametrize("columns", [100, 40, 0])
def test_the_bar_is_shown_on_a_terminal_of_any_width_and_nowhere_else(folder, shell, columns, tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = f"import sys; sys.path.insert(0, {str(Path(fastsgns.__file__).parent.parent)!r}); from fastsgns import cli; "
    code += f"sys.exit(cli.main(['train', {str(folder / 'text.txt')!r}, '-o', 'm', '--epochs', '3']))"
    started = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=terminal, stdout=subprocess.PIPE)
    out, _ = started.communicate(timeout=60)
    os.close(terminal)
    shown = b""
    time.sleep(0.1)
    os.set_blocking(screen, False)
    try:
        while block := os.read(screen, 1 << 16):
            shown += block
    except OSError:  # all was read
        pass
    os.close(screen)
    assert started.returncode == 0 and out.startswith(b"m: ")
    lines = [line.strip() for line in shown.decode().replace("\n", "\r").split("\r") if line.strip()]
    assert any(line.startswith("scan") for line in lines) and any(line.startswith("train: 100%|") for line in lines)
    assert all(len(line) <= (columns or 80) for line in lines), lines
    quiet = shell(f"fastsgns train {folder}/text.txt -o {tmp_path}/m --epochs 1 2>&1 >/dev/null", folder)
    assert (quiet.returncode, quiet.stdout) == (0, "")


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path, capsys, monkeypatch):
    for arguments in (["--debug", "info", "none"], ["info", "--debug", "none"], ["info", "none", "--debug"]):
        assert cli.main(arguments) == 1
        err = capsys.readouterr().err.splitlines()
        assert err[0].startswith("Traceback") and err[-1] == "fastsgns: error: none: No such file or directory"
    assert cli.main(["info", "none"]) == 1
    assert capsys.readouterr().err == "fastsgns: error: none: No such file or directory\n"
    assert cli.main(["fly", "--debug"]) == 2
    assert capsys.readouterr().err.startswith("Traceback")
    monkeypatch.setattr("fastsgns.cli_convert.describe", lambda path: 1 / None)
    assert cli.main(["info", "none"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastsgns: error: TypeError: ") and "--debug" in err and err.count("\n") == 1


def test_verbose_tells_the_steps_and_warnings_of_the_log_are_lines(folder, tmp_path, capsys):
    assert cli.main(["train", str(folder / "text.txt"), "-o", str(tmp_path / "m"), "--verbose", "--epochs", "1"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert all(line.startswith("fastsgns: ") for line in err) and any("min_count=5 keeps" in line for line in err)
    (tmp_path / "rest.txt").write_text("2 2\na 1 2\nb 2 1\nc 3 1\n")
    assert cli.main(["neighbors", str(tmp_path / "rest.txt"), "a"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("fastsgns: warning: ") and "rest is left out" in err and err.count("\n") == 1


def test_json_has_no_words_of_its_own_for_what_is_no_number(tmp_path, capsys):
    (tmp_path / "v.txt").write_text("a 1 0\nb 0 1\nc nan 1\n")
    (tmp_path / "pairs.tsv").write_text("a\tb\t1\n")
    assert cli.main(["evaluate", str(tmp_path / "v.txt"), "--pairs", str(tmp_path / "pairs.tsv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert "null" in json.dumps(found)
