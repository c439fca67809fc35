"""Checks of numeric parameters, whose errors name the parameter, its value and what would do."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection
from typing import Any

__all__ = ["as_flag", "check_choice", "check_integer", "check_real", "plain"]


def plain(value: Any) -> Any:
    """Numbers of NumPy and other kinds as Python's own, which neither overflow nor are foreign to JSON."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else value


def as_flag(name: str, value: Any) -> bool:
    """Whether a value is true; ValueError for one that is neither, such as an array."""
    try:
        return bool(value)
    except ValueError as error:
        raise ValueError(f"{name}={value!r} must be True or False: {error}") from None


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """ValueError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(choices)}")


def check_integer(name: str, value: object, least: int | None, most: int | None = None) -> None:
    """ValueError unless `value` is a whole number in [least, most]."""
    if not isinstance(value, (int, numbers.Integral)) or isinstance(value, bool):
        raise ValueError(f"{name}={value!r} must be a whole number")
    value = int(value)
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        raise ValueError(f"{name}={value!r} must be {' and '.join(bounds)}")


def check_real(name: str, value: object, least: float, most: float = math.inf) -> None:
    """ValueError unless `value` is a finite number in [least, most]."""
    try:
        number = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name}={value!r} must be a finite number")
    if not least <= number <= most:
        bounds = f"at least {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
        raise ValueError(f"{name}={value!r} must be {bounds}")
