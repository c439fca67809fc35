"""Builds the extension modules; everything else about the package is in pyproject.toml."""

import os
import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

# No -march and no -m: every instruction-set variant is compiled by pragma in one file (see fastsgns/_c/sgns.h),
# so that a wheel built on one machine runs on all.
#
# FASTSGNS_DEBUG=1 checks indexes in Cython; FASTSGNS_SANITIZE=address,undefined (or thread) has the compiler check
# memory and arithmetic (or races). Each kind is built in a folder of its own, so that none takes another's objects.
DEBUG = os.environ.get("FASTSGNS_DEBUG") == "1"
SANITIZE = os.environ.get("FASTSGNS_SANITIZE", "")
WINDOWS = sys.platform == "win32"
if SANITIZE and WINDOWS:
    sys.exit("FASTSGNS_SANITIZE needs gcc or clang")
CHECKED = DEBUG or bool(SANITIZE)
if WINDOWS:
    FLAGS = ["/Od", "/Zi"] if CHECKED else ["/O2"]
else:
    # Multiply-adds are fused where the code says so, and not where a compiler likes to: all give the same bits.
    FLAGS = ["-ffp-contract=off", *(["-O1", "-g"] if CHECKED else ["-O3", "-g0"])]
SANITIZER_FLAGS = []
if SANITIZE:  # what it finds ends the process, so that no report is overlooked
    SANITIZER_FLAGS = [f"-fsanitize={SANITIZE}", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
BUILD = "/".join(["build", *(["debug"] if DEBUG else []), *filter(None, SANITIZE.split(","))])

extensions = [
    Extension(
        f"fastsgns.{name}",
        [f"fastsgns/{name}.pyx"],
        include_dirs=["fastsgns/_c"],
        depends=glob("fastsgns/_c/*.h"),
        extra_compile_args=FLAGS + SANITIZER_FLAGS,
        extra_link_args=SANITIZER_FLAGS,
        libraries=[] if WINDOWS else ["m"],
    )
    for name in ("_encode", "_ids", "_phrases", "_records", "_rows", "_train")
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir=BUILD,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": DEBUG,
            "embedsignature": True,
        },
    ),
    options={"build": {"build_base": BUILD}, "build_ext": {"parallel": True}},  # checked ones take minutes
)
