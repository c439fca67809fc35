"""Determinism: with one worker, or if asked for, the same bits always, whatever process, Python, NumPy and compiler."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fastsgns import Word2Vec
from fastsgns.config import simd_variants
from fastsgns.sampling import noise_probabilities, noise_table

SHARING = ("group", "window", "pair")
# Of each kernel variant's vectors, by SHARING: of one worker, and of three that are deterministic. Another hash means
# another training: bits that are promised to be the same are not, or the algorithm has changed, and what it gives must
# be measured again.
HASHES = {
    "scalar": [
        "eaf803ca500fb981", "9bc63296d589b35d", "0162a7384f5a13b6", "bb49fb7cdd2764ec", "dc4c8ff8ca650be5",
        "804a0d84af531eaf",
    ],
    "sse2": [
        "29264434ffc117d6", "7e147465cfaa49ae", "b6ff657fc54f900c", "0b78a2525bc55916", "ad482281b65912f6",
        "a8abf335718d5084",
    ],
    "avx2": [
        "9ee2fb49968ebaa7", "b2cde43949f92a19", "8cf314dd552e0a0e", "adb61a58ad3b2f65", "b7444cd2ead0fdf9",
        "e38fd189aca7c9f2",
    ],
}  # fmt: skip
RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_determinism import hashes
print(json.dumps(hashes()))
"""


def text(words=20_000):
    """Sentences of 30 words, small numbers more often, by arithmetic of integers alone."""
    numbers, state = [], 12345
    for _ in range(words):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        numbers.append(f"w{(state >> 40) ** 2 * 1000 >> 48}")
    return [numbers[i : i + 30] for i in range(0, words, 30)]


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def hashes():
    found = []
    for workers, deterministic in ((1, False), (3, True)):
        for sharing in SHARING:
            model = Word2Vec(
                text(), vector_size=50, min_count=2, workers=workers, epochs=2, negative_sharing=sharing, seed=7,
                deterministic=deterministic,
            )  # fmt: skip
            found.append(digest(model.wv.vectors, model.syn1neg, np.float64(model.loss_history)))
    return found


@pytest.mark.parametrize("variant", simd_variants())
def test_every_process_gives_the_same_bits(variant):
    """Each hashes strings in another way."""
    environment = {**os.environ, "FASTSGNS_SIMD": variant, "PYTHONHASHSEED": "random"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, os.path.dirname(__file__)], env=environment, capture_output=True, check=True
    )
    if variant not in HASHES:
        pytest.skip(f"no hash of {variant} is stored: {done.stdout.decode()}")
    assert json.loads(done.stdout) == HASHES[variant]


def test_the_noise_table_is_the_same_on_every_machine():
    """Of exponents that take few and many roots, and squares: no exp, log or pow of a C library is in it."""
    counts = 1 + np.arange(1, 3000) ** 2
    tables = [noise_table(noise_probabilities(counts, exponent)) for exponent in (0.75, 0.7, -0.5, 1, 3.3, 0, 100)]
    assert digest(*tables) == "ac92f69c0889abe2"


@pytest.mark.parametrize("exponent", [0.75, 0.7, 1.0, 0.0, -0.5, 3.3, -60.0, 100.0, 1e-300])
def test_the_noise_distribution_is_the_power_that_it_should_be(exponent):
    counts = np.array([10**9, 10**6, 12345, 7, 2, 1])
    logs = exponent * np.log(counts.astype(np.longdouble))
    wanted = np.exp(logs - logs.max())
    np.testing.assert_allclose(noise_probabilities(counts, exponent), wanted / wanted.sum(), rtol=1e-12, atol=1e-300)
