"""How near the kernel comes to what the core can do: GFLOP/s and share of the measured FMA peak, by variant, mode and
dimensions, one thread, a vocabulary that fits the cache.

    python benchmarks/kernel.py --dims 100 300 --json kernel.json

Each dot product of training costs three multiply-adds a dimension: one for the logit and one for each of the two
updates. Nothing else is counted: drawing, sigmoids, sums across lanes and padded lanes make the share smaller. The peak
is that of fma_peak.c, compiled with $CC or cc and run before each training, for the widest registers of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import hardware, run_child, spread, versions

from fastsgns.config import simd_variants
from fastsgns.sampling import SHARING

FLOP_PER_DOT_PRODUCT_AND_DIM = 6
SENTENCE_WORDS = 20
L2 = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")


def cache_kib() -> int:
    """The size of a core's second-level cache; 1 MiB where the system does not tell."""
    try:
        return int(L2.read_text(encoding="ascii").strip().removesuffix("K"))
    except (OSError, ValueError):
        return 1024


def train_once(job: dict[str, Any]) -> dict[str, Any]:
    """One training on uniform ids, in this process. Half of the cache is left to everything but the matrices."""
    import numpy as np

    import fastsgns

    row_bytes = -(-job["dim"] // 16) * 64
    vocab_size = max(job["cache_kib"] * 1024 // 2 // (2 * row_bytes), 64)
    ids = np.random.default_rng(1).integers(0, vocab_size, (job["words"] // SENTENCE_WORDS, SENTENCE_WORDS), np.int32)
    model = fastsgns.Word2Vec(
        list(ids), vector_size=job["dim"], negative_sharing=job["mode"], epochs=1, workers=1, sample=0, min_count=1
    )
    flop = model.report["dot_products"] * job["dim"] * FLOP_PER_DOT_PRODUCT_AND_DIM
    return {
        "vocab_size": vocab_size,
        "words_per_second": model.report["words_per_second"],
        "gflops": flop / model.report["train_seconds"] / 1e9,
    }


def build_peak(folder: Path) -> Path | None:
    """The compiled fma_peak.c; None, said so, where there is no compiler for it."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    program = folder / "fma_peak"
    source = Path(__file__).with_name("fma_peak.c")
    if compiler is None:
        print("note: no C compiler (set CC): no peak, no share")
        return None
    built = subprocess.run([compiler, "-O2", str(source), "-o", str(program)], capture_output=True, encoding="utf-8")
    if built.returncode:
        print(f"note: {compiler} cannot compile {source.name}: no peak, no share\n{built.stderr}")
        return None
    return program


def measure_peak(program: Path | None) -> float | None:
    """GFLOP/s of one core, for the widest registers that it has."""
    if program is None:
        return None
    found = json.loads(subprocess.run([str(program)], capture_output=True, encoding="utf-8", check=True).stdout)
    return max(found.values(), default=None)


def measure(args: argparse.Namespace, program: Path | None) -> list[dict[str, Any]]:
    """All combinations in turn, `repeats` times, so that no drift of the machine favours one."""
    results = [
        {"simd": simd, "mode": mode, "dim": dim, "runs": []}
        for dim in args.dims for mode in args.modes for simd in args.simd
    ]  # fmt: skip
    for _ in range(args.repeats):
        for result in results:
            job = {"mode": result["mode"], "dim": result["dim"], "words": args.words, "cache_kib": args.cache_kib}
            peak = measure_peak(program)
            command = [str(Path(__file__).resolve()), "--child", json.dumps(job)]
            run = run_child(command, FASTSGNS_SIMD=result["simd"])
            if "error" in run:
                raise SystemExit(f"{result['simd']} {result['mode']}: {run['error']}")
            result["runs"].append({**run, "peak_gflops": peak, "share": peak and run["gflops"] / peak})
    return results


def print_table(results: list[dict[str, Any]]) -> None:
    print("\n| dim | mode | variant | words | thousand words/s | GFLOP/s | peak GFLOP/s | share of peak, % |")
    print("|---|---|---|---|---|---|---|---|")
    for result in results:
        runs = result["runs"]
        cells = [
            result["dim"],
            result["mode"],
            result["simd"],
            runs[0]["vocab_size"],
            spread([run["words_per_second"] / 1e3 for run in runs], 0),
            spread([run["gflops"] for run in runs]),
            spread([run["peak_gflops"] for run in runs if run["peak_gflops"]]),
            spread([100 * run["share"] for run in runs if run["share"]]),
        ]
        print(f"| {' | '.join(map(str, cells))} |")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simd", nargs="+", default=simd_variants(), choices=simd_variants(), help="all")
    parser.add_argument("--modes", nargs="+", default=SHARING[::-1], choices=SHARING)
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 300], metavar="N")
    parser.add_argument("--words", type=int, default=1_000_000, metavar="N", help="of the corpus that is made up")
    parser.add_argument("--cache-kib", type=int, default=cache_kib(), metavar="N", help="the matrices fill half of it")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every run, with machine and versions")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse()
    if args.child:
        print(json.dumps(train_once(json.loads(args.child))))
        return 0
    machine, found = hardware(), versions("fastsgns", "numpy")
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_at_start']}, {machine['system']}")
    print(", ".join(f"{name} {number or 'not installed'}" for name, number in found.items()))
    print(f"{args.words:,} words, sentences of {SENTENCE_WORDS}, cache {args.cache_kib} KiB, window 5, negative 5")
    with tempfile.TemporaryDirectory() as name:
        results = measure(args, build_peak(Path(name)))
    print_table(results)
    if args.json:
        document = {"hardware": machine, "versions": found, "results": results}
        args.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
