"""How near the training kernel comes to what the processor can do: GFLOP/s, and the share of one core's peak.

    python benchmarks/kernel.py --dims 100 300 --json kernel.json

One thread trains on words drawn evenly from so few that both matrices stay in the cache: arithmetic is measured, not
memory. Three multiply-adds for each dimension of each dot product are counted, one for the logit and one for each of
the two updates; sigmoids, random draws and padding to whole registers are not. The peak is measured by fma_peak.c,
compiled now with $CC or cc, just before the kernels it stands beside. SSE2 and plain C have no fused multiply-add
and cannot come beyond half of their width's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import hardware, matrix_bytes, positive, run_child, versions
from _results import EVERY_RUN, heading, spread, table, write_json
from libraries import MODES, train_on_ids

WIDTHS = {"avx512": "512", "avx2": "256", "sse2": "128", "neon": "128"}  # bits of a register
FLOP_PER_DIMENSION = 6  # of a dot product, the two updates that follow it included
SENTENCE_WORDS = 20


def train_once(job: dict[str, Any]) -> dict[str, Any]:
    """One training by one variant, in this process."""
    os.environ["FASTSGNS_SIMD"] = job["simd"]  # read at import
    import numpy as np

    ids = np.random.default_rng(job["seed"]).integers(job["vocabulary"], size=(job["sentences"], SENTENCE_WORDS))
    report = train_on_ids(
        ids, job["seconds"],
        vector_size=job["dim"], negative_sharing=job["mode"], negative=job["negative"], window=job["window"],
        seed=job["seed"],
    )  # fmt: skip
    flop = report["dot_products"] * job["dim"] * FLOP_PER_DIMENSION
    return {
        "gflops": flop / report["train_seconds"] / 1e9,
        "dot_products_per_pair": report["dot_products"] / report["pairs"],
        **{key: report[key] for key in ("simd", "pairs", "dot_products", "train_seconds", "words_per_second")},
    }


def compile_peak(folder: Path) -> Path | None:
    """The program that measures the peak, or None if it cannot be compiled here."""
    source, program = Path(__file__).resolve().parent / "fma_peak.c", folder / "fma_peak"
    compiler = shlex.split(os.environ.get("CC") or "cc")
    try:
        done = subprocess.run([*compiler, "-O2", source, "-o", program], capture_output=True, encoding="utf-8")
    except OSError as error:
        print(f"note: no C compiler, no share of the peak: {error}")
        return None
    if done.returncode:
        print(f"note: fma_peak.c does not compile, no share of the peak:\n{done.stderr.strip()}")
        return None
    return program


def measure_peak(program: Path | None, seconds: float) -> dict[str, float]:
    """GFLOP/s by register width."""
    if program is None:
        return {}
    answer = subprocess.run([program, str(seconds)], capture_output=True, encoding="utf-8", check=True)
    return dict(json.loads(answer.stdout))


def cached_words(cache_kib: int, dim: int) -> int:
    """How many words' rows, of both matrices, fill half of the cache."""
    return max(50, cache_kib * 1024 // 2 // matrix_bytes(1, dim))


def second_level_kib() -> int:
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text(encoding="ascii").strip()
        return int(size[:-1]) * {"K": 1, "M": 1024}[size[-1]]
    except (OSError, KeyError, ValueError, IndexError):
        return 1024


def measure(args: argparse.Namespace, program: Path | None) -> list[dict[str, Any]]:
    """Every run. Peak and variants follow on each other for each mode and dimension: a slow minute hits them all."""
    runs = []
    for repeat in range(args.repeats):
        for dim in args.dims:
            for mode in args.modes:
                peak = measure_peak(program, args.peak_seconds)
                for i in range(len(args.variants)):
                    job = {
                        "simd": args.variants[(i + repeat) % len(args.variants)],
                        "mode": mode,
                        "dim": dim,
                        "vocabulary": cached_words(args.cache_kib, dim),
                        "sentences": max(1, args.words // SENTENCE_WORDS),
                        "seconds": args.seconds,
                        "negative": args.negative,
                        "window": args.window,
                        "seed": 1 + repeat,
                    }
                    run = run_child([str(Path(__file__).resolve()), "--child", json.dumps(job)])
                    runs.append({**job, "peak_gflops": peak, **run})
                    if "error" in run:
                        print(f"{job['simd']} {mode} {dim}: FAILED\n{run['error']}", file=sys.stderr)
    return runs


def print_table(runs: list[dict[str, Any]], args: argparse.Namespace) -> None:
    rows = []
    for simd in args.variants:
        for mode in args.modes:
            for dim in args.dims:
                found = [
                    run
                    for run in runs
                    if (run["simd"], run["mode"], run["dim"]) == (simd, mode, dim) and "error" not in run
                ]
                shares = [100 * run["gflops"] / max(p.values()) for run in found if (p := run["peak_gflops"])]
                width = WIDTHS.get(simd, "")
                own = [100 * run["gflops"] / p[width] for run in found if width in (p := run["peak_gflops"])]
                rows.append([
                    simd, mode, dim,
                    spread([run["gflops"] for run in found]),
                    spread(shares),
                    spread(own),
                    spread([run["dot_products_per_pair"] for run in found], 2),
                    spread([run["words_per_second"] / 1e3 for run in found], 0),
                ])  # fmt: skip
    columns = ["variant", "sharing", "dim", "GFLOP/s", "% of peak", "% of own width's peak", "dot products a pair"]
    print(table([*columns, "thousand words/s"], rows))


def parse() -> argparse.Namespace:
    from fastsgns.config import simd_variants

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    available = simd_variants()
    parser.add_argument("--variants", nargs="+", default=available, choices=available)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--dims", type=positive, nargs="+", default=[100, 300], metavar="N")
    parser.add_argument("--cache-kib", type=positive, default=second_level_kib(), metavar="N", help="default: the L2's")
    parser.add_argument("--words", type=positive, default=2**20, metavar="N", help="an epoch; default %(default)s")
    parser.add_argument("--seconds", type=float, default=0.5, help="a training; default %(default)s")
    parser.add_argument("--peak-seconds", type=float, default=0.1, metavar="SECONDS", help="for each register width")
    parser.add_argument("--negative", type=positive, default=5, metavar="N")
    parser.add_argument("--window", type=positive, default=5, metavar="N")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help=EVERY_RUN)
    return parser.parse_args()


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(train_once(json.loads(sys.argv[2]))))
        return 0
    args = parse()
    machine, found = hardware(), versions("fastsgns", "numpy")
    print(heading(machine, found))
    print(f"variants {', '.join(args.variants)}; window {args.window}, negative {args.negative}, one thread")
    sizes = ", ".join(f"{cached_words(args.cache_kib, dim):,} words of {dim} dimensions" for dim in args.dims)
    print(f"in half of {args.cache_kib:,} KiB of cache: {sizes}; median [least-most] of {args.repeats}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(args, compile_peak(Path(folder)))
    peaks = [run["peak_gflops"] for run in runs]
    for width in peaks[0]:
        print(f"peak of one core, {width}-bit FMA: {spread([peak[width] for peak in peaks])} GFLOP/s")
    print_table(runs, args)
    settings = {key: value for key, value in vars(args).items() if key != "json"}
    write_json(args.json, {"hardware": machine, "versions": found, "settings": settings, "runs": runs})
    return 1 if any("error" in run for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
