"""Cost of one replicate as d grows from 10³ to 10⁹: ours from its Gram matrix, peers explicitly."""

from __future__ import annotations

from collections.abc import Callable

from ..sims import draw, gradient_descent, max_margin
from ..studies.arguments import Progress
from ..theory import Objective, Setting
from . import peers
from .harness import Program, Report, alternate, peak

__all__ = ["measure"]

N, KAPPA, RATE, STEPS = 500, 0.45, 0.02, 1000
DIMENSIONS = (10**3, 10**5, 10**7, 10**9)
LEAST_ROUNDS = 15
# A peer's steps at each d, the rest extrapolated: all of them would take minutes.
PEER_STEPS = {10**3: 1000, 10**4: 100, 10**5: 10}


def _setting(d: int) -> Setting:
    """Of one κ, whatever d is."""
    return Setting.figure_1(n=N, d=d, sigma=0.0).with_memory(KAPPA)


def _replicate(d: int) -> Callable[[], None]:
    """Draw, 1,000 steps of ERM with test accuracies at each, and the limit."""
    setting = _setting(d)

    def run() -> None:
        sample = draw(setting, seed=1, kind="gram")
        trajectory = gradient_descent(sample, Objective.erm(), RATE, STEPS, examples=False)
        trajectory.accuracy(setting)
        max_margin(sample)

    return run


def _explicit(d: int) -> Callable[[], None]:
    """The 1,000 steps alone, in NumPy on explicit features drawn beforehand."""
    data = peers.data_of(_setting(d), seed=1, test=100)

    def run() -> None:
        peers.numpy_descent(data, RATE, PEER_STEPS[d])

    return run


def measure(rounds: int, progress: Progress) -> Report:
    """Time a replicate at each d, with the most memory it holds.

    Parameters
    ----------
    rounds : int
        At least 15 for ours, whatever is asked.
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """

    def name(d: int) -> str:
        return f"pitfalls, d = {d:.0e}"

    memory = {name(d): f"{peak(_replicate(d)) / 2**20:.1f} MiB" for d in DIMENSIONS}
    programs = [Program(name(d), _replicate(d)) for d in DIMENSIONS]
    for d, steps in PEER_STEPS.items():
        peer = f"NumPy explicit, d = {d:.0e}"
        part = "" if steps == STEPS else f", {STEPS} steps from {steps}"
        memory[peer] = f"features {8 * N * d / 2**20:.0f} MiB{part}"
        programs.append(Program(peer, _explicit(d), work=STEPS / steps, most=2))
    rows = alternate(programs, max(rounds, LEAST_ROUNDS), progress, notes=memory)
    report = Report(
        "dimension",
        f"One replicate at n = {N}, κ = {KAPPA}: draw, {STEPS} steps with accuracies, max margin "
        "(NumPy: the steps alone)",
        rows,
    )
    base = report.seconds(name(10**5))
    for d in DIMENSIONS:
        ratio = report.seconds(name(d)) / base
        report.facts[f"{d:.0e} over 1e+05"] = ratio
        report.lines.append(f"d = {d:.0e}: {ratio:.3f} times the cost at d = 1e+05")
    return report
