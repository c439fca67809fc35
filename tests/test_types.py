"""The types that users see: stubs of the compiled modules agree with them, and a typed script passes mypy --strict."""

import subprocess
import sys
from pathlib import Path

import pytest

import fastsgns

HERE = Path(__file__).resolve().parent

pytest.importorskip("mypy")


def run(*arguments, cwd):
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_agree_with_the_compiled_modules(tmp_path):
    stubs = sorted(path.stem for path in Path(fastsgns.__path__[0]).glob("*.pyi"))
    assert "_train" in stubs
    # What Cython adds to modules and classes, and that classes cannot share a subclass: no caller sees it.
    allowed = [r"fastsgns\._\w+\.(\w+\.)?__(\w+_cython|test|reduce|setstate)__", r"fastsgns\._\w+\.[A-Z]\w+"]
    (tmp_path / "allowed").write_text("\n".join(allowed), encoding="ascii")
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\n", encoding="ascii")
    options = ["--allowlist", "allowed", "--ignore-unused-allowlist", "--mypy-config-file", "mypy.ini"]
    run("mypy.stubtest", *(f"fastsgns.{stub}" for stub in stubs), *options, cwd=tmp_path)


def test_a_typed_script_is_accepted(tmp_path):
    run("mypy", "--strict", "--cache-dir", str(tmp_path), str(HERE / "typed_script.py"), cwd=tmp_path)
