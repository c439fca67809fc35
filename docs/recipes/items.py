"""Items that go with a basket: vectors of items bought together, trained on baskets in CSR form.

item2vec (Barkan and Koenigstein 2016, arXiv 1603.04259): baskets are sentences, in which the order means nothing.
"""

import argparse

import numpy as np

from both import train_both

THEMES, ITEMS_A_THEME = 60, 25
LARGEST = 12
NEW = 1000


def make_baskets(n, rng):
    """Baskets in CSR form: basket i is ``tokens[offsets[i]:offsets[i + 1]]``, different items in no order.

    Three in four are of one theme. Some themes and items sell ten times as often as others. Items have numbers as
    shops give them: any integers.
    """
    theme_shares, item_shares = (1 / np.linspace(1, 10, count) for count in (THEMES, ITEMS_A_THEME))
    theme_shares, item_shares = theme_shares / theme_shares.sum(), item_shares / item_shares.sum()
    basket = np.repeat(np.arange(n), rng.integers(3, LARGEST + 1, n))
    own_theme = rng.choice(THEMES, n, p=theme_shares)[basket]
    theme = np.where(rng.random(len(basket)) < 0.75, own_theme, rng.choice(THEMES, len(basket), p=theme_shares))
    item = theme * ITEMS_A_THEME + rng.choice(ITEMS_A_THEME, len(basket), p=item_shares)
    basket, item = rng.permutation(np.unique(np.stack([basket, item]), axis=1), axis=1)
    numbers = rng.choice(10**9, THEMES * ITEMS_A_THEME, replace=False)
    return numbers[item[np.argsort(basket, kind="stable")]], np.cumsum([0, *np.bincount(basket, minlength=n)])


def as_lists(corpus):
    tokens, offsets = corpus
    return [part.tolist() for part in np.split(tokens, offsets[1:-1])]


def similar(vectors, items):
    """Ten items near the mean of these, of which some may be too new to have a vector."""
    known = [item for item in items if item in vectors]
    return [item for item, _ in vectors.most_similar(known, topn=10)] if known else []


def popular(vectors, items):
    """The ten most frequent items that are not among these."""
    return [item for item in vectors.index_to_key[: LARGEST + 10] if item not in items][:10]


def recall(recommend, vectors, baskets):
    """The share of baskets whose last item is among ten that are recommended for the others."""
    return float(np.mean([basket[-1] in recommend(vectors, basket[:-1]) for basket in baskets]))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"baskets": 40_000, "epochs": 10, "dimensions": 32, "seeds": 3, "workers": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    options = parser.parse_args(arguments)
    recalls = {}
    for seed in range(options.seeds):
        tokens, offsets = make_baskets(options.baskets, np.random.default_rng(seed))
        old = tokens[: offsets[-NEW - 1]], offsets[:-NEW]
        new = as_lists((tokens, offsets))[-NEW:]
        # The window holds the whole basket, whatever the place of an item in it.
        trained = train_both(
            old, as_lists, vector_size=options.dimensions, window=LARGEST, shrink_windows=False, min_count=1, sample=0,
            epochs=options.epochs, workers=options.workers, seed=seed,
        )  # fmt: skip
        found = {"popularity": recall(popular, trained["fastsgns"][0].wv, new)}
        print(f"seed {seed}, popularity: recall {found['popularity']:.3f}")
        for library, (model, seconds) in trained.items():
            found[library] = recall(similar, model.wv, new)
            print(f"seed {seed}, {library}: recall {found[library]:.3f}, {seconds:.2f} s")
        for name, value in found.items():
            recalls.setdefault(name, []).append(value)
    for name, values in recalls.items():
        print(f"mean of {len(values)} seeds, {name}: recall {np.mean(values):.3f}")
    return recalls


if __name__ == "__main__":
    main()
