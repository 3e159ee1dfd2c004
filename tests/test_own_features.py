"""Features of one's own: three kinds of files, pairing, division, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_files import SPLIT, SUFFIXES, A, G, X, Y, save
from pitfalls.studies.own import own_features, read_features
from pitfalls.theory import PitfallsError


def same(one, other):
    """Whether two have the same tables and names, bit by bit."""
    if (one.class_names, one.part_names) != (other.class_names, other.part_names):
        return False
    for a, b in ((one.train, other.train), (one.test, other.test)):
        if (a is None) != (b is None):
            return False
        for name in ("features", "labels", "groups", "parts") if a is not None else ():
            first, second = getattr(a, name), getattr(b, name)
            if (first is None) != (second is None):
                return False
            if first is not None and (
                first.dtype != second.dtype or not np.array_equal(first, second)
            ):
                return False
    return True


# Round trips.


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "roles",
    [
        {"labels": Y},
        {"labels": [0, 0, 1, 1, 0, 1], "groups": G},
        {"labels": [-1.0, -1.0, 1.0, 1.0, -1.0, 1.0], "attributes": A},
        {"labels": [True, True, False, False, True, False], "attributes": [9, 9, 10, 10, 10, 9]},
        {"labels": Y, "attributes": A, "split": [0, 0, 0, 2, 0, 1]},
        {"labels": Y, "groups": ["majority"] * 4 + ["Minority"] * 2},
    ],
)
def test_three_kinds_of_files_hold_the_same(suffix, roles, tmp_path):
    path = save(tmp_path / f"birds.{suffix}", **roles)
    read = read_features(path)
    assert read.source == path.name
    assert same(read, own_features(X, **roles))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_come_back_bit_by_bit(suffix, tmp_path):
    x = np.random.default_rng(0).standard_normal((50, 7)) * 10.0 ** np.arange(-30, 40, 10)
    path = save(tmp_path / f"a.{suffix}", x, labels=np.arange(50) % 2)
    assert np.array_equal(read_features(str(path)).train.features, x)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_options_reach_the_tables_of_a_file(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", species=Y, place=A, labels=[9] * 6)
    named = {"label": "species", "attribute": "place", "ignore": "labels"}
    read = read_features(path, **named, positive="land", holdout=0.4, seed=5)
    assert same(read, own_features(X, Y, attributes=A, positive="land", holdout=0.4, seed=5))
    assert read.test is not None


def test_an_archive_may_have_a_test_set(tmp_path):
    roles = {"attributes": A, "test_features": X[::2], "test_labels": Y[::2]}
    roles["test_attributes"] = A[::2]
    read = read_features(save(tmp_path / "a.npz", labels=Y, **roles))
    assert same(read, own_features(X, Y, **roles))
    assert np.array_equal(read.test.groups, [1, 1, 0])
    renamed = {"y": Y, "test_y": Y[::2], "test_features": X[::2]}
    assert same(
        read_features(save(tmp_path / "b.npz", **renamed), label="y"),
        own_features(X, Y, test_features=X[::2], test_labels=Y[::2]),
    )


def test_a_csv_file_as_others_write_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'\xef\xbb\xbfid,"x, first",x2,label\r\n"a\nb",1, 2 ,"big cat"\r\n\r\nc,"3",4e0,dog\r\n'
    )
    read = read_features(path, ignore=["id"])
    assert read.train.features.tolist() == [[1, 2], [3, 4]]
    assert read.class_names == ("big cat", "dog")
    path.write_text("PAR1,PAR2,label\n1,2,0\n3,4,1\n")
    assert len(read_features(path).train.labels) == 2


def test_words_of_other_types_in_an_archive(tmp_path):
    path = save(tmp_path / "a.npz", labels=np.array(Y, dtype="S"))
    assert same(read_features(path), own_features(X, Y))


def test_categories_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {"x": X[:, 0].astype(np.float32), "z": [1, 2, 3, 4, 5, 6]}
    table["label"] = pa.array(Y).dictionary_encode()
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    read = read_features(tmp_path / "a.parquet")
    assert read.class_names == ("land", "water")
    assert read.train.features[:, 1].tolist() == [1, 2, 3, 4, 5, 6]


# Classes, pairing, division.


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([-1, 1], ("-1", "1")),
        ([0.0, 1.0], ("0", "1")),
        ([False, True], ("False", "True")),
        (["9", "10"], ("9", "10")),
        (["+1", "-1"], ("-1", "1")),
        (["cat", "Cat"], ("Cat", "cat")),
        (["1", "b"], ("1", "b")),
        (np.array(["b", "a"], dtype=object), ("a", "b")),
    ],
)
def test_labels_of_any_kind_in_sorted_order(labels, names):
    own = own_features(X[:2], labels)
    assert own.class_names == names
    assert sorted(own.train.labels) == [-1, 1]
    assert (
        own_features(X[:2], labels[::-1]).train.labels.tolist() == own.train.labels.tolist()[::-1]
    )


def test_one_class_may_be_told_from_the_rest():
    labels = ["cat", "dog", "cow", "cow", "cat", "dog"]
    own = own_features(X, labels, positive="cow")
    assert own.class_names == ("not cow", "cow")
    assert own.train.labels.tolist() == [-1, -1, 1, 1, -1, -1]
    own = own_features(X, Y, positive="land", attributes=A)
    assert own.class_names == ("water", "land")
    assert own.train.labels.tolist() == [1, 1, -1, -1, 1, -1]
    assert np.array_equal(own.train.parts, own_features(X, Y, attributes=A).train.parts)
    assert own_features(X, [1, 0, 1, 0, 1, 0], positive="0").train.labels[0] == -1


@st.composite
def biased(draw):
    """Labels and attributes with all four pairs, or with three of them."""
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    pairs.remove(draw(st.sampled_from(pairs))) if draw(st.booleans()) else None
    more = draw(st.lists(st.sampled_from(pairs), max_size=30))
    return draw(st.permutations(pairs + more))


@given(biased(), st.booleans())
def test_the_majority_is_the_pairing_that_most_examples_have(pairs, swapped):
    y, a = np.array(pairs).T
    words = np.array(["in", "out"])[a ^ swapped]
    own = own_features(np.random.default_rng(0).random((len(y), 3)), y, attributes=words)
    groups, parts = own.train.groups, own.train.parts
    agree = y == (words == "out")
    assert np.array_equal(groups == 1, agree if 2 * agree.sum() >= len(y) else ~agree)
    for part, name in enumerate(own.part_names):
        members = parts == part
        assert members.any()
        label, attribute = y[members][0], words[members][0]
        assert name == f"label={label}, attribute={attribute}"
        assert np.array_equal(members, (y == label) & (words == attribute))
    other = own_features(np.eye(len(y), 3), y, attributes=words, positive=0).train
    assert np.array_equal(other.groups, groups)
    assert np.array_equal(other.labels, -own.train.labels)


@given(biased(), st.integers(0, 3))
def test_the_test_set_has_the_pairing_of_training(pairs, rotation):
    y, a = np.array(pairs).T
    kept = np.arange(len(y)) % 4 != rotation
    split = np.where(kept, "train", "test")
    pairs_of = [{*zip(y[rows], a[rows], strict=True)} for rows in (kept, ~kept)]
    x = np.arange(2.0 * len(y)).reshape(-1, 2)
    agree = (y == a)[kept]
    one_group = len({*agree.tolist()}) < 2
    if not pairs_of[1] <= pairs_of[0] or len({*y[kept]}) < 2 or one_group or kept.all():
        with pytest.raises(PitfallsError):
            own_features(x, y, attributes=a, split=split)
        return
    own = own_features(x, y, attributes=a, split=split)
    alone = own_features(x[kept], y[kept], attributes=a[kept])
    assert np.array_equal(own.train.groups, alone.train.groups)
    straight = 2 * agree.sum() >= len(agree)
    assert np.array_equal(own.test.groups, ((y == a) == straight)[~kept])


def test_groups_may_be_known_of_the_test_set_alone():
    own = own_features(X, Y, test_features=X[::-1], test_labels=Y[::-1], test_attributes=A[::-1])
    assert own.train.groups is None
    assert own.train.parts is None
    assert own.test.groups.tolist() == G[::-1]
    assert len(own.part_names) == 4
    known = [None, None, None, "sea", None, "forest"]
    own = own_features(X, Y, attributes=known, split=[*SPLIT[:5], "test"])
    assert own.train.groups is None
    assert own.test.groups.tolist() == own.test.parts.tolist() == [1, 0]
    known = [None, None, None, 0, None, "of validation"]
    assert own_features(X, Y, groups=known, split=SPLIT).test.groups.tolist() == [0]


def test_groups_may_be_known_in_training_alone():
    own = own_features(X, Y, groups=G, test_features=X, test_labels=Y)
    assert own.train.parts.tolist() == [0, 0, 0, 0, 1, 1]
    assert own.part_names == ("majority", "minority")
    assert own.test.groups is None


@pytest.mark.parametrize(
    "split",
    [
        ["train", "TEST", " Train", "valid", "Val", "validation"],
        [0, 2, 0, 1, 1, 1],
        ["0", "2", "0", "1", "1", "1"],
        np.array([0.0, 2.0, 0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_split_leaves_validation_out(split):
    labels = ["a", "b", "b", "c", None, 7]
    own = own_features(X, labels, split=split)
    assert own.train.features.tolist() == X[[0, 2]].tolist()
    assert own.test.labels.tolist() == [1]


@given(
    st.lists(st.integers(1, 12), min_size=4, max_size=4), st.floats(0.01, 0.99), st.integers(0, 9)
)
def test_holdout_takes_its_share_of_every_part(counts, share, seed):
    y, a = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], counts, axis=0).T
    x = np.arange(2.0 * len(y)).reshape(-1, 2)
    if max(counts) == 1:
        with pytest.raises(PitfallsError, match="nothing to hold out"):
            own_features(x, y, attributes=a, holdout=share, seed=seed)
        return
    own = own_features(x, y, attributes=a, holdout=share, seed=seed)
    rows = np.concatenate((own.train.features, own.test.features))
    assert sorted(rows[:, 0]) == x[:, 0].tolist()
    for part, count in enumerate(counts):
        held = int((own.test.parts == part).sum())
        assert abs(held - share * count) <= 1
        assert count == 1 or 1 <= held < count
        assert (own.train.parts == part).sum() == count - held
    again = own_features(x, y, attributes=a, holdout=share, seed=seed)
    assert same(own, again)


def test_tables_are_copies():
    x = X.copy()
    own = own_features(x, Y)
    x[:] = 0
    assert np.array_equal(own.train.features, X)
    assert own.train.features.dtype == own.train.labels.dtype == np.float64
    assert own_features(X.tolist() * 2, Y * 2, groups=G * 2).train.groups.dtype == np.int64


def test_twenty_thousand_lines_are_read_within_seconds(tmp_path, time_limit):
    x = np.random.default_rng(0).standard_normal((20_000, 40))
    path = tmp_path / "a.csv"
    header = ",".join([*(f"x{i}" for i in range(40)), "label"])
    np.savetxt(path, np.c_[x, np.arange(20_000) % 2], "%.6g", ",", header=header, comments="")
    with time_limit(20):
        assert read_features(path).train.features.shape == (20_000, 40)
