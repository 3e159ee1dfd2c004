"""Files that commands write: refused before the work, and written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["as_text", "check_writable", "check_writable_folder", "write_json"]


def check_writable(path: Path | None) -> None:
    """Fail before the work, not after it."""
    if path is None:
        return
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no regular file, and would be replaced by one; give another")
    if path.is_symlink():
        path = path.resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"the folder {path.parent} is not writable; choose another")


def check_writable_folder(folder: Path) -> None:
    """The same for a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"{existing} is not a folder; choose another")
    if not os.access(existing, os.W_OK):
        raise PermissionError(f"the folder {existing} is not writable; choose another")


def as_text(content: dict[str, Any]) -> str:
    """A JSON object without NaN, as it is written."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """A JSON object into a file, if one was asked for."""
    if path is not None:
        from . import studies

        studies.write_atomically(path, as_text(content).encode())
