"""Fail unless a wheel holds exactly the tree's library files, under their import names."""

import subprocess
import sys
import zipfile

FOLDERS = {
    "package": "pitfalls",
    "theory": "pitfalls/theory",
    "sims": "pitfalls/sims",
    "studies": "pitfalls/studies",
    "figures": "pitfalls/figures",
    "benchmarks": "pitfalls/benchmarks",
}

listed = subprocess.run(
    ["git", "ls-files", *FOLDERS], capture_output=True, text=True, check=True
).stdout.split()
expected = {
    FOLDERS[path.split("/", 1)[0]] + "/" + path.split("/", 1)[1]
    for path in listed
    if path.endswith((".py", ".css", ".cu", ".cuh", ".toml", "py.typed"))
}
with zipfile.ZipFile(sys.argv[1]) as wheel:
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
for path in sorted(expected - found):
    print(f"missing from the wheel: {path}")
for path in sorted(found - expected):
    print(f"in the wheel but not in the tree: {path}")
print(f"wheel: {len(found)} files, tree: {len(expected)} files")
sys.exit(found != expected)
