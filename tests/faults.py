"""Run by test_faults.py: every kind of file is written while something is wrong, and what stays is looked at.

Usage: faults.py FOLDER WHAT, WHAT being the path of fault_shim.c as it was loaded, "limit", "full" (FOLDER is then a
small file system) or "denied". Prints JSON: by kind of file, what was counted, and what broke a promise.
"""

import bz2
import ctypes
import errno
import gzip
import json
import lzma
import os
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

from fastsgns import KeyedVectors, Phrases, Word2Vec, formats, trainer
from fastsgns.corpus import encode_files
from fastsgns.files import write_file
from fastsgns.vocabulary import VocabularyRules

trainer.POLL_SECONDS = 1e-3
PAGE = os.sysconf("SC_PAGE_SIZE")
ONCE, FOR_EVER, SHORT_WRITES, KILL = range(4)  # as in the shim
SENTENCES = [["new", "york", "is", "a", "city"], ["a", "new", "york", "b"], ["c", "d"]] * 20
UNPACK = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}

# Each kind writes its version 0 or 1 of a file to a path.


def vectors(version):
    words = [f"word{i}" for i in range(1100)]
    return KeyedVectors.from_arrays(words, np.full((1100, 4), version, np.float32), np.arange(1100, 0, -1) + version)


def model(version, **options):
    return Word2Vec(SENTENCES, vector_size=8, min_count=1, workers=1, epochs=1, seed=version, **options)


VECTORS, MODELS = [vectors(0), vectors(1)], [model(0), model(1)]
PHRASES = [Phrases(SENTENCES, min_count=1, threshold=version) for version in (0.1, 0.2)]
FROZEN = [phrases.freeze() for phrases in PHRASES]
SOURCES = [Path(sys.argv[1], "text0"), Path(sys.argv[1], "text1")]


def phrase_text(path, version):
    FROZEN[version].transform_file(SOURCES[version], path, workers=2)


def corpus_cache(path, version):
    encode_files(SOURCES[version], rules=VocabularyRules(min_count=1), workers=1, corpus_cache=path)


def checkpoint(path, version):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what cannot be written is warned of, and the training goes on
        try:
            model(version, checkpoint=path)
        except UserWarning as warning:
            assert "no checkpoint of " in str(warning) and str(path) in str(warning)
            raise warning.__context__ from None


KINDS = {
    "vectors.safetensors": lambda path, version: VECTORS[version].save(path),
    "model.safetensors": lambda path, version: MODELS[version].save(path),
    "vectors.txt": lambda path, version: VECTORS[version].save_word2vec_format(path),
    "vectors.bin": lambda path, version: VECTORS[version].save_word2vec_format(path, binary=True),
    **{
        f"vectors.txt{suffix}": lambda path, version: VECTORS[version].save_word2vec_format(path)
        for suffix in (".gz", ".bz2", ".xz")
    },
    "vocabulary.txt": lambda path, version: VECTORS[version].save_word2vec_format(os.devnull, path),
    "appended.txt": lambda path, version: VECTORS[version].save_word2vec_format(path, append=version == 1),
    "phrases.safetensors": lambda path, version: PHRASES[version].save(path),
    "phrasegrams.safetensors": lambda path, version: FROZEN[version].save(path),
    "phrases.txt": phrase_text,
    "phrases.txt.gz": phrase_text,
    "report.json": lambda path, version: write_file(path, b"%d" % version * 5000),
    "corpus.cache": corpus_cache,
    "run.ckpt": checkpoint,
}


def content(path):
    """What is in a file, but for times."""
    if path.name == "run.ckpt":
        tensors, metadata = formats.load_tensors(path, "Checkpoint")
        metadata["state"]["result"]["seconds"] = 0
        return metadata, {name: tensor.tobytes() for name, tensor in tensors.items()}
    return UNPACK.get(path.suffix, bytes)(path.read_bytes())


class Shim:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.fault_end.restype = ctypes.c_long
        self.library.fault_name.restype = ctypes.c_char_p
        self.library.fault_begin.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int]

    def write(self, kind, path, call, number, mode):
        """Write version 1; returns how many calls there were, which one failed, and the error."""
        error = None
        self.library.fault_begin(os.fsencode(path.parent), call, number, mode)
        try:
            KINDS[kind](path, 1)
        except OSError as raised:
            error = raised
        return self.library.fault_end(), self.library.fault_name().decode(), error


def prepare(kind, folder):
    """Write version 0 of a file; returns its path, its bytes, and the contents of versions 0 and 1."""
    path = Path(folder, f"folder of {kind}", kind)
    path.parent.mkdir()
    KINDS[kind](path, 0)
    stored, old = path.read_bytes(), content(path)
    KINDS[kind](path, 1)
    new = content(path)
    assert old != new
    path.write_bytes(stored)
    return path, stored, old, new


def fail_every_call(kind, folder, shim):
    """Every call that writes fails in every way; a report."""
    path, stored, old, new = prepare(kind, folder)
    calls, _, error = shim.write(kind, path, -1, 0, ONCE)
    assert error is None and content(path) == new
    report = {"calls": calls, "faults": 0, "kills": 0, "names": [], "silent": [], "broken": []}
    ways = [(mode, number) for mode in (ONCE, FOR_EVER) for number in (errno.ENOSPC, errno.EIO)]
    for mode, number in [*ways, (KILL, 0), (SHORT_WRITES, 0)]:
        for call in range(calls if mode != SHORT_WRITES else 1):
            path.write_bytes(stored)
            name, error, status = "", None, 0
            if mode == KILL:
                process = os.fork()
                if not process:
                    shim.write(kind, path, call, 0, KILL)
                    os._exit(0)
                _, status = os.waitpid(process, 0)
                report["kills"] += os.WIFSIGNALED(status)
            else:
                _, name, error = shim.write(kind, path, call, number, mode)
                report["faults"] += mode != SHORT_WRITES
                report["names"] = sorted({*report["names"], name} - {""})
                if error is None and mode != SHORT_WRITES:
                    report["silent"].append(name)
            now = content(path)
            complaints = [
                (now not in (old, new), "the file is neither the old one nor the new one"),
                (mode == SHORT_WRITES and now != new, "short writes left the old file"),
                (mode == KILL and not os.WIFSIGNALED(status), "the process lived"),
                (mode in (ONCE, FOR_EVER) and now == old and error is None, "a failure was silent"),
                (name == "write" and error is None, "a write that failed was silent"),
                (mode in (ONCE, SHORT_WRITES) and os.listdir(path.parent) != [path.name], "a temporary file stays"),
                *wrong_with(error, path, number, name == "write"),
            ]
            report["broken"] += [f"{kind}, call {call} ({name}): {text}" for is_so, text in complaints if is_so]
    path.write_bytes(stored)
    KINDS[kind](path, 1)
    if os.listdir(path.parent) != [path.name]:
        report["broken"].append(f"{kind}: what killed writers left stays")
    return report


def wrong_with(error, path, number, tells_bytes):
    """Complaints of an error, if there is one."""
    if error is None:
        return []
    return [
        (error.filename != str(path), f"the error names {error.filename}"),
        (error.errno != number, f"the error is {error!r}"),
        (tells_bytes and " bytes " not in str(error), f"the error tells no bytes: {error}"),
    ]


def fail_once(kind, path, stored, number, tells_bytes=True):
    """Write version 1, which must fail; what broke a promise, and what the error says."""
    error = None
    try:
        KINDS[kind](path, 1)
    except OSError as raised:
        error = raised
    complaints = [
        (error is None, "nothing failed"),
        (path.read_bytes() != stored, "the old file is gone"),
        (os.listdir(path.parent) != [path.name], "a temporary file stays"),
        *wrong_with(error, path, number, tells_bytes),
    ]
    return [f"{kind}: {text}" for is_so, text in complaints if is_so], str(error)


def limit_sizes(kind, folder):
    """No file may grow beyond so many bytes."""
    path, stored, _, _ = prepare(kind, folder)
    KINDS[kind](path, 1)
    size = path.stat().st_size
    broken = []
    for limit in sorted({0, 1, size // 2, size - 1}):
        path.write_bytes(stored)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        broken += fail_once(kind, path, stored, errno.EFBIG)[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return {"faults": 4, "broken": broken}


def fill_up(kind, folder):
    """The file system is full, or nearly."""
    path, stored, _, _ = prepare(kind, folder)
    KINDS[kind](path, 1)
    pages = path.stat().st_size // PAGE
    ballast, broken, beforehand = Path(folder, "ballast"), [], 0
    for left in sorted({0, pages // 2, pages}):  # free pages; what is written takes at least one more
        path.write_bytes(stored)
        with open(ballast, "wb") as file:
            system = os.statvfs(folder)
            os.posix_fallocate(file.fileno(), 0, system.f_bfree * system.f_bsize)
            file.truncate(os.fstat(file.fileno()).st_size - left * PAGE)
        found, message = fail_once(kind, path, stored, errno.ENOSPC)
        broken += found
        beforehand += " are free" in message
        ballast.unlink()
    path.unlink()
    return {"faults": len({0, pages // 2, pages}), "beforehand": beforehand, "broken": broken}


def deny(kind, folder):
    """The folder may not be written to; root becomes another user for that."""
    path, stored, _, _ = prepare(kind, folder)
    path.parent.chmod(0o555)
    if not os.getuid():
        os.seteuid(65534)
    broken, _ = fail_once(kind, path, stored, errno.EACCES, tells_bytes=False)
    if not os.getuid():
        os.seteuid(0)
    path.parent.chmod(0o755)
    return {"faults": 1, "broken": broken}


WAYS = {"limit": limit_sizes, "full": fill_up, "denied": deny}


def main(folder, what):
    for version, path in enumerate(SOURCES):
        path.write_text("\n".join(map(" ".join, SENTENCES * (1 + version))), encoding="utf-8")
    if what in WAYS:
        reports = {kind: WAYS[what](kind, folder) for kind in KINDS}
    else:
        shim = Shim(what)
        reports = {kind: fail_every_call(kind, folder, shim) for kind in KINDS}
    print(json.dumps(reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
