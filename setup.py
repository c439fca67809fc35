"""Builds the extension modules; everything else about the package is in pyproject.toml."""

import os
import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

# No -march and no -m: every instruction-set variant is compiled by pragma in one file (see fastsgns/_c/sgns.h),
# so that a wheel built on one machine runs on all.
DEBUG = os.environ.get("FASTSGNS_DEBUG") == "1"
if sys.platform == "win32":
    FLAGS = ["/Od", "/Zi"] if DEBUG else ["/O2"]
else:
    # Multiply-adds are fused where the code says so, and not where a compiler likes to: all give the same bits.
    FLAGS = ["-ffp-contract=off", *(["-O1", "-g"] if DEBUG else ["-O3", "-g0"])]

extensions = [
    Extension(
        f"fastsgns.{name}",
        [f"fastsgns/{name}.pyx"],
        include_dirs=["fastsgns/_c"],
        depends=glob("fastsgns/_c/*.h"),
        extra_compile_args=FLAGS,
        libraries=[] if sys.platform == "win32" else ["m"],
    )
    for name in ("_encode", "_ids", "_phrases", "_records", "_train")
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build",
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": DEBUG,
            "embedsignature": True,
        },
    )
)
