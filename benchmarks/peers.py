"""The other programs that compare.py runs: how each is asked for the same work, and how long its training took.

Training is what happens between the text counted with all tables built and the first byte saved, as `train` is in
fastsgns and gensim; the whole job is the process from start to end. Three things cannot be made equal:

- There is no `min_alpha`: word2vec, pWord2Vec and pSGNScc end at `alpha` / 10,000, fastText at 0. The former three take
  no seed: their repeats differ by the threads' races only. All count line ends as a word.
- word2vec and fastText parse the text anew in every epoch, within training. pWord2Vec and pSGNScc, like fastsgns, keep
  it as numbers, read before their training starts.
- fastText saves its whole model too, beside the vectors as text: its whole job has more to write.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOO_SHORT = "its output has no progress to tell training time by: is the text too short (10,000 words a thread)?"


@dataclass(frozen=True)
class Session:
    """What a program said, line by line with the time when the line began, and left in its folder."""

    said: list[tuple[float, str]]
    threads: int
    folder: Path
    saving: float  # when its output file appeared

    def text(self) -> str:
        return "\n".join(line for _, line in self.said).strip()


@dataclass(frozen=True)
class Peer:
    program: str
    arguments: Callable[[dict[str, Any]], dict[str, Any]]  # from compare.py's settings
    training: Callable[[Session], float]  # seconds
    command: tuple[str, ...] = ()
    vectors: str = "vectors"


def word2vec_arguments(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "-train": "text", "-output": "out/vectors", "-binary": 1, "-cbow": 0, "-hs": 0,
        "-size": settings["vector_size"], "-window": settings["window"], "-negative": settings["negative"],
        "-sample": settings["sample"], "-alpha": settings["alpha"], "-iter": settings["epochs"],
        "-min-count": settings["min_count"], "-threads": settings["workers"],
    }  # fmt: skip


def batch_arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """A batch holds one window's words, as the authors advise and the default is for a window of 5."""
    arguments = word2vec_arguments(settings) | {"-batch-size": 2 * settings["window"] + 1}
    return {key: value for key, value in arguments.items() if key not in ("-cbow", "-hs")}


def fasttext_arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Whole words only: without n-grams, and so without buckets for them, it is plain skip-gram."""
    return {
        "-input": "text", "-output": "out/vectors", "-loss": "ns", "-minn": 0, "-maxn": 0, "-bucket": 0,
        "-dim": settings["vector_size"], "-ws": settings["window"], "-neg": settings["negative"],
        "-t": settings["sample"], "-lr": settings["alpha"], "-epoch": settings["epochs"],
        "-minCount": settings["min_count"], "-thread": settings["workers"], "-seed": settings["seed"],
    }  # fmt: skip


def by_progress(session: Session) -> float:
    """word2vec, pWord2Vec: from the first progress to the opening of the output, and the part before that progress.

    They print no training time. Each thread tells its progress every 10,000 words. Once there are as many lines as
    threads, the share in the last of them is what all have done; the rest takes until the output file is opened,
    which is the next thing after training, and the share is added at the same speed. Their own words/sec is no help:
    word2vec's divides by processor time, which is not the clock's on a busy machine, and pWord2Vec's stops before the
    slowest thread does.
    """
    found = [(moment, re.search(r"Progress: ([\d.]+)%", line)) for moment, line in session.said]
    progress = [(moment, float(percent[1]) / 100) for moment, percent in found if percent]
    if len(progress) < session.threads:
        raise ValueError(TOO_SHORT)
    moment, share = progress[session.threads - 1]
    if share > 0.5:  # too little would be left to tell the speed by
        raise ValueError(TOO_SHORT)
    return (session.saving - moment) / (1 - share)


def by_time_file(session: Session) -> float:
    """pSGNScc: "Elapsed" of the file pSGNScc_time, the clock's seconds of its training loop until all threads ended.

    It clears and fills tables of 30 million words for each piece of 500,000 words, in every thread: on texts that are
    not much longer than that, it is slower than on long ones.
    """
    found = re.search(r"Elapsed ([\d.]+)", (session.folder / "pSGNScc_time").read_text(encoding="ascii"))
    if not found:
        raise ValueError("pSGNScc_time has no Elapsed")
    return float(found[1])


def by_last_lines(session: Session) -> float:
    """fastText: from its last line about the vocabulary to the line of 100 %, printed once all threads have ended.

    This counts filling the matrices, which is little. With several threads fastText itself looks only every tenth of
    a second whether training has ended: short ones look longer, as they are.
    """
    counted = [moment for moment, line in session.said if line.startswith("Number of labels")]
    ended = [moment for moment, line in session.said if line.startswith("Progress: 100.0%")]
    if not counted or not ended:
        raise ValueError("its output lacks the line of 100 % or that of the number of labels")
    return ended[-1] - counted[-1]


PEERS = {
    "word2vec": Peer("word2vec", word2vec_arguments, by_progress),
    "pword2vec": Peer("pWord2Vec", batch_arguments, by_progress),
    "psgnscc": Peer("pSGNScc", batch_arguments, by_time_file),
    "fasttext": Peer("fasttext", fasttext_arguments, by_last_lines, ("skipgram",), "vectors.vec"),
}


def train(name: str, program: str | None, job: dict[str, Any]) -> dict[str, Any]:
    """One training by a program, else {"error": ...}; its vectors end up where compare.py expects them."""
    peer = PEERS[name]
    path = shutil.which(program or peer.program)
    if path is None:
        return {"error": f"{program or peer.program}: no such program, or it may not be run"}
    with tempfile.TemporaryDirectory(dir=Path(job["output"]).parent) as place:
        folder = Path(place)
        (folder / "text").symlink_to(job["corpus"])  # word2vec and its heirs copy names into 100 bytes
        (folder / "out").mkdir()
        options = [str(part) for pair in peer.arguments(job["settings"]).items() for part in pair]
        try:
            run, session = watch([path, *peer.command, *options], folder, job["settings"]["workers"])
            vectors = folder / "out" / peer.vectors
            run["vocab_size"] = vocabulary_size(vectors, job["settings"]["vector_size"])
            run["train_seconds"] = peer.training(session)
            os.replace(vectors, job["output"])
        except (OSError, ValueError) as error:
            return {"error": str(error)}
    return run


def watch(command: list[str], folder: Path, threads: int) -> tuple[dict[str, Any], Session]:
    """Run a program in `folder`; OSError with the end of what it said where it fails.

    The peak of memory is that of the process by wait4; it counts the few MB of this one at the fork too.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(threads),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as pipe:
        said = listen(pipe.fileno())
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    # A folder's time is that of the last file made in it: nothing need be asked while the program runs.
    session = Session(said, threads, folder, (folder / "out").stat().st_mtime)
    if process.returncode:
        what = f"exit status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise OSError(f"{what}\n{session.text()[-2000:]}")
    return {"total_seconds": seconds, "peak_rss_bytes": usage.ru_maxrss * 1024}, session


def environment(threads: int) -> dict[str, str]:
    """For the programs that multiply by OpenBLAS: one thread in each of theirs, and its kernels of AVX-512.

    Named, where the processor has it, since OpenBLAS may take a virtual machine's for an older one; yours go first.
    """
    defaults = {"OPENBLAS_NUM_THREADS": "1"}
    try:
        if " avx512vl" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
            defaults["OPENBLAS_CORETYPE"] = "SKYLAKEX"
    except OSError:
        pass
    return {**defaults, **os.environ, "OMP_NUM_THREADS": str(threads)}


def listen(source: int) -> list[tuple[float, str]]:
    """All that comes until the end, in lines: progress is written over by carriage returns."""
    said: list[tuple[float, bytes]] = [(time.time(), b"")]
    while block := os.read(source, 1 << 16):
        now = time.time()
        first, *others = re.split(rb"[\r\n]", block)
        began, line = said[-1]
        said[-1] = (began if line else now, line + first)
        said += [(now, other) for other in others]
    return [(moment, line.decode("utf-8", "replace").strip()) for moment, line in said if line.strip()]


def vocabulary_size(vectors: Path, dimensions: int) -> int:
    """As the file's first line tells."""
    with vectors.open("rb") as file:
        header = file.readline(64).split()
    if len(header) != 2 or not header[0].isdigit() or header[1] != str(dimensions).encode():
        raise ValueError(f"{vectors.name} does not begin as word vectors of {dimensions} dimensions do: {header}")
    return int(header[0])
