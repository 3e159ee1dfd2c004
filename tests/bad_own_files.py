"""Bad features of one's own, one mistake each, and what is said of it."""

import io
import os
import sys
import zipfile

import numpy as np
import pytest
from own_files import SPLIT, A, G, X, Y, save
from pitfalls.studies.own import own_features, read_features
from pitfalls.theory import PitfallsError


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
