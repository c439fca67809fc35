"""A corpus with known clusters and analogies, made from a seed: what a model trained on it must find."""

import numpy as np

TOPICS, WORDS_A_TOPIC = 12, 15
COUNTRIES = 12


def topic_word(topic, i):
    return f"topic{topic}_{i}"


def corpus(n_sentences=6000, seed=0):
    """Sentences of one topic each, and sentences that tie country and role as king, queen, man, woman are tied.

    Each word of the grid ``{role}_{country}`` occurs beside words of its role and beside words of its country.
    """
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(n_sentences):
        topic = rng.integers(TOPICS)
        sentences.append([topic_word(topic, i) for i in rng.integers(WORDS_A_TOPIC, size=12)])
        role, country = ("capital", "river")[rng.integers(2)], rng.integers(COUNTRIES)
        words = [f"{role}_{country}"]
        words += [f"of_{role}_{i}" for i in rng.integers(4, size=3)]
        words += [f"in_{country}_{i}" for i in rng.integers(4, size=3)]
        rng.shuffle(words)
        sentences.append(words)
    return sentences


def analogies():
    """Questions a : b :: c : d of the grid."""
    return [
        (f"capital_{i}", f"river_{i}", f"capital_{j}", f"river_{j}")
        for i in range(COUNTRIES)
        for j in range(COUNTRIES)
        if i != j
    ]
