"""Who uses which cores: the threads of BLAS and ours would otherwise be in each other's way.

After a product the threads of OpenBLAS wait busily for the next one, for some 0.1 s. Meanwhile they
take the cores from ours, and NumPy's OpenBLAS from SciPy's, which is another one: on two cores what
follows runs two to ten times slower. One thread loses less than that wherever a call takes less
than that time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from ..theory.arguments import checked_count

__all__ = [
    "SOUND",
    "checked_threads",
    "cores",
    "keep_to_one_core",
    "modest_blas",
    "on_one_core",
    "one_blas_thread",
    "sound_blas",
]

_MANY = 4e9
SOUND = 16_384
"""Rows of a triangle up to which OpenBLAS may work on it by several threads."""

_thread = threading.local()


def cores() -> int:
    """Cores that one computation may use: all of this process, but one after `keep_to_one_core`.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    if getattr(_thread, "one_core", False):
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def checked_threads(threads: int | None, field: str = "threads") -> int:
    """How many threads are meant: all `cores` by default; SettingError if not an integer ≥ 1.

    Examples
    --------
    >>> checked_threads(3), checked_threads(None) == cores()
    (3, True)
    """
    return cores() if threads is None else checked_count(field, threads, least=1)


def keep_to_one_core() -> None:
    """Leave the other cores to others, in all that this thread computes from now on.

    Examples
    --------
    >>> thread = threading.Thread(target=keep_to_one_core)
    >>> thread.start(), thread.join()
    (None, None)
    """
    _thread.one_core = True


@contextmanager
def on_one_core() -> Iterator[None]:
    """Leave the other cores to others, in this thread and in BLAS, until the end.

    Examples
    --------
    >>> before = cores()
    >>> with on_one_core():
    ...     cores()
    1
    >>> cores() == before
    True
    """
    before = getattr(_thread, "one_core", False)
    _thread.one_core = True
    try:
        with one_blas_thread():
            yield
    finally:
        _thread.one_core = before


class _Holders:
    """How many ask for one BLAS thread at present: the setting is the whole process's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.limit: Any = None


_holders = _Holders()


@functools.cache
def _controller() -> ThreadpoolController:
    # Once: finding the libraries takes longer than many a product.
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread for as long as anyone in this process asks for it.

    OpenBLAS heeds the thread that set it first: where others ask alone it may keep its threads, or
    stay at one, which costs time and nothing else.

    Examples
    --------
    >>> with one_blas_thread():
    ...     {library["num_threads"] for library in _controller().select(user_api="blas").info()}
    {1}
    """
    with _holders.lock:
        _holders.count += 1
        if _holders.count == 1:
            _holders.limit = _controller().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _holders.lock:
            _holders.count -= 1
            if _holders.count == 0:
                _holders.limit.restore_original_limits()


@contextmanager
def modest_blas(operations: float) -> Iterator[None]:
    """BLAS on one thread, unless so many multiplications are ahead that several pay.

    Examples
    --------
    >>> with modest_blas(1e6):
    ...     {library["num_threads"] for library in _controller().select(user_api="blas").info()}
    {1}
    """
    if operations >= _MANY:
        yield
        return
    with one_blas_thread():
        yield


@contextmanager
def sound_blas(rows: int) -> Iterator[None]:
    """BLAS on one thread for symmetric products and factorisations of very many rows.

    From 19,600 rows on those of OpenBLAS 0.3.30 end in a segmentation fault on two threads: what a
    thread is given does not fit in the buffer that it has.

    Examples
    --------
    >>> with sound_blas(SOUND + 1):
    ...     {library["num_threads"] for library in _controller().select(user_api="blas").info()}
    {1}
    """
    if rows <= SOUND:
        yield
        return
    with one_blas_thread():
        yield
