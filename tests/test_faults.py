"""Disks that fail: for every kind of file, whatever goes wrong, the old file stays or the new one is whole."""

import contextlib
import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastsgns import cli, files, word2vec
from fastsgns.files import new_file, write_file
from fastsgns.keyedvectors import KeyedVectors

TESTS = Path(__file__).parent
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc, LD_PRELOAD, tmpfs and flock")


@pytest.fixture
def folder():
    """In memory if there is such a place: hundreds of files are flushed to the disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        os.chmod(name, 0o755)
        yield name


def reports_of(folder, what, before=(), **environment):
    """By kind of file, what tests/faults.py counts; fails if a promise was broken."""
    command = [*before, sys.executable, str(TESTS / "faults.py"), str(folder), str(what)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert not done.returncode and not done.stderr, done.stderr
    reports = json.loads(done.stdout)
    assert len(reports) == 16
    broken = [text for report in reports.values() for text in report["broken"]]
    assert not broken, "\n".join(broken)
    return reports


def test_every_call_that_writes_may_fail_or_be_the_last(folder, tmp_path):
    shim = tmp_path / "fault_shim.so"
    compiler = shutil.which("gcc")
    if not compiler:
        pytest.skip("needs gcc")
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, TESTS / "fault_shim.c", "-ldl"])
    if built.returncode:
        pytest.skip("needs the headers of glibc")
    reports = reports_of(folder, shim, LD_PRELOAD=f"{os.environ.get('LD_PRELOAD', '')} {shim}")
    for kind, report in reports.items():
        assert {"open", "write", "fsync", "chmod", "rename", "close"} <= set(report["names"]), kind
        assert report["faults"] == 4 * report["calls"] and report["kills"] == report["calls"] > 6
        assert set(report["silent"]) <= {"close"}, kind  # when all is on the disk
        print(f"{kind}: {report['calls']} calls, {report['faults']} faults, {report['kills']} kills")
    for name in ("faults", "kills"):
        print(f"{sum(report[name] for report in reports.values())} {name}, 0 files lost")


@pytest.mark.parametrize("what", ["limit", "denied"])
def test_limits_and_permissions(folder, what):
    reports = reports_of(folder, what)
    print(f"{what}: {sum(report['faults'] for report in reports.values())} writes refused, 0 files lost")


def test_a_full_file_system(tmp_path):
    """Space is checked beforehand wherever the size is known."""
    inside = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"', str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs (root)")
    reports = reports_of(tmp_path, "full", inside)
    for kind, report in reports.items():
        unknown = kind.endswith((".gz", ".bz2", ".xz")) or kind in ("phrases.txt", "vocabulary.txt")
        assert report["beforehand"] == (0 if unknown else report["faults"]), kind
    print(f"full: {sum(report['faults'] for report in reports.values())} writes refused, 0 files lost")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("options", [None, {}, {"binary": True}, {"append": True}], ids=str)
def test_a_full_device(options):
    vectors = KeyedVectors.from_arrays(["a", "b"], np.ones((2, 3), np.float32))
    with pytest.raises(OSError, match=r"No space left on device: 0 bytes were written, \d+ are needed") as raised:
        vectors.save("/dev/full") if options is None else vectors.save_word2vec_format("/dev/full", **options)
    assert raised.value.errno == errno.ENOSPC and raised.value.filename == "/dev/full"
    assert Path("/dev/full").is_char_device()


# What killed writers left


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path):
    path = tmp_path / "v [1]\n"
    left = [tmp_path / f".v [1]\n.0123456{digit}.tmp" for digit in "789a"]
    for file in left:
        file.write_bytes(b"half")
    others = [".v [1]\n.tmp", ".v [1]\n.0123456g.tmp", ".v [1]\n.012345678.tmp", ".v 1\n.01234567.tmp", "v [1]\n.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / ".v [1]\n.aaaaaaaa.tmp").mkdir()
    (tmp_path / ".v [1]\n.bbbbbbbb.tmp").symlink_to(tmp_path / others[0])
    os.mkfifo(tmp_path / ".v [1]\n.cccccccc.tmp")
    write_file(path, b"whole")
    stay = {*others, path.name, *(f".v [1]\n.{letter * 8}.tmp" for letter in "abc")}
    assert {file.name for file in tmp_path.iterdir()} == stay and path.read_bytes() == b"whole"


def test_files_being_written_are_not_cleared(tmp_path):
    """By another thread of the process, or another process: both end well, and the last one stays."""
    path = tmp_path / "v"
    program = (
        "import sys; from fastsgns.files import new_file\n"
        "with new_file(sys.argv[1]) as file: file.write(b'1'); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with new_file(path) as mine:
            mine.write(b"2")
            write_file(path, b"3")
            assert path.read_bytes() == b"3" and len(list(tmp_path.iterdir())) == 3
        assert path.read_bytes() == b"2" and len(list(tmp_path.iterdir())) == 2
        other.communicate(b"\n")
    assert other.returncode == 0 and path.read_bytes() == b"1" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSPC])
def test_a_file_system_need_not_reserve_room(tmp_path, monkeypatch, code):
    def cannot(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    expected = pytest.raises(OSError, match="100 are needed") if code == errno.ENOSPC else contextlib.nullcontext()
    with expected, new_file(tmp_path / "v") as file:
        file.reserve(100)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == ([] if code == errno.ENOSPC else [100])


def test_a_failed_write_leaves_nothing_where_no_open_file_can_be_removed(tmp_path, monkeypatch):
    unlink, written = Path.unlink, []

    def unlink_closed(path):  # as on Windows
        if not written[0].closed:
            raise PermissionError(errno.EACCES, "it is open")
        unlink(path)

    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(Path, "unlink", unlink_closed)
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "v") as file:
        written.append(file)
        file.write(b"half")
        1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())


def test_a_forked_child_holds_no_lock_of_its_parent(tmp_path):
    path = tmp_path / "v"
    reader, writer = os.pipe()
    with pytest.raises(KeyboardInterrupt), new_file(path) as file:
        child = os.fork()
        if not child:
            os.close(writer)
            os.read(reader, 1)  # until the parent is done
            os._exit(0)
        left = next(tmp_path.iterdir())
        os.link(left, tmp_path / "kept")
        raise KeyboardInterrupt
    (tmp_path / "kept").rename(left)
    write_file(path, b"whole")
    os.close(writer)
    os.waitpid(child, 0)
    assert list(tmp_path.iterdir()) == [path] and file.closed


def test_no_name_is_an_error_before_anything_is_written(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(FileNotFoundError), new_file(""):
        pytest.fail("it was opened")


def test_a_loop_of_links_is_an_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="symbolic links") as raised:
        write_file(tmp_path / "a", b"")
    assert raised.value.filename == str(tmp_path / "a")


def test_the_command_line_looks_for_room_before_the_training(tmp_path, monkeypatch, capsys):
    (tmp_path / "text").write_text("a b c d e\n" * 50, encoding="utf-8")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(total=1000, used=990, free=10))
    monkeypatch.setattr(word2vec, "train", None)  # calling it would be a TypeError
    assert cli.main(["train", str(tmp_path / "text"), "-o", str(tmp_path / "out"), "--quiet"]) == 1
    assert "No space left on device: 4,000 bytes are needed, 10 are free" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
    # Nobody knows what a compressed file takes.
    cli.main(["train", str(tmp_path / "text"), "-o", str(tmp_path / "out.gz"), "--format", "word2vec", "--quiet"])
    assert "TypeError" in capsys.readouterr().err


def test_a_new_file_may_be_read_by_no_more_than_the_old_one(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with new_file(path) as file:
        (temporary,) = {*tmp_path.iterdir()} - {path}
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_bytes() == b"new"
