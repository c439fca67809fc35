"""The benchmarks run, at their smallest, and print what they should; not how fast."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the tests are here without the benchmarks", allow_module_level=True)
pytest.importorskip("resource", reason="the benchmarks need a POSIX system")
sys.path.append(str(BENCHMARKS))

import soak  # noqa: E402
import softmax  # noqa: E402


def start(script, *arguments, cwd):
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8")


def run(script, *arguments, cwd):
    child = start(script, *arguments, cwd=cwd)
    assert child.returncode == 0, child.stderr
    return child.stdout


def results(path):
    return json.loads(path.read_text(encoding="utf-8"))["results"]


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
    tokens = {result["kind"]: result["runs"][0]["tokens"] for result in results(found)}
    assert tokens["text"] == tokens["text.gz"] == tokens["text.xz"] > tokens["token lists"] > 0
    assert tokens["ids, arrays"] == 2000


def test_queries(tmp_path):
    found = tmp_path / "found.json"
    printed = run(
        "queries.py", "--words", "3000", "--text-words", "5000", "--dim", "20", "--query-words", "1000", "--query-dim",
        "8", "--queries", "300", "--workers", "2", "--repeats", "1", "--no-gensim", "--json", str(found), cwd=tmp_path,
    )  # fmt: skip
    assert "loading binary: 3,000 x 20, 0 MB" in printed and "loading text: 5,000 x 20, 1 MB" in printed
    for row in (
        "plain reading",
        "fastsgns",
        "fastsgns, float16",
        "fastsgns, batch, 1 worker",
        "fastsgns, batch, 2 workers",
    ):
        assert f"| {row} |" in printed
    assert "The nearest key is the same for all in 100.0% of the queries." in printed
    loaded = {(case["what"], case["who"]): case["runs"][0].get("vectors") for case in results(found)}
    assert loaded["binary", "fastsgns"] == 3000 and loaded["text", "fastsgns, float16"] == 5000


def test_ann(tmp_path):
    pytest.importorskip("usearch")
    printed = run(
        "ann.py", "--words", "20_000", "--vocabulary", "500", "--dim", "16", "--queries", "50", "--repeats", "1",
        "--json", "o.json", cwd=tmp_path,
    )  # fmt: skip
    assert "500 vectors of 16 dimensions, 50 queries" in printed and "| exact search |  | 1.000 |" in printed
    runs = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["runs"]
    assert len(runs) == 6 and all(run["recall"] > 0.9 and run["at_once"] > 0 for run in runs)


def test_tuning(tmp_path):
    (tmp_path / "text.txt").write_text("red green blue\none two three\n" * 100, encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text("red\tblue\t9\nred\tone\t1\ntwo\tthree\t8\n", encoding="utf-8")
    (tmp_path / "analogies.txt").write_text(": colours\nred green one two\n", encoding="utf-8")
    arguments = ["text.txt", "--pairs", "pairs.tsv", "--analogies", "analogies.txt", "--seeds", "2", "--json", "o.json"]
    printed = run("tuning.py", *arguments, "--change", "window=1", "negative_sharing=pair", cwd=tmp_path)
    rows = [line.split(" | ")[0] for line in printed.splitlines() if line.startswith("| ")]
    assert rows == ["| change", "| ---", "| default", "| window=1", "| negative_sharing=pair"]
    assert "From seed to seed, pairs: a standard deviation of " in printed
    for case in results(tmp_path / "o.json"):
        assert [run_["seed"] for run_ in case["runs"]] == [1, 2]
        assert all(run_["seconds"] > 0 and run_["vocabulary"] == 6 for run_ in case["runs"])
    for change in ("windows=1", "window=0"):
        failed = start("tuning.py", "text.txt", "--change", change, cwd=tmp_path)
        assert failed.returncode == 2 and change in failed.stderr


def test_scaling_over_threads(tmp_path):
    printed = run(
        "scaling.py", "threads", "--threads", "1", "2", "--modes", "group", "pair", "--dims", "8", "16",
        "--repeats", "2", "--vocabulary", "200", "--words", "30_000", "--json", "o.json", "--markdown", "o.md",
        cwd=tmp_path,
    )  # fmt: skip
    assert printed == (tmp_path / "o.md").read_text(encoding="utf-8")
    for part in ("## 8 dimensions", "## 16 dimensions", "speed-up over 1 thread", "efficiency", "| loss |", "variant"):
        assert part in printed
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| fastsgns")]
    assert [row[:2] for row in rows] == 2 * [[f"| fastsgns {mode}", n] for mode in ("group", "pair") for n in "12"]
    assert [row[4] for row in rows if row[1] == "1"] == 4 * ["100 [100-100]"]
    for case in results(tmp_path / "o.json"):
        assert [run["seed"] for run in case["runs"]] == [1, 2]
        for run_ in case["runs"]:
            assert (run_["corpus_words"], run_["vocab_size"]) == (30_000, 200)
            assert 1 < run_["last_loss"] < 5


def test_scaling_over_vocabulary_tells_memory_beside_what_is_allowed(tmp_path):
    pytest.importorskip("gensim")
    printed = run(
        "scaling.py", "vocabulary", "--vocabulary", "100", "3000", "--words", "9000", "--threads", "1", "--dims", "24",
        "--repeats", "1", "--gensim", "--json", "o.json", cwd=tmp_path,
    )  # fmt: skip
    assert "training, times fastsgns group" in printed and "| gensim corpus_file | 3,000 |" in printed
    runs = {
        (case["contender"].split()[0], case["vocabulary"]): case["runs"][0] for case in results(tmp_path / "o.json")
    }
    assert [run_["vocab_size"] for run_ in runs.values()] == [100, 3000, 100, 3000]
    ours = runs["fastsgns", 3000]
    assert ours["matrix_bytes"] == 2 * 3000 * 32 * 4  # 24 dimensions are kept as 32
    assert ours["allowed_bytes"] == 4 * 9000 + 200 * 3000 + 64_000_000
    assert ours["peak_rss_bytes"] > ours["beyond_matrices_bytes"] > ours["beyond_imports_bytes"] > 0
    assert runs["gensim", 3000]["matrix_bytes"] == 2 * 3000 * 24 * 4


def test_scaling_over_words(tmp_path):
    printed = run(
        "scaling.py", "words", "--vocabulary", "50", "--words", "1000", "20_000", "--threads", "1", "--dims", "8",
        "--repeats", "1", "--json", "o.json", cwd=tmp_path,
    )  # fmt: skip
    assert "| fastsgns group | 20,000 |" in printed and "allowed, MB" in printed
    few, many = (case["runs"][0] for case in results(tmp_path / "o.json"))
    assert many["pairs"] > 10 * few["pairs"]


def test_scaling_refuses_before_the_work(tmp_path):
    for arguments, message in (
        (["loss"], "invalid choice"),
        (["threads", "--vocabulary", 10, 20], "it is threads that is swept"),
        (["vocabulary", "--vocabulary", 1000, "--words", 999], "too few for --vocabulary 1000"),
        (["vocabulary", "--vocabulary", 10**12, "--words", 10**12], "do not fit"),
        (["words", "--words", 0], "at least 1"),
        (["words", "--json", "none/o.json"], "no such folder"),
    ):
        child = start("scaling.py", *arguments, cwd=tmp_path)
        assert child.returncode == 2 and message in child.stderr


def test_phrases(tmp_path):
    pytest.importorskip("gensim")
    printed = run(
        "phrases.py", "--words", "20_000", "--passes", "2", "--threshold", "3", "--threads", "2", "--repeats", "1",
        "--json", "o.json", "--markdown", "o.md", cwd=tmp_path,
    )  # fmt: skip
    assert printed == (tmp_path / "o.md").read_text(encoding="utf-8")
    assert "## Pass 2" in printed and "| fastsgns, 2 threads |" in printed
    assert printed.count("with the same scores, and wrote the same texts.") == 2
    first, second = (case["runs"][0]["passes"] for case in results(tmp_path / "o.json"))
    for one, other in zip(first, second, strict=True):
        assert one["found"] == other["found"]
        assert one["text"] == other["text"] and one["frozen_text"] == other["frozen_text"]
    assert first[0]["words"] == 20_000 > first[1]["words"] and first[0]["phrases"] > 0


def test_softmax(tmp_path):
    pytest.importorskip("matplotlib")
    printed = run(
        "softmax.py", "--vocabulary", "30_000", "300", "3000", "--dim", "16", "--modes", "pair", "--seconds", "0.02",
        "--repeats", "1", "--json", "o.json", "--plot", "o.png", cwd=tmp_path,
    )  # fmt: skip
    assert "| 300 |" in printed and "| 30,000 |" in printed and "| slope, log-log |" in printed
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    found = softmax.curves(document)
    assert list(found) == [softmax.SOFTMAX, softmax.NEGATIVE, "fastsgns pair"]
    assert all(list(curve) == [300, 3000, 30_000] for curve in found.values())
    assert softmax.slope(found[softmax.SOFTMAX]) > 0.3 + softmax.slope(found[softmax.NEGATIVE])


def test_softmax_refuses_before_the_work(tmp_path):
    for arguments, message in (
        (["--vocabulary", 1000], "two sizes"),
        (["--vocabulary", 1, 10], "nothing to tell apart"),
        (["--vocabulary", 10, 10**12], "do not fit"),
        (["--seconds", 0], "must be positive"),
        (["--plot", "o.txt"], "plots are"),
    ):
        child = start("softmax.py", *arguments, cwd=tmp_path)
        assert child.returncode == 2 and message in child.stderr


@pytest.mark.parametrize("kind", [softmax.SOFTMAX, softmax.NEGATIVE])
def test_both_steps_descend_along_the_gradient(kind, monkeypatch):
    """Each is the exact gradient of its loss, a row drawn twice counted twice; found by differences of the loss."""
    monkeypatch.setattr(softmax, "LEARNING_RATE", 0.01)
    monkeypatch.setattr(softmax, "BLOCK", 3)  # no divisor of the vocabulary
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2, 7, 4))
    center, rows = 2, np.array([5, 1, 3, 1])

    def loss(vectors):
        logits = vectors[1] @ vectors[0][center]
        if kind == softmax.SOFTMAX:
            return np.log(np.exp(logits).sum()) - logits[rows[0]]
        signed = logits[rows] * np.array([1, -1, -1, -1])
        return np.log1p(np.exp(-signed)).sum()

    gradient = np.zeros_like(vectors)
    for place in np.ndindex(vectors.shape):
        ahead, behind = vectors.copy(), vectors.copy()
        ahead[place] += 1e-5
        behind[place] -= 1e-5
        gradient[place] = (loss(ahead) - loss(behind)) / 2e-5
    after = vectors.copy()
    if kind == softmax.SOFTMAX:
        softmax.softmax_step(after[0], after[1], center, rows[0])
    else:
        softmax.negative_step(after[0], after[1], center, rows)
    np.testing.assert_allclose(after, vectors - 0.01 * gradient, atol=1e-9)


def test_slopes_are_those_of_powers():
    curve = {size: [{"seconds_per_pair": 1e-9 * size**0.5}, {"error": "of memory"}] for size in (10, 1000, 10**5)}
    assert softmax.slope(curve) == pytest.approx(0.5)
    assert softmax.slope({10: curve[10], 20: [{"error": "of memory"}]}) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_soak(tmp_path):
    printed = run("soak.py", "--minutes", "0.02", "--limit-mb", "1000", cwd=tmp_path)
    assert re.search(r"\n[1-9]\d* jobs in 0\.\d minutes", printed) and printed.endswith("\nflat\n")


@pytest.mark.parametrize(("leak", "found"), [(0, False), (5000, True)])
def test_soak_tells_growth_from_noise(leak, found, capsys):
    rng = np.random.default_rng(1)
    samples = [
        soak.Sample(float(n), n, int(5e7 + leak * n + 5e6 * rng.random() ** 8), 60_000_000, 70_000_000, 6, 3, 400)
        for n in range(1000)
    ]
    assert soak.verdict(samples, 2.0) != found
    assert ("NOT FLAT" in capsys.readouterr().out) == found


def test_soak_misses_no_file_or_thread(capsys):
    for name in ("files", "threads"):
        samples = [
            soak.Sample(float(n), n, 1, 1, 1, **{"files": 6, "threads": 3, name: n // 50}, mappings=1)
            for n in range(100)
        ]
        assert not soak.verdict(samples, 2.0)


def test_distributed_quality(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("red green blue\none two three\n" * 400, encoding="utf-8")
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("red\tgreen\t9\none\ttwo\t8\nred\ttwo\t1\nblue\tone\t2\n", encoding="utf-8")
    found = tmp_path / "found.json"
    printed = run(
        "distributed_quality.py", "--corpus", text, "--pairs", pairs, "--workers", "1", "3", "--seeds", "1", "2",
        "--dim", "16", "--epochs", "2", "--json", found, "--plot", tmp_path / "plot.png", cwd=tmp_path,
    )  # fmt: skip
    runs = json.loads(found.read_text(encoding="utf-8"))["runs"]
    assert [run["workers"] for run in runs] == [1, 3, 1, 3] and {run["words"] for run in runs} == {2400}
    assert "| 2,400 | 3 |" in printed and (tmp_path / "plot.png").stat().st_size > 1000


def test_distributed_traffic_is_a_small_share_of_both_matrices(tmp_path):
    printed = run("distributed.py", "traffic", "--rounds", "100", cwd=tmp_path)
    share = float(re.search(r"([0-9.]+) % of the bytes of both matrices", printed)[1])
    assert 0.5 < share < 5
