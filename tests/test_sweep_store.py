"""The store: what is in it comes out again, and damage is never averaged."""

import sqlite3

import numpy as np
import pytest
from pitfalls.studies import sweeps
from pitfalls.studies.sweeps import store as store_module
from pitfalls.studies.sweeps.block import Block, Failure, compute
from pitfalls.studies.sweeps.store import Store

TEXT = """
replicates = 7
block = 3
objectives = ["erm"]
quantities = ["support", "max_core"]
setting = { n = 20, d = 40, rho = 0.9, gamma = 2 }
grid = { sigma = [0.5, 1, 2] }
"""
SWEEP = sweeps.parse(TEXT, "a.toml")


@pytest.fixture
def path(tmp_path):
    """A store with the blocks 0 and 2 of cell 0, all of cell 1 and a failure."""
    blocks = [compute(SWEEP, cell, b) for cell, b in ((0, 2), (0, 0), (1, 0), (1, 1), (1, 2))]
    with Store.write(tmp_path / "a.db", SWEEP) as store:
        store.add([*blocks, Failure(2, 1, "no")])
    return tmp_path / "a.db"


def test_numbers_come_out_as_they_went_in(path):
    with Store.read(path) as store:
        assert [(cell, sorted(done)) for cell, done in store.counts()] == [
            (0, [0, 2]),
            (1, [0, 1, 2]),
        ]
        assert store.prefix(0).tobytes() == compute(SWEEP, 0, 0).values.tobytes()
        expected = np.concatenate([compute(SWEEP, 1, b).values for b in range(3)])
        assert store.prefix(1).tobytes() == expected.tobytes()
        assert store.prefix(2).shape == (0, 2)
        np.testing.assert_array_equal(store.predictions(1), compute(SWEEP, 1, 0).predictions)
        assert np.isnan(store.predictions(2)).all()
        assert store.failures() == [Failure(2, 1, "no")]
        assert store.environments()[0]["numpy"] == np.__version__
        assert store.sweep.text == TEXT
        assert store.seconds() > 0


def test_nan_and_infinity_survive(tmp_path):
    values = np.array([[np.nan, np.inf], [-0.0, -np.inf], [1e-320, 1.0]])
    with Store.write(tmp_path / "b.db", SWEEP) as store:
        store.add([Block(0, 0, values, None, 0.0)])
        assert store.prefix(0).tobytes() == values.tobytes()


def test_status_counts_what_is_there(path):
    found = sweeps.status(path)
    assert (found.cells, found.replicates, found.finished) == (1, 4 + 7, False)


def test_another_sweep_is_refused_and_the_difference_shown(path):
    other = sweeps.parse(TEXT.replace("gamma = 2", "gamma = 3"), "b.toml")
    before = path.read_bytes()
    with pytest.raises(sweeps.StoreError) as caught, Store.write(path, other):
        pass
    lines = str(caught.value).splitlines()
    assert "belongs to another sweep" in lines[0]
    assert [line[0] for line in lines[1:]] == ["-", "+", "@", "-", "+"]
    assert '"gamma": 2.0' in lines[-2]
    assert '"gamma": 3.0' in lines[-1]
    assert path.read_bytes() == before


def test_the_same_sweep_in_other_words_is_let_in(path):
    with Store.write(path, sweeps.parse("# so\n" + TEXT, "c.toml")) as store:
        assert len(store.prefix(1)) == 7


def test_two_drivers_are_one_too_many_but_reading_is_free(path):
    with Store.write(path, SWEEP) as first:
        with pytest.raises(sweeps.StoreError, match="another driver"), Store.write(path, SWEEP):
            pass
        with Store.read(path) as reader:
            first.add([compute(SWEEP, 2, 0)])
            assert len(reader.prefix(2)) == 3
    with Store.write(path, SWEEP):
        pass


def test_a_driver_that_fails_lets_go(path):
    with pytest.raises(RuntimeError), Store.write(path, SWEEP):
        raise RuntimeError
    with Store.write(path, SWEEP):
        pass


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_store_is_refused(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    for use in (lambda: Store.read(path), lambda: Store.write(path, SWEEP)):
        with pytest.raises(sweeps.StoreError, match="damaged"), use():
            pass


def test_flipped_bits_are_found_wherever_they_are(path):
    """Each byte of the file in turn, in steps: refused, or the numbers are what they were."""
    content = path.read_bytes()
    with Store.read(path) as store:
        right = [store.prefix(cell).tobytes() for cell in range(3)]
    found = 0
    for place in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 0x5A
        path.write_bytes(damaged)
        try:
            with Store.read(path) as store:
                numbers = [store.prefix(cell).tobytes() for cell in range(3)]
        except sweeps.StoreError:
            found += 1
        else:
            # A block may have become invisible, as if it had not been computed; never another.
            assert all(full.startswith(part) for part, full in zip(numbers, right, strict=True))
    assert found > 0


def test_damaged_numbers_are_named(path):
    content = path.read_bytes()
    number = compute(SWEEP, 1, 1).values.tobytes()
    place = content.index(number)
    path.write_bytes(content[:place] + b"\0" + content[place + 1 :])
    with Store.read(path) as store:
        assert len(store.prefix(0)) == 3
        with pytest.raises(sweeps.StoreError, match="numbers of cell 1 are damaged"):
            store.prefix(1)
    with pytest.raises(sweeps.StoreError, match="cell 1"):
        sweeps.export(path, csv=path.with_name("a.csv"))
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.db", "a.db.lock"]


def test_numbers_in_another_place_are_damage(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE blocks SET cell = 2 WHERE cell = 1")
    connection.close()
    with (
        Store.read(path) as store,
        pytest.raises(sweeps.StoreError, match="numbers of cell 2 are damaged"),
    ):
        store.prefix(2)


def test_what_is_no_store_is_refused(tmp_path):
    text = tmp_path / "text.db"
    text.write_text("hello, " * 1000)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE something (x)")
    connection.close()
    for path, words in ((text, "damaged or no store"), (other, "no store of a sweep")):
        before = path.read_bytes()
        for use in (lambda path=path: Store.read(path), lambda path=path: Store.write(path, SWEEP)):
            with pytest.raises(sweeps.StoreError, match=words), use():
                pass
        assert path.read_bytes() == before
    with pytest.raises(sweeps.StoreError, match="no such store"), Store.read(tmp_path / "no.db"):
        pass
    with pytest.raises(sweeps.StoreError, match="Make it first"):
        sweeps.sweep(SWEEP, tmp_path / "no" / "a.db", workers=1)
    with pytest.raises(sweeps.StoreError, match="is a folder"):
        sweeps.sweep(SWEEP, tmp_path, workers=1)


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "a.db").touch()
    with pytest.raises(sweeps.StoreError, match="is empty"), Store.read(tmp_path / "a.db"):
        pass
    with Store.write(tmp_path / "a.db", SWEEP) as store:
        assert store.sweep.digest == SWEEP.digest


def test_a_full_disk_keeps_what_was_finished(tmp_path, monkeypatch):
    """SQLite's limit on a file's pages gives the error that a full disk gives."""
    path, connect = tmp_path / "a.db", store_module.connect
    wide = sweeps.parse(TEXT.replace("replicates = 7", "replicates = 3000"))
    values = np.ones((3, 2))

    def small(*arguments):
        connection = connect(*arguments)
        connection.execute("PRAGMA max_page_count = 16")
        return connection

    monkeypatch.setattr(store_module, "connect", small)
    kept = []

    def fill():
        with Store.write(path, wide) as store:
            for block in range(1000):
                store.add([Block(0, block, values, None, 0.0)])
                kept.append(block)

    with pytest.raises(sweeps.StoreError, match="What was finished before is kept"):
        fill()
    monkeypatch.undo()
    with Store.write(path, wide) as store:
        assert kept
        assert store.done(0) == set(kept)
        store.add([Block(0, len(kept), values, None, 0.0)])


def test_a_newer_schema_is_refused(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(sweeps.StoreError, match="has schema 2, and this pitfalls reads 1"):
        sweeps.status(path)
