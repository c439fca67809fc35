"""Skip-gram with negative sampling in plain NumPy and float64, with the kernel's random draws: the tests' oracle.

Written to be read beside the paper, not to be fast; it follows the contract in fastsgns/_c/sgns.h and the order of
draws in fastsgns/_c/units.h, and shares no code with either.
"""

import math
from itertools import chain, islice, pairwise, zip_longest

import numpy as np

MASK = 2**64 - 1


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Random:
    """SplitMix64, on the stream of one work unit."""

    def __init__(self, seed, epoch, unit):
        self.counter = mix(mix(mix((seed + 1) & MASK) + epoch + 1 & MASK) + unit + 1 & MASK)

    def next(self):
        self.counter = self.counter + 0x9E3779B97F4A7C15 & MASK
        return mix(self.counter)

    def below(self, n):
        return (self.next() & 0xFFFFFFFF) * n >> 32


def sigmoid(x):
    """Saturated beyond |x| = 8, as the kernel's tables are; exact inside."""
    return 1 / (1 + np.exp(-np.clip(x, -8, 8)))


def objective(input_vector, output_vectors, noise_weight=1.0, sigmoid=lambda x: 1 / (1 + np.exp(-x))):
    """J of one pair; output_vectors[0] is the centre, the others are noise."""
    logits = output_vectors @ input_vector
    return -np.log(sigmoid(logits[0])) - noise_weight * np.log(sigmoid(-logits[1:])).sum()


def gradients(inputs, outputs, noise_weight=1.0, sigmoid=sigmoid):
    """Of the sum of J over every input row, with respect to both matrices."""
    error = sigmoid(inputs @ outputs.T)
    error[:, 0] -= 1
    error[:, 1:] *= noise_weight
    return error @ outputs, error.T @ inputs


def blocks(job, epoch, unit):
    """What a work unit trains, as (windows, noise words, learning rate); a window is (centre, contexts). All ids."""
    tokens, offsets, window = job["tokens"], job["offsets"], (job["left"], job["right"])
    size, random = job["unit_words"], Random(job["seed"], epoch, unit)

    def kept(positions, limit=None):
        found = []
        for t in positions:
            if limit is not None and len(found) == limit:
                break
            if (random.next() & 0xFFFFFFFF) <= int(job["keep"][tokens[t]]):
                found.append(int(tokens[t]))
        return found

    def noise():
        drawn = []
        for _ in range(job["noise_words"]):
            bits = random.next()
            word = (bits & 0xFFFFFFFF) * len(job["keep"]) >> 32
            entry = job["noise"][word]
            drawn.append(word if bits >> 32 < int(entry["threshold"]) else int(entry["alias"]))
        return drawn

    unit_begin, unit_end = unit * size, min((unit + 1) * size, len(tokens))
    for first, last in pairwise(offsets):
        begin, end = max(first, unit_begin), min(last, unit_end)
        if begin >= end:
            continue
        left = kept(range(begin - 1, max(first, begin - size) - 1, -1), window[0])[::-1]
        words = kept(range(begin, end))
        right = kept(range(end, min(last, end + size)), window[1])
        line = left + words + right
        widths = [1 + random.below(max(window)) if job["shrink_windows"] else max(window) for _ in words]
        rate = job["learning_rate"] + job["learning_rate_per_word"] * begin
        windows = []
        for i, (center, width) in enumerate(zip(words, widths, strict=True)):
            place = len(left) + i
            before, behind = (math.ceil(side * width / max(window)) for side in window)
            contexts = line[max(0, place - before) : place] + line[place + 1 : place + 1 + behind]
            windows += [(center, [context]) for context in contexts] if job["single_pairs"] else [(center, contexts)]
        while windows:
            block = windows[: job["centers"]]
            ids = [center for center, _ in block]
            block = block[: next((n for n, center in enumerate(ids) if center in ids[:n]), None)]
            windows = windows[len(block) :]
            if any(contexts for _, contexts in block):
                yield block, noise(), rate


def rounds(job, epoch):
    """What is trained from the matrices as they are before all of it: single blocks, in order; or those that the lanes
    of a team draw together, each of the unit that it is at."""
    units = -(-len(job["tokens"]) // job["unit_words"])
    if not job.get("round_blocks"):
        yield from ([block] for unit in range(units) for block in blocks(job, epoch, unit))
        return

    def draws(lane):
        for unit in range(lane, units, job["lanes"]):
            drawing = blocks(job, epoch, unit)
            while drawn := list(islice(drawing, job["round_blocks"])):
                yield drawn

    yield from map(chain.from_iterable, zip_longest(*map(draws, range(job["lanes"])), fillvalue=[]))


def train(job, epoch, input_vectors, output_vectors):
    """One epoch over float64 matrices, in place. Returns pairs, their summed J (before each round's update) and the
    dot products that blocks of distinct rows take."""
    trained = np.ones(len(input_vectors)) if job.get("frozen") is None else ~job["frozen"]
    pairs, loss, dot_products, noise_weight = 0, 0.0, 0, job["negative"] / job["noise_words"]
    for drawn in rounds(job, epoch):
        old_inputs, old_outputs = input_vectors.copy(), output_vectors.copy()
        for windows, noise, rate in drawn:
            inputs = {context for _, contexts in windows for context in contexts}
            dot_products += len(inputs) * (len(windows) + len(noise))
            for center, contexts in windows:
                outputs = [center] + [word for word in noise if word != center]
                loss += sum(objective(row, old_outputs[outputs], noise_weight) for row in old_inputs[contexts])
                pairs += len(contexts)
                gradient = gradients(old_inputs[contexts], old_outputs[outputs], noise_weight)
                np.subtract.at(input_vectors, contexts, rate * gradient[0] * trained[contexts, np.newaxis])
                np.subtract.at(output_vectors, outputs, rate * gradient[1])
    return pairs, loss, dot_products
