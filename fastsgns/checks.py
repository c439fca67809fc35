"""Checks of numeric parameters, whose errors name the parameter, its value and what would do."""

from __future__ import annotations

import math
import numbers

__all__ = ["check_integer", "check_real"]


def check_integer(name: str, value: object, least: int | None, most: int | None = None) -> None:
    """ValueError unless `value` is a whole number in [least, most]."""
    if not isinstance(value, (int, numbers.Integral)) or isinstance(value, bool):
        raise ValueError(f"{name}={value!r} must be a whole number")
    value = int(value)
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        raise ValueError(f"{name}={value!r} must be {' and '.join(bounds)}")


def check_real(name: str, value: object, least: float | None) -> None:
    """ValueError unless `value` is a finite number, at least `least`."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name}={value!r} must be a finite number")
    if least is not None and value < least:
        raise ValueError(f"{name}={value!r} must be at least {least:g}")
