"""Test the installed package, under `python -m pytest` too, which would find the source folder in front of it."""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
if PathFinder.find_spec("fastsgns", elsewhere):  # else the package is built in place, or installed as editable
    sys.path[:] = elsewhere
