"""Mutations with regard to the structure of files, so that they come past the first checks: `mutate`."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

from fastsgns import cache

# Values that programs trip over.
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63),
    10**400, 0.5, -0.0, 1e-320, 1e300, float("inf"), float("-inf"), float("nan"), "", "red", "F32", "F64", "I64", "U8",
    "BF16", "BOOL", "\0", "字", "\ud800", [], {}, [[]], [0, 0], {"": 0}, [1, 2],
]  # fmt: skip

Mutate = Callable[[bytes, int], bytes]


def mutate(data: bytes, rng: random.Random, plain: Mutate | None = None) -> bytes:
    """Another input. Of a safetensors file or a corpus cache: one with header or arrays changed and lengths put right.

    `plain` changes bytes that have no structure: libFuzzer's own mutations, or by default a few of them.
    """
    change = plain or (lambda part, most: change_bytes(part, rng))
    if rng.random() < 0.25:
        return change(data, len(data) + 64)
    if data.startswith(cache.MAGIC) and len(data) >= cache.PREAMBLE.size:
        return mutate_cache(data, rng, change)
    if len(data) > 10 and data[8:9] == b"{":
        return mutate_tensors(data, rng, change)
    return change(data, len(data) + 64)


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, size = rng.randint(0, len(changed)), rng.choice((0, 1, 1, 2, 4, 8))
        new = rng.choice(
            (b"", b"\0", b"\xff", b" ", b"\n", b"-1", b"9" * 30, rng.randbytes(size), struct.pack("<q", 2**62))
        )
        changed[at : at + size] = new
    return bytes(changed)


def change_tree(tree: Any, rng: random.Random) -> Any:
    """JSON with one value, somewhere, replaced, removed, doubled or renamed."""
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        changed, key = dict(tree), rng.choice([*tree])
        action = rng.random()
        if action < 0.08:
            del changed[key]
        elif action < 0.16:
            changed[rng.choice(["x", "vectors", "attribute.x", "lockf", *tree])] = changed.pop(key)
        elif action < 0.2:
            changed[rng.choice(["x", "", "lockf", "report"])] = rng.choice(ODD)
        else:
            changed[key] = change_tree(changed[key], rng)
        return changed
    if isinstance(tree, list) and tree and rng.random() < 0.85:
        changed_list, at = list(tree), rng.randrange(len(tree))
        action = rng.random()
        if action < 0.15:
            changed_list.insert(at, rng.choice(ODD))
        elif action < 0.3:
            del changed_list[at]
        else:
            changed_list[at] = change_tree(changed_list[at], rng)
        return changed_list
    if isinstance(tree, str) and tree[:1] == "{":
        try:
            return change_json(tree, rng)
        except (ValueError, RecursionError):
            pass
    if type(tree) is int and rng.random() < 0.5:
        return tree + rng.choice((-8, -4, -1, 1, 4, 8, 2**32, -(2**32)))
    return rng.choice(ODD)


def change_json(text: str, rng: random.Random) -> str:
    if rng.random() < 0.01:
        return "[" * 5_000
    return json.dumps(change_tree(json.loads(text), rng))


def mutate_tensors(data: bytes, rng: random.Random, change: Mutate) -> bytes:
    length = int.from_bytes(data[:8], "little")
    head, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.3 and body:
        body = change(body, len(body) + (8 if rng.random() < 0.1 else 0))
        if rng.random() < 0.9:
            body = body[: len(data) - 8 - length].ljust(len(data) - 8 - length, b"\0")
    else:
        try:
            head = change_json(head.decode(), rng).encode()
        except (ValueError, RecursionError):
            head = change(head, len(head) + 16)
    if rng.random() < 0.8:
        head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + body


def mutate_cache(data: bytes, rng: random.Random, change: Mutate) -> bytes:
    magic, _, at_header, size = cache.PREAMBLE.unpack(data[: cache.PREAMBLE.size])
    body, head = data[cache.PREAMBLE.size : at_header], data[at_header : at_header + size]
    if rng.random() < 0.5 and body:
        body = change(body, len(body))[: len(body)].ljust(len(body), b"\0")
    else:
        try:
            head = change_json(head.decode(), rng).encode()
        except (ValueError, RecursionError):
            head = change(head, len(head) + 16)
    place = cache.PREAMBLE.size + len(body)
    return cache.PREAMBLE.pack(magic, place + len(head), place, len(head)) + body + head
