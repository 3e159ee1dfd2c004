"""Features of one's own: three kinds of files, pairing, division, and what is refused."""

import io
import os
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.studies.own import own_features, read_features
from pitfalls.theory import PitfallsError, ResourceError

SUFFIXES = ("npz", "csv", "parquet")
X = np.array([[1.5, -2.0], [0.25, 3.0], [-1.0, 0.125], [2.0, 2.0], [1e-7, 4.0], [-3.0, 1.0]])
Y = ["land", "land", "water", "water", "land", "water"]
A = ["forest", "forest", "sea", "sea", "sea", "forest"]
G = [1, 1, 1, 1, 0, 0]
SPLIT = ["train", "train", "train", "test", "train", "val"]


def save(path, features=X, columns=None, names=None, **roles):
    """One table in any of the three kinds of files."""
    suffix = path.suffix
    if suffix == ".npz":
        np.savez(path, features=features, **roles)
        return path
    names = names or [f"x{i}" for i in range(np.shape(features)[1])]
    table = dict(zip(names, np.transpose(features).tolist(), strict=True))
    table |= {name: list(values) for name, values in (roles | (columns or {})).items()}
    if suffix == ".csv":
        rows = [list(table), *map(list, zip(*table.values(), strict=True))]
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table(table), path)
    return path


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


# What is refused.


def arrays(*arguments, **options):
    """A bad call with arrays: X, Y unless given."""
    features, labels = (*arguments, X, Y)[:2] if len(arguments) != 1 else (arguments[0], Y)
    return lambda tmp_path: lambda: own_features(features, labels, **options)


def file(name, content=None, options=None, **roles):
    """A bad file: its text or bytes, or the table in it."""

    def make(tmp_path):
        path = tmp_path / name
        if isinstance(content, (str, bytes)):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        elif content is not None:
            content(path)
        else:
            save(path, **roles)
        return lambda: read_features(path, **(options or {}))

    return make


def changed(row, column, value, dtype=float):
    x = X.astype(dtype)
    x[row, column] = value
    return x


def cut(path):
    save(path.with_suffix(".npz"), features=np.ones((50, 50)), labels=[0, 1] * 25)
    whole = path.with_suffix(".npz").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def flipped(path):
    """An archive with a byte of its data turned: its checksum is wrong."""
    save(path, features=np.ones((50, 50)), labels=[0, 1] * 25)
    content = bytearray(path.read_bytes())
    content[5000] ^= 0xFF
    path.write_bytes(content)


def cut_parquet(path):
    save(path, labels=Y)
    path.write_bytes(path.read_bytes()[:-20])


def twice(path):
    """An archive in which a key occurs twice."""
    save(path, labels=Y)
    other = io.BytesIO()
    np.save(other, X)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("features.npy", other.getvalue())


def parquet_of(**columns):
    def write(path):
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({name: pa.array(c) for name, c in columns.items()}), path)

    return write


def folder(path):
    path.mkdir()


def unreadable(path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    save(path, labels=Y)
    path.chmod(0)


def without_pyarrow(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1\x15\x04PAR1")

    def call():
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "pyarrow", None)
            read_features(path)

    return call


def missing(tmp_path):
    return lambda: read_features(tmp_path / "nowhere.csv")


GOOD = "x1,x2,label\n1,2,a\n3,4,b\n"
OBJECTS = np.array(["land", 3, None, "x", "y", "z"], dtype=object)

BAD_INPUTS = [
    # Features.
    ("features-vector", arrays(X[0]), "features = (2,) … shape (n, p) … One row per example"),
    ("features-cube", arrays(X[None]), "features = (1, 6, 2) … reshape(len(features), -1)"),
    ("features-ragged", arrays([[1, 2], [3]]), "features = [[1, 2], [3]] … not of one length"),
    ("features-words", arrays([["a", "b"]] * 6), "features = '<U1 array' … astype(float)"),
    (
        "features-objects",
        arrays(X.astype(object)),
        "features = 'object array' … If all these objects are numbers",
    ),
    ("features-complex", arrays(X + 1j), "features = 'complex128 array' … real part"),
    ("features-booleans", arrays(X > 0), "features = 'bool array' … Make 0 and 1"),
    ("features-dates", arrays(X.astype("M8[s]")), "features = 'datetime64[s] array'"),
    ("features-none", arrays(None), "features = 'NoneType' … toarray()"),
    (
        "features-masked",
        arrays(np.ma.masked_greater(X, 3)),
        "features = 'masked array' … fill them in",
    ),
    ("features-nan", arrays(changed(2, 1, np.nan)), "features = nan … finite … Row 2, column 1"),
    ("features-inf", arrays(changed(0, 0, -np.inf)), "features = -inf … finite … Row 0, column 0"),
    ("features-huge", arrays(changed(5, 1, 1e151)), "features = 1e+151 … 1e+150 … rescale"),
    (
        "features-long-double",
        arrays(changed(5, 1, np.longdouble("1e400"), np.longdouble)),
        "features = inf … Row 5, column 1",
    ),
    (
        "features-one-column",
        arrays(X[:, :1]),
        "features = (6, 1) … p ≥ 2 … Of features there is 1: add",
    ),
    (
        "features-one-row",
        arrays(X[:1], [1]),
        "features = (1, 2) … n ≥ 2 … Of examples there is 1: add",
    ),
    (
        "features-empty",
        arrays(np.empty((0, 2)), []),
        "features = (0, 2) … Of examples there are 0: add",
    ),
    (
        "features-zero",
        arrays(np.zeros((6, 2))),
        "features = [0.0, 0.0] … All features are constant",
    ),
    (
        "features-constant",
        arrays(X[[1] * 6]),
        "features = [0.25, 3.0] … see how they were computed",
    ),
    # Labels.
    ("labels-length", arrays(X, Y[:4]), "labels = (4,) … shape (6,) … each of the 6 rows"),
    ("labels-matrix", arrays(X, np.eye(6)), "labels = (6, 6) … shape (6,)"),
    ("labels-one-class", arrays(X, ["a"] * 6), "labels = ['a'] … two different … one class"),
    (
        "labels-nan",
        arrays(X, [0, 1, np.nan, 0, 1, 1]),
        "labels = 'missing' … every example … Row 2",
    ),
    ("labels-empty-text", arrays(X, ["a", "b", "a", " ", "b", "b"]), "labels = 'missing' … Row 3"),
    ("labels-none", arrays(X, [None] * 6), "labels = 'all missing' … known"),
    ("labels-continuous", arrays(X, X[:, 0]), "labels = 1.5 … Row 0 … no integer"),
    (
        "labels-infinite",
        arrays(X, [1, np.inf, 0, 1, 0, 1]),
        "labels = inf … Row 1 (counted from 0) is infinite",
    ),
    ("labels-lists", arrays(X, [[1], [2], [1], [2], [1], [2]]), "labels = (6, 1) … shape (6,)"),
    (
        "labels-dates",
        arrays(X, np.arange(6).astype("M8[s]")),
        "labels = … Row 0 … is of type datetime",
    ),
    (
        "labels-three",
        arrays(X, [0, 1, 2, 0, 1, 2]),
        "labels = ['0', '1', '2'] … not 3 … --positive",
    ),
    (
        "labels-one-class-in-training",
        arrays(X, [0, 0, 0, 1, 0, 1], split=SPLIT),
        "labels = ['0'] … both classes among the training … Of '1' there is none",
    ),
    ("positive-unknown", arrays(X, Y, positive="sea"), "positive = 'sea' … ['land', 'water']"),
    ("positive-list", arrays(X, Y, positive=["land"]), "positive = ['land'] … one of the labels"),
    # Attributes and groups.
    ("attributes-length", arrays(attributes=A[:5]), "attributes = (5,) … shape (6,)"),
    ("attributes-one", arrays(attributes=["a"] * 6), "attributes = ['a'] … leave attributes out"),
    ("attributes-three", arrays(attributes=list("abcabc")), "attributes = ['a', 'b', 'c'] … Merge"),
    ("attributes-missing", arrays(attributes=[*A[:5], None]), "attributes = 'missing' … Row 5"),
    ("attributes-all-missing", arrays(attributes=[None] * 6), "attributes = 'all missing'"),
    (
        "attributes-one-group",
        arrays(attributes=["s" if y == "water" else "f" for y in Y]),
        "attributes = 'only majority' … both groups … For ERM and MAT alone, leave attributes out",
    ),
    (
        "attributes-pair-in-test-only",
        arrays(attributes=[*A[:3], "forest", *A[4:]], split=SPLIT),
        "attributes = 'label=water, attribute=forest' … occurs in training … Row 3 … leave it out",
    ),
    ("groups-three", arrays(groups=[0, 1, 2, 0, 1, 2]), "groups = ['0', '1', '2'] … --attribute"),
    (
        "groups-words",
        arrays(groups=list("ababab")),
        "groups = ['a', 'b'] … 0 or minority … --attribute",
    ),
    ("groups-one", arrays(groups=[1] * 6), "groups = 'only majority' … leave groups out"),
    ("groups-minority-only", arrays(groups=[0] * 6), "groups = 'only minority' … both groups"),
    ("groups-one-in-training", arrays(groups=[1, 1, 1, 0, 1, 0], split=SPLIT), "groups = 'only ma"),
    (
        "attributes-and-groups",
        arrays(attributes=A, groups=G),
        "groups = 'given together with attributes' … Either leave groups out, or leave attributes",
    ),
    # Division.
    ("split-word", arrays(split=[*SPLIT[:5], "dev"]), "split = 'dev' … train, test … Row 5"),
    ("split-length", arrays(split=SPLIT[1:]), "split = (5,) … shape (6,)"),
    ("split-missing", arrays(split=[*SPLIT[:5], ""]), "split = 'missing' … Row 5"),
    ("split-no-test", arrays(split=["train"] * 6), "split = ['train'] … marked test: leave split"),
    (
        "split-no-train",
        arrays(split=["test"] * 6),
        "split = ['test'] … No row is marked train: mark some",
    ),
    ("split-zero-one", arrays(split=G), "split = ['0', '1'] … Without a 2 … write train and test"),
    ("split-three", arrays(split=[0, 1, 2, 3, 0, 0]), "split = '3' … Row 3"),
    (
        "split-and-holdout",
        arrays(split=SPLIT, holdout=0.5),
        "split = 'given together with holdout'",
    ),
    ("holdout-zero", arrays(holdout=0), "holdout = 0: must be a number in (0, 1)"),
    ("holdout-one", arrays(holdout=1.0), "holdout = 1.0: must be a number in (0, 1)"),
    ("holdout-nan", arrays(holdout=np.nan), "holdout = nan: must be a number in (0, 1)"),
    ("holdout-text", arrays(holdout="0.5"), "holdout = '0.5': must be a number in (0, 1)"),
    ("holdout-of-two", arrays(X[:2], [0, 1], holdout=0.5), "holdout = 0.5 … nothing to hold out"),
    ("seed-negative", arrays(holdout=0.5, seed=-1), "seed = -1: must be an integer ≥ 0"),
    (
        "test-and-holdout",
        arrays(holdout=0.5, test_features=X, test_labels=Y),
        "test_features = 'given together with holdout' … Either leave test_features out",
    ),
    (
        "test-width",
        arrays(test_features=np.ones((2, 3)), test_labels=Y[:2]),
        "test_features = (2, 3) … 2 columns … same features",
    ),
    ("test-without-labels", arrays(test_features=X), "test_features = 'without test_labels'"),
    ("test-without-features", arrays(test_labels=Y), "test_labels = 'without test_features'"),
    (
        "test-nan",
        arrays(test_features=np.full((6, 2), np.nan), test_labels=Y),
        "test_features = nan",
    ),
    (
        "test-labels-length",
        arrays(test_features=X, test_labels=Y[:2]),
        "test_labels = (2,) … shape (6,)",
    ),
    (
        "test-label-missing",
        arrays(test_features=X, test_labels=[*Y[:5], None]),
        "test_labels = 'missing' … Row 5",
    ),
    (
        "test-label-unknown",
        arrays(test_features=X, test_labels=["fire", *Y[1:]]),
        "labels = ['fire', 'land', 'water'] … two different values, not 3",
    ),
    (
        "test-groups-of-attributes",
        arrays(attributes=A, test_features=X, test_labels=Y, test_groups=G),
        "test_groups = 'given together with attributes'",
    ),
    # Files.
    ("file-missing", missing, "No such file or directory … nowhere.csv"),
    ("file-folder", file("a.csv", folder), "Is a directory … a.csv"),
    ("file-unreadable", file("a.csv", unreadable), "Permission denied … a.csv"),
    ("file-no-path", lambda tmp_path: lambda: read_features(3), "path = 3: must be a file's name"),
    ("file-suffix", file("a.txt", GOOD), "a.txt = '.txt': must be an .npz, .csv or .parquet"),
    ("file-npy", file("a.npy", b"\x93NUMPY"), "a.npy = '.npy' … np.savez('a.npz', features="),
    ("file-empty", file("a.npz", b""), "a.npz = '0 bytes' … The file is empty"),
    ("file-text-as-npz", file("a.npz", GOOD), "a.npz = '.npz' … it is text"),
    ("file-npz-as-csv", file("a.csv", cut), "a.csv = '.csv' … a zip archive"),
    ("file-csv-as-parquet", file("a.parquet", GOOD), "a.parquet = '.parquet' … it is text"),
    ("file-gzip-as-csv", file("a.csv", b"\x1f\x8b\x08"), "a.csv = '.csv' … gzip. Unpack it first"),
    # NPZ.
    ("npz-truncated", file("a.npz", cut), "a.npz = 'damaged' … zip … Write it again"),
    ("npz-flipped", file("a.npz", flipped), "a.npz = 'damaged' … CRC"),
    ("npz-pickled", file("a.npz", labels=OBJECTS), "a.npz, key 'labels' = 'pickled objects'"),
    (
        "npz-no-labels",
        file("a.npz", y=Y),
        "a.npz, labels = None … --label … It has 'y'",
    ),
    (
        "npz-no-features",
        file("a.npz", lambda path: np.savez(path, x=X)),
        "a.npz, features = None … the key 'features' … 'x'",
    ),
    ("npz-spare", file("a.npz", labels=Y, ids=Y), "a.npz, key = 'ids' … would not be read"),
    ("npz-twice", file("a.npz", twice), "a.npz, keys = 'features' … 1 and 3"),
    (
        "npz-nan",
        file("a.npz", features=changed(1, 1, np.nan), labels=Y),
        "a.npz, key 'features' = nan",
    ),
    (
        "npz-unknown-key",
        file("a.npz", options={"label": "lables"}, labels=Y),
        "label = 'lables': must be a key of a.npz. Did you mean 'labels'?",
    ),
    (
        "npz-test-width",
        file("a.npz", labels=Y, test_features=np.eye(6), test_labels=Y),
        "a.npz, key 't",
    ),
    # CSV.
    ("csv-header-only", file("a.csv", "x,z,label\n"), "a.csv = 'a header only' … Add examples"),
    ("csv-blank", file("a.csv", "\n\n"), "a.csv = 'no line' … empty"),
    ("csv-ragged", file("a.csv", GOOD + "1,2\n"), "a.csv, line 4 = '2 cells' … 3 cells"),
    ("csv-word", file("a.csv", GOOD + "1,x,b\n"), "a.csv, line 4, column 'x2' = 'x' … --ignore x2"),
    ("csv-underscore", file("a.csv", GOOD + "1,1_0,b\n"), "a.csv, line 4, column 'x2' = '1_0'"),
    ("csv-empty-cell", file("a.csv", GOOD + ",1,b\n"), "a.csv, line 4, column 'x1' = '' … Fill in"),
    ("csv-nan", file("a.csv", GOOD + "\n1,nan,b\n"), "a.csv, column 'x2' = nan … Line 5"),
    (
        "csv-label-missing",
        file("a.csv", GOOD + "1,2,\n"),
        "a.csv, column 'label' = 'missing' … Line 4 has none",
    ),
    ("csv-duplicated", file("a.csv", "x,x,label\n"), "a.csv, columns = 'x' … columns 1 and 2"),
    ("csv-semicolons", file("a.csv", GOOD.replace(",", ";")), "a.csv, header … by commas"),
    ("csv-no-header", file("a.csv", "1,2,0\n3,4,1\n"), "a.csv, header = '1' … Name the columns"),
    ("csv-quote", file("a.csv", GOOD + '1,2,"b\n'), "a.csv, line 4 = 'unreadable' … quoted cell"),
    ("csv-latin", file("a.csv", GOOD.encode() + b"1,2,\xe9\n"), "a.csv, line 4 = b'\\xe9' … UTF-8"),
    ("csv-nul", file("a.csv", GOOD + "1,\0,b\n"), "a.csv, line 4, column 'x2' = '\\x00'"),
    ("csv-one-feature", file("a.csv", "x,label\n1,0\n"), "a.csv, features = ['x'] … two columns"),
    ("csv-no-label", file("a.csv", "x,z,y\n"), "a.csv, labels = None … --label … 'x', 'z', 'y'"),
    ("csv-index", file("a.csv", ",x,z,label\n0,1,2,a\n"), "a.csv, column = '' … --ignore ''"),
    (
        "csv-label-among-features",
        file("a.csv", "x,z,label,y\n", {"label": "y"}),
        "a.csv, column = 'label' … ignore it (--ignore label), or rename it",
    ),
    (
        "csv-unknown-column",
        file("a.csv", GOOD, {"label": "lable"}),
        "label = 'lable': must be a column of a.csv. Did you mean 'label'? It has 'x1', 'x2'",
    ),
    (
        "csv-unknown-ignore",
        file("a.csv", GOOD, {"ignore": ["id"]}),
        "ignore = 'id' … column of a.csv",
    ),
    (
        "csv-label-ignored",
        file("a.csv", GOOD, {"label": "label", "ignore": ["label"]}),
        "label = 'label' … It is to be ignored",
    ),
    (
        "csv-one-column-two-roles",
        file("a.csv", GOOD, {"label": "label", "group": "label"}),
        "group = 'label' … It is the label already",
    ),
    (
        "csv-attribute-and-group",
        file("a.csv", labels=Y, attribute=A, group=G),
        "a.csv, column 'group' = … Either ignore the column 'group' (--ignore group), or ignore",
    ),
    (
        "csv-split-and-holdout",
        file("a.csv", None, {"holdout": 0.5}, labels=Y, split=SPLIT),
        "a.csv, column 'split' = 'given together with holdout' … --ignore split",
    ),
    # Parquet.
    (
        "parquet-truncated",
        file("a.parquet", cut_parquet),
        "a.parquet = 'damaged' … The reader says",
    ),
    (
        "parquet-words",
        file("a.parquet", parquet_of(x=["a"], z=[1.0], label=[1])),
        "a.parquet, column 'x' of string, row 0 = 'a' … --ignore x",
    ),
    (
        "parquet-null",
        file("a.parquet", parquet_of(x=[1, None], z=[1.0, 2.0], label=[1, 0])),
        "a.parquet, column 'x', row 1, counted from 0 = None",
    ),
    (
        "parquet-infinite",
        file("a.parquet", parquet_of(x=[1.0, np.inf], z=[1.0, 2.0], label=[1, 0])),
        "a.parquet, column 'x' = inf … Row 1",
    ),
    (
        "parquet-no-rows",
        file("a.parquet", parquet_of(x=np.empty(0), z=np.empty(0), label=np.empty(0))),
        "a.parquet, features = (0, 2)",
    ),
    (
        "parquet-index",
        file("a.parquet", parquet_of(x=[1.0], z=[2.0], label=[0], __index_level_0__=[3])),
        "a.parquet, column = '__index_level_0__'",
    ),
    ("parquet-without-pyarrow", without_pyarrow, "a.parquet = 'Parquet' … pip install 'pitfalls["),
]
"""Name, what makes the bad call in a folder, and pieces of its message in order, … between."""


def message_of(call):
    """What a bad call says."""
    with pytest.raises((PitfallsError, OSError)) as caught:
        call()
    return str(caught.value)


def says(message, expected):
    """Whether a message starts, and goes on, as expected; an OSError starts with its number."""
    start = 0
    for number, piece in enumerate(expected.split(" … ")):
        place = message.find(piece, start)
        if place < 0 or (number == 0 and place > 0 and not message.startswith("[Errno")):
            return False
        start = place + len(piece)
    return True


@pytest.mark.parametrize(
    ("make", "expected"), [each[1:] for each in BAD_INPUTS], ids=[each[0] for each in BAD_INPUTS]
)
def test_what_is_refused_says_what_where_and_what_to_do(make, expected, tmp_path):
    message = message_of(make(tmp_path))
    assert says(message, expected), message
    assert len(message) < 400
    assert "\n" not in message


def test_bad_inputs_have_names_of_their_own():
    assert len({name for name, _, _ in BAD_INPUTS}) == len(BAD_INPUTS) > 45


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_anywhere_is_refused_or_does_no_harm(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", labels=Y, attributes=A, split=SPLIT)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = [whole[:end] for end in range(0, len(whole), max(1, len(whole) // 40))]
    for place, byte in zip(rng.integers(0, len(whole), 200), rng.bytes(200), strict=True):
        damaged.append(whole[:place] + bytes([byte]) + whole[place + 1 :])
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            read_features(path)
        except PitfallsError as error:
            refused += len(str(error)) > 0
    assert refused > 100


def test_what_does_not_fit_in_memory_is_refused_before_it_is_copied():
    large = np.broadcast_to(np.float32(1.0), (10**7, 10**6))
    with pytest.raises(ResourceError, match="features needs"):
        own_features(large, np.zeros(10**7))
