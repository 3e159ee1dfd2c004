"""Draws of the model: explicit features, their Gram matrix in law, or the orthogonal limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dlauum

from ..theory import Setting, SettingError
from ..theory.resources import require
from .blas import mirrored, row_gram
from .cells import groups_of, means_of
from .gpu.batch import GRID
from .gpu.device import Backend, chosen
from .gpu.one_sample import draw_alone
from .gram import DenseGram, DiagonalPlusPlane, Features
from .sample import Sample
from .seeds import LENGTHS, MEMORY, PLANE, Seed, generator, seed_sequence
from .threads import cores, modest_blas, sound_blas

__all__ = ["Kind", "draw"]

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["explicit", "gram", "orthogonal"]

# Numbers that are worth a stream, and perhaps a thread, of their own.
_A_STREAM = 50_000


def draw(
    setting: Setting, seed: Seed, kind: Kind | None = None, *, backend: Backend = "cpu"
) -> Sample:
    """Draw a training set of the model.

    Parameters
    ----------
    setting : Setting
    seed : int or SeedSequence
        The same seed gives the same bytes, and the same plane features for every kind.
    kind : {"explicit", "gram", "orthogonal"}, optional
        "explicit" draws all n·d memory features. "gram" draws their Gram matrix, exactly in law,
        from n(n−1)/2 normals and n chis whatever d is: E = L·Q with Q's rows orthonormal and
        independent of L, L_ii = σ·χ_{d−i}, σ·N(0, 1) below the diagonal (Bartlett; P2); at σ = 0
        there is nothing to draw and no matrix is kept.
        "orthogonal" is the limit E Eᵀ = σ²d·I. By default "gram" if d ≥ n, else "explicit".
    backend : {"cpu", "gpu", "auto"} or Device
        On a GPU a seed gives other numbers, equal in law; of an explicit draw the Gram matrix is
        kept, not the features. What needs no matrix is drawn on the CPU.

    Returns
    -------
    Sample

    Raises
    ------
    SettingError
        An unknown kind, an illegal seed, or more examples than a GPU draws.
    ResourceError
        The features or the Gram matrix would not fit in memory, or there is no GPU.

    Examples
    --------
    >>> sample = draw(Setting(n=100, d=10**9, rho=0.9, gamma=5.0, sigma=1e-4), seed=0)
    >>> round(float(sample.gram.memory_matrix()[0, 0]), 2)
    10.0
    """
    stream = seed_sequence(seed)
    require(96.0 * setting.n, f"the plane features of {setting.n} examples", "lower n")
    rng = generator(stream, PLANE)
    n, d, sigma = setting.n, setting.d, setting.sigma
    kind = kind or ("gram" if d >= n else "explicit")
    device = chosen(backend)
    if device is not None and sigma > 0 and kind in ("gram", "explicit"):
        if n <= GRID:
            return draw_alone(device, setting, stream, kind)
        if backend != "auto":
            raise SettingError("n", n, f"at most {GRID} on a GPU", "Use backend 'cpu'.")
    labels = rng.choice((-1.0, 1.0), size=n)
    plane = means_of(setting) + rng.standard_normal((n, 2)) * np.sqrt(setting.feature_variance)
    source: Features | DenseGram | DiagonalPlusPlane
    if kind == "orthogonal":
        source = DiagonalPlusPlane(plane, sigma**2 * d)
    elif kind == "explicit":
        require(8.0 * n * d, f"explicit features, {n} × {d},", "draw kind='gram', or lower n or d")
        source = Features(plane, _normals(stream, n * d, sigma).reshape(n, d))
    elif kind == "gram" and sigma == 0:
        source = DiagonalPlusPlane(plane, 0.0)
    elif kind == "gram":
        require(16.0 * n * n, f"the Gram matrix of {n} examples", "lower n")
        factor = _bartlett(stream, setting)
        source = DenseGram(plane, _times_transpose(factor), factor)
    else:
        raise SettingError("kind", kind, "'explicit', 'gram' or 'orthogonal'")
    return Sample(plane, labels, groups_of(setting), source, setting=setting, stream=stream)


def _normals(stream: np.random.SeedSequence, size: int, sigma: float) -> Array:
    """Normals of this deviation, on all cores: blocks have streams of their own."""
    numbers = np.empty(size)
    blocks = np.array_split(numbers, 1 + min(15, size // _A_STREAM))

    def fill(block: int) -> None:
        generator(stream, MEMORY + block).standard_normal(out=blocks[block])
        blocks[block] *= sigma

    if len(blocks) == 1:
        fill(0)
        return numbers
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, range(len(blocks))))
    return numbers


def _bartlett(stream: np.random.SeedSequence, setting: Setting) -> Array:
    """L (n, min(n, d)) with L Lᵀ = E Eᵀ in law.

    For d ≥ n the upper triangle of a draw taken from the last example to the first: the same law.
    """
    n, d, sigma = setting.n, setting.d, setting.sigma
    factor = np.zeros((n, min(n, d)))
    if d < n:
        rows, order = [factor[i, :i] for i in range(n)], np.arange(d)
    else:
        rows, order = [factor[i, i + 1 :] for i in range(n)], np.arange(n)[::-1]
    numbers = _normals(stream, sum(row.size for row in rows), sigma)
    first = 0
    for row in rows:
        row[:] = numbers[first : first + row.size]
        first += row.size
    squares = generator(stream, LENGTHS).chisquare(d - order)
    np.fill_diagonal(factor, sigma * np.sqrt(squares))
    return factor


def _times_transpose(factor: Array) -> Array:
    """L Lᵀ; of an upper triangle in a third of the operations of a product."""
    n, k = factor.shape
    if k < n:
        return row_gram(factor)
    with modest_blas(n**3 / 3), sound_blas(n):
        return mirrored(dlauum(factor.T, lower=1)[0].T)
