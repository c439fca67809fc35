"""What this process may use: the kernel variant (instruction set), chosen once at import, and the number of cores."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from fastsgns._train import compiled_variants

__all__ = ["SIMD", "__version__", "available_cores", "check_simd", "configuration", "show_config", "simd_variants"]

try:
    __version__ = version("fastsgns")
except PackageNotFoundError:  # a source tree built in place
    __version__ = "0+unknown"


def simd_variants() -> list[str]:
    """Kernel variants that this machine runs, best first.

    Examples
    --------
    >>> "scalar" in simd_variants()
    True
    """
    return [name for name, supported in compiled_variants().items() if supported]


SIMD = os.environ.get("FASTSGNS_SIMD") or simd_variants()[0]


def check_simd() -> None:
    """ValueError if FASTSGNS_SIMD names no variant that runs here; not at import, where no caller could handle it."""
    available = simd_variants()
    if SIMD not in available:
        raise ValueError(f"FASTSGNS_SIMD={SIMD!r} cannot be used here: unset it or choose of {', '.join(available)}")


def available_cores() -> int:
    """Cores this process may use: its affinity mask, cut to the CPU quota of its control group (containers)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or no quota ("max")
        pass
    return cores


def configuration() -> dict[str, Any]:
    """Versions, kernel variants and cores, for JSON.

    Raises
    ------
    ValueError
        If FASTSGNS_SIMD names a variant that cannot be used.

    Examples
    --------
    >>> sorted(configuration())
    ['byteorder', 'cores', 'machine', 'numpy', 'platform', 'python', 'simd', 'variants', 'version']
    """
    check_simd()
    return {
        "version": __version__,
        "simd": SIMD,
        "variants": dict(compiled_variants()),
        "cores": available_cores(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "byteorder": sys.byteorder,
    }


def show_config() -> None:
    """Print versions, kernel variants and cores, as bug reports and benchmarks want them."""
    found = configuration()
    variants = ", ".join(
        f"{name} (in use)" if name == SIMD else name if supported else f"{name} (not on this machine)"
        for name, supported in found["variants"].items()
    )
    print(f"fastsgns {found['version']}")
    print(f"  kernel variants: {variants}")
    print(f"  cores: {found['cores']}")
    print(f"  Python {found['python']}, NumPy {found['numpy']}")
    print(f"  {found['platform']}, {found['machine']}, {found['byteorder']}-endian")
