"""Fuzzes one target of targets.py by atheris: `atheris_target.py TARGET [arguments of libFuzzer]`. See run.py."""

import random
import sys

import atheris

with atheris.instrument_imports(include=["fastsgns"]):
    import fastsgns  # noqa: F401 (the whole package, instrumented)
    from mutations import mutate
    from targets import TARGETS

name = sys.argv.pop(1)
target = TARGETS[name]


def test_one_input(data: bytes) -> None:
    target(data)


def mutator(data: bytes, max_size: int, seed: int) -> bytes:
    return mutate(data, random.Random(seed), atheris.Mutate)[:max_size]


atheris.Setup(sys.argv, test_one_input, custom_mutator=mutator)
atheris.Fuzz()
