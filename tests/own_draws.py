"""Features of one's own that several tests train on: draws of the model, and a table."""

import functools
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from pitfalls.sims import draw
from pitfalls.studies.own import own_features, prediction, train_own
from pitfalls.theory import Setting

SETTING = Setting(80, 60, 0.8, 2.0, 0.3, 0.2, 0.2)
THREE = ["erm", "reweighting", "logit-shifting"]
COUNTS = {("a", "in"): 40, ("a", "out"): 9, ("b", "in"): 6, ("b", "out"): 25}
SPLIT = [word for count in COUNTS.values() for word in ["train"] * (count - 3) + ["test"] * 3]


@contextmanager
def few_sites():
    """P12 on fewer sites: what a prediction is worth is tested where P12 is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "_SETS", 1)
        patch.setattr(prediction, "_SITES", 128)
        patch.setattr(prediction, "_NARROW_SITES", 128)
        yield


def of_a_draw(setting=SETTING, seed=1, test=200, **options):
    """A draw of the model and test examples, handed in as features of one's own."""
    sample = draw(setting, seed, kind="explicit")
    own = own_features(sample.features, sample.labels, groups=sample.groups)
    if not test:
        return sample, own
    new = draw(replace(setting, n=test, rho=0.5), seed + 1000, kind="explicit")
    roles = {"test_features": new.features, "test_labels": new.labels, "test_groups": new.groups}
    return sample, own_features(
        sample.features, sample.labels, groups=sample.groups, **roles, **options
    )


def table(seed=0, width=90, shift=3.0, noise=0.3):
    """Features, labels and attributes in four parts of different sizes, away from the origin."""
    rng = np.random.default_rng(seed)
    y, a = (np.repeat([pair[k] for pair in COUNTS], list(COUNTS.values())) for k in (0, 1))
    x = noise * rng.standard_normal((len(y), width)) + shift
    x[:, 1] += np.where(y == "b", 1.0, -1.0)
    x[:, 2] += np.where(a == "out", 2.0, -2.0)
    return x, y, a


@functools.cache
def on_four_parts():
    """Two methods on four parts, with a test set."""
    x, y, a = table()
    own = own_features(x, y, attributes=a, split=SPLIT)
    return train_own(own, ["erm", "logit-shifting"], latest=100.0, points=4)


def noisy_table():
    """The same where labels are flipped, which nothing separates."""
    rng = np.random.default_rng(3)
    x, y, a = table(width=9, noise=1.0)
    flipped = rng.random(len(y)) < 0.15
    return x, np.where(flipped, np.where(y == "a", "b", "a"), y), a
