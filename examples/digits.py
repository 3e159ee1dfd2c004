"""Handwritten digits with a planted stripe, as a file for `pitfalls train --features`.

The task is odd against even, from scikit-learn's 8 × 8 pictures, which need no download. A stripe
is planted on the left edge, where there is no ink: on nine in ten of the odd digits and on one in
ten of the even ones. Every example has noise features besides, by which it can be memorised. Test
pictures are there twice, once with the stripe and once without, so that each of the four groups has
hundreds of them.

    python digits.py && pitfalls train --features digits.npz
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from numpy.typing import NDArray

TRAIN = 900
RHO = 0.9
STRIPE = 0.5
NOISE = 0.3
EDGE = np.arange(0, 64, 8)


def digits(seed: int = 0, noise_features: int = 1000) -> dict[str, NDArray]:
    """Features, labels, attributes and split, the same for the same seed.

    Parameters
    ----------
    seed : int
    noise_features : int
        How many each example has, of standard deviation 0.3; a pixel is between 0 and 1.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("digits.py: needs scikit-learn: pip install 'pitfalls[bench]', or scikit-learn.")
    rng = np.random.default_rng(seed)
    pictures, classes = load_digits(return_X_y=True)
    order = rng.permutation(len(classes))
    train, test = order[:TRAIN], order[TRAIN:]
    rows = np.concatenate((train, test, test))
    odd = classes[rows] % 2 == 1
    # In training the stripe says "odd" of a share RHO; in the test set of the first copy only.
    agrees = np.concatenate(
        (
            rng.permutation(TRAIN) < round(RHO * TRAIN),
            np.ones(len(test), dtype=bool),
            np.zeros(len(test), dtype=bool),
        )
    )
    striped = odd == agrees
    pixels = pictures[rows] / 16
    pixels[:, EDGE] += STRIPE * striped[:, None]
    noise = NOISE * rng.standard_normal((len(rows), noise_features))
    return {
        "features": np.hstack((pixels, noise)).astype(np.float32),
        "labels": np.where(odd, "odd", "even"),
        "attributes": np.where(striped, "striped", "plain"),
        "split": np.repeat(("train", "test"), (TRAIN, 2 * len(test))),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write digits with a planted stripe.")
    parser.add_argument("--out", default="digits.npz", help="the file (default digits.npz)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--noise-features", type=int, default=1000, help="default 1000")
    options = parser.parse_args()
    np.savez(options.out, **digits(options.seed, options.noise_features))
    print(options.out)
