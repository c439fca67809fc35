"""Test the installed package, not the source folder: that has no compiled modules, and is the working directory."""

import os
import signal
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
INSTALLED = PathFinder.find_spec("fastsgns", elsewhere) is not None  # else it is built in place, or editable
if INSTALLED:
    sys.path[:] = elsewhere  # `python -m pytest` puts the working directory first

# A shell that runs tests in the background has them ignore Ctrl-C, which the programs that they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, and no test fails because the machine is busy.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def away_from_the_sources(tmp_path_factory):
    """Work elsewhere, since a Python that a test starts looks in its working directory first."""
    before = Path.cwd()
    if INSTALLED:
        os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)
