"""The examples in the docstrings of every module."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import fastsgns

MODULES = [module.name for module in pkgutil.iter_modules(fastsgns.__path__) if module.name != "__main__"]
# What is imported by a module or by its examples.
NEEDS = {"columns": "pyarrow", "sklearn": "sklearn"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(f"fastsgns.{name}")
    with np.printoptions(legacy="1.25"):
        assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(f"fastsgns.{name}") for name in MODULES if name not in NEEDS]
    assert sum(len(test.examples) for module in modules for test in finder.find(module)) > 30
