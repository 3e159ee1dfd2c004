"""Cost as n grows from 100 to 5,000, against the exponents of the operation counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..sims import draw, kernels, max_margin
from ..sims.packed import PackedSymmetric
from ..studies.arguments import Progress
from ..theory import Setting
from .harness import Program, Report, alternate, exponent, machine

__all__ = ["measure"]

SIZES = (100, 200, 500, 1000, 2000, 5000)
# Of n, at large n: a product reads n²/2 numbers; a draw forms n³/3 products; a max margin
# factorises blocks of up to n³/3.
MODEL = {"draw": 3.0, "product": 2.0, "max margin": 3.0}
LEAST_FITTED = 500


def _setting(n: int) -> Setting:
    d = int(1.8 * n)
    return Setting(n, d, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)


def _products(packed: PackedSymmetric, count: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(count):
            kernels.product(packed.job, packed.threads)

    return run


def measure(rounds: int, progress: Progress) -> Report:
    """Time draw, product and max margin at each n, and fit exponents.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    report = Report(
        "scaling", "Draw, product with half the Gram matrix, and max margin at d = 1.8·n", []
    )
    seconds: dict[str, list[float]] = {name: [] for name in MODEL}
    rates: dict[str, float] = {}
    for n in SIZES:
        sample = draw(_setting(n), seed=1)
        count = max(8, int(2e8 / n**2))
        repeats = rounds if n <= 2000 else min(rounds, 2)
        with PackedSymmetric(sample.gram.memory_matrix(), 1) as packed:
            product = Program(f"product, n = {n}", _products(packed, count), work=1 / count)
            rows = alternate([product], repeats, progress)
        rows += alternate(
            [
                Program(f"draw, n = {n}", partial(draw, _setting(n), seed=1)),
                Program(f"max margin, n = {n}", partial(max_margin, sample)),
            ],
            repeats,
            progress,
        )
        report.rows.extend(rows)
        for row in rows:
            seconds[row.program.split(",")[0]].append(row.seconds)
        rates[f"product, n = {n}"] = 8 * n**2 / 2 / rows[0].seconds / 1e9
    ceilings = machine()
    fitted = [n for n in SIZES if n >= LEAST_FITTED]
    for name, expected in MODEL.items():
        slope = exponent(fitted, seconds[name][-len(fitted) :])
        report.facts[f"{name}: exponent"] = slope
        report.lines.append(
            f"{name}: seconds grow like n^{slope:.2f} from n = {LEAST_FITTED} on; operations "
            f"like n^{expected:g}"
        )
    for name, rate in rates.items():
        report.facts[f"{name}: GB/s"] = rate
    fastest = max(rates, key=lambda name: rates[name])
    report.lines.append(
        f"product at n = {SIZES[-1]}: {rates[f'product, n = {SIZES[-1]}']:.0f} GB/s of matrix "
        f"read, where this machine reads {ceilings['memory_gb_s']:.0f} GB/s from memory; fastest, "
        f"out of the caches: {fastest}, {rates[fastest]:.0f} GB/s"
    )
    gflops = SIZES[-1] ** 3 / 3 / seconds["draw"][-1] / 1e9
    report.facts.update(memory_gb_s=ceilings["memory_gb_s"], draw_gflop_s=gflops)
    report.lines.append(
        f"draw at n = {SIZES[-1]}: {gflops:.0f} GFLOP/s of L·Lᵀ, random numbers included; a matrix "
        f"product runs at {ceilings['multiply_gflop_s']:.0f} GFLOP/s"
    )
    return report
