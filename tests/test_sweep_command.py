"""`pitfalls sweep`: what it prints, its files, its exit statuses."""

import csv
import json
import math
import re
import shutil
import sys
from pathlib import Path

import pytest
from command import pitfalls, refusal
from pitfalls.cli import main
from pitfalls.studies import sweeps

TEXT = """\
# What this one shows.
replicates = 6
block = 3
objectives = ["erm", "curing-scale"]
quantities = ["accuracy", "support"]
times = [1, inf]
[setting]
n = 20
d = 60
rho = 0.8
sigma = 1
[grid]
gamma = [2, 5]
core_noise = [0, 0.1, 0.3]
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "my.toml").write_text(TEXT)
    return tmp_path / "my.toml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    (folder / "my.toml").write_text(TEXT)
    store = str(folder / "a.db")
    assert main(["sweep", str(folder / "my.toml"), "--store", store, "--workers", "1"]) == 0
    return store


@pytest.fixture
def store(file, finished):
    return Path(shutil.copy(finished, file.with_name("a.db")))


def test_a_sweep_from_file_to_table(file, capsys):
    store, table = file.with_name("a.db"), file.with_name("a.csv")
    assert main(["sweep", str(file), "--store", str(store), "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    assert "6 of 6 finished" in out
    assert "36 computed now" in out
    assert f"pitfalls sweep export {store} --csv FILE" in out
    assert err == ""
    assert main(["sweep", str(file), "--store", str(store)]) == 0
    assert "0 computed now" in capsys.readouterr().out
    assert main(["sweep", "status", str(store)]) == 0
    out = capsys.readouterr().out
    assert "gamma (2) × core_noise (3)" in out
    assert "6 of 6 finished, 0 left" in out
    assert "36 of 36" in out
    assert main(["sweep", "agreement", str(store)]) == 0
    out = capsys.readouterr().out
    for each in sweeps.agreement(store):
        for number in (each.median, each.largest):
            assert f" {number:.2g} " in out
    assert main(["sweep", "export", str(store), "--csv", str(table)]) == 0
    assert capsys.readouterr().out == f"{table}\n"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 6 * 2 * (4 * 2 + 1)
    assert rows[0]["gamma"] == "2.0"


def test_a_dry_run_writes_nothing(file, capsys):
    before = sorted(file.parent.iterdir())
    assert main(["sweep", str(file), "--dry-run", "--workers", "2"]) == 0
    out = capsys.readouterr().out
    for words in ("6: gamma (2) × core_noise (3)", "36", "on 2 workers", "MiB a worker", "KiB"):
        assert words in out
    assert "estimated" not in out
    assert main(["sweep", str(file), "--dry-run", "--workers", "2", "--backend", "auto"]) == 0
    assert "on 2 workers (estimated on the CPU)" in capsys.readouterr().out
    assert sorted(file.parent.iterdir()) == before


def test_ready_sweeps_are_listed_and_shown(capsys):
    assert main(["sweep", "ready"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in (*sweeps.ready(), "share of support vectors"))
    assert main(["sweep", "ready", "time-kappa"]) == 0
    assert capsys.readouterr().out == sweeps.read("time-kappa").text
    assert main(["sweep", "ready", "nothing"]) == 2
    assert "is not one of accuracy-vs-aspect," in capsys.readouterr().err


def test_a_failed_cell_is_named_and_the_status_says_so(file, capsys):
    text = TEXT.replace("core_noise = [0, 0.1, 0.3]", "rho = [0.8, 1]").replace("rho = 0.8\n", "")
    file.write_text(text.replace('"erm", ', ""))
    store = str(file.with_name("b.db"))
    assert main(["sweep", str(file), "--store", store, "--workers", "1"]) == 1
    out, err = capsys.readouterr()
    assert "2 of 4 finished" in out
    assert err.startswith("failed: cell 1 (gamma = 2, rho = 1) and 1 more: SettingError: groups")
    assert main(["sweep", "status", store]) == 1
    assert "failed: cell 1" in capsys.readouterr().err
    table = file.with_name("b.csv")
    assert main(["sweep", "export", store, "--csv", str(table)]) == 0
    out, err = capsys.readouterr()
    assert "2 of 4 cells are not finished" in err
    assert len(table.read_text().splitlines()) == 1 + 2 * 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["FILE"], "--store is missing: give an SQLite file"),
        (["no.toml", "--store", "a.db"], "there is no such file"),
        (["FILE", "--store", "no/a.db"], "Make it first"),
        (["FILE", "--store", "STORE", "--workers", "0"], "workers = 0: must be an integer ≥ 1"),
        (["FILE", "--dry-run", "--workers", "-1"], "workers = -1: must be an integer ≥ 1"),
        (["FILE", "--dry-run", "--workers", "0"], "workers = 0: must be an integer ≥ 1"),
        (["export", "no.db", "--csv", "no/a.csv"], "the folder no does not exist"),
        (["status", "no.db"], "no.db: there is no such store"),
        (["status", "FILE"], "file is not a database"),
        (["agreement", "no.db"], "no.db: there is no such store"),
        (["export", "STORE"], "give --csv, --parquet or --netcdf"),
        (["export", "no.db", "--csv", "a.csv"], "there is no such store"),
        (["export", "STORE", "--netcdf", "a.nc", "--raw"], "NetCDF has means over the grid"),
    ],
)
def test_bad_input_is_said_and_leaves_nothing(arguments, words, file, store, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    before = sorted(file.parent.iterdir())
    named = {"FILE": str(file), "STORE": str(store)}
    assert words in refusal(["sweep", *(named.get(each, each) for each in arguments)], capsys)
    assert sorted(file.parent.iterdir()) == before


def test_formats_hold_the_same_numbers(store):
    parquet = pytest.importorskip("pyarrow.parquet")
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    paths = {kind: str(store.with_suffix(f".{kind}")) for kind in ("csv", "parquet", "netcdf")}
    options = [word for kind, path in paths.items() for word in (f"--{kind}", path)]
    assert main(["sweep", "export", str(store), *options]) == 0
    with open(paths["csv"], encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    for row, other in zip(rows, parquet.read_table(paths["parquet"]).to_pylist(), strict=True):
        for name, value in row.items():
            same = other[name]
            if isinstance(same, str):
                assert value == same
            else:
                assert math.isnan(same) if value == "" else float(value) == same
    with xarray.open_dataset(paths["netcdf"], engine="h5netcdf") as data:
        for row in rows:
            place = {"gamma": float(row["gamma"]), "core_noise": float(row["core_noise"])}
            place["objective"] = row["objective"]
            if row["time"]:
                place["time"] = float(row["time"])
            for name in ("mean", "q25", "orthogonal"):
                value = float(data[f"{row['quantity']}_{name}"].sel(place))
                assert math.isnan(value) if row[name] == "" else float(row[name]) == value
        assert data.attrs["sweep"] == TEXT


def test_replicates_in_parquet_are_those_of_csv(store):
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = [store.with_suffix(".csv"), store.with_suffix(".parquet")]
    main(
        ["sweep", "export", str(store), "--raw", "--csv", str(paths[0]), "--parquet", str(paths[1])]
    )
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    others = parquet.read_table(paths[1]).to_pylist()
    assert len(rows) == len(others) == 36
    assert float(rows[7]["erm minority t=1"]) == others[7]["erm minority t=1"]


@pytest.mark.parametrize("extra", ["pyarrow", "xarray", "distributed"])
def test_a_missing_extra_says_what_to_install(extra, file, store, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)
    options = {
        "pyarrow": ["export", str(store), "--parquet", str(store.with_suffix(".parquet"))],
        "xarray": ["export", str(store), "--netcdf", str(store.with_suffix(".nc"))],
        "distributed": [str(file), "--store", str(store.with_name("b.db")), "--dask", "local"],
    }
    assert main(["sweep", *options[extra]]) == 2
    assert "pip install 'pitfalls[" in capsys.readouterr().err
    assert not store.with_suffix(".parquet").exists()


def test_it_is_silent_when_piped(file, tmp_path):
    file.write_text(TEXT.replace("[2, 5]", "[2]").replace("[0, 0.1, 0.3]", "[0, 0.1]"))
    done = pitfalls("sweep", file, "--store", "c.db", "--workers", 2, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 finished" in done.stdout


def test_what_is_shown_fits_a_narrow_terminal(store, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for command in ("status", "agreement"):
        assert main(["sweep", command, str(store)]) == 0
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert max(map(len, shown.splitlines())) <= 80


def test_the_digest_in_the_store_is_of_the_canonical_form(store):
    sweep = sweeps.status(store).sweep
    assert json.loads(sweep.canonical)["grid"]["gamma"] == [2.0, 5.0]
    assert len(sweep.digest) == 64
