"""The benchmarks run, at their smallest, and print what they should; not how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the tests are here without the benchmarks")


def run(script, *arguments, cwd):
    child = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments], cwd=cwd, capture_output=True, encoding="utf-8"
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_kernel(tmp_path):
    found = tmp_path / "found.json"
    printed = run(
        "kernel.py", "--words", "2000", "--repeats", "1", "--dims", "16", "--variants", "scalar", "--modes", "pair",
        "--cache-kib", "64", "--seconds", "0.02", "--peak-seconds", "0.02", "--json", str(found), cwd=tmp_path,
    )  # fmt: skip
    assert "| scalar | pair | 16 |" in printed
    result = json.loads(found.read_text(encoding="utf-8"))["runs"][0]
    assert result["vocabulary"] == 256  # 64 KiB / 2 / 2 matrices / 64 bytes a row
    assert result["dot_products_per_pair"] == 6
    assert result["gflops"] > 0
    assert "note: " in printed or result["peak_gflops"]


def test_scan(tmp_path):
    found = tmp_path / "found.json"
    printed = run(
        "scan.py", "--megabytes", "0.1", "--list-megabytes", "0.05", "--ids", "2000", "--repeats", "1",
        "--threads", "1", "--compressed", "--json", str(found), cwd=tmp_path,
    )  # fmt: skip
    for source in ("text", "text.gz", "text.xz", "token lists", "ids, arrays"):
        assert f"| {source} | 1 |" in printed
    tokens = {result["kind"]: result["runs"][0]["tokens"] for result in json.loads(found.read_text("utf-8"))["results"]}
    assert tokens["text"] == tokens["text.gz"] == tokens["text.xz"] > tokens["token lists"] > 0
    assert tokens["ids, arrays"] == 2000
