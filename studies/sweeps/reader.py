"""A sweep file, read and checked whole."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ...sims.drawing import Kind
from ...sims.xrm import TEMPERATURE
from ...theory import Objective, PitfallsError, SettingError
from ..train import OBJECTIVES
from .document import PREDICTIONS, Sweep
from .errors import SweepError
from .grid import FIELDS, Axis, axis_values, conflicts, is_number, missing, number
from .locate import line_of
from .quantities import GROUPS, QUANTITIES, expand

__all__ = ["parse", "read", "ready"]

READY = Path(__file__).parent / "ready"

_KINDS: tuple[Kind, ...] = ("gram", "explicit", "orthogonal")
_MAT = {"mat": {"temperature": TEMPERATURE}}
_LATEST = 1e16
_MOST_CELLS = 10**7
_KEYS = (
    "seed",
    "replicates",
    "block",
    "kind",
    "objectives",
    "quantities",
    "times",
    "learning_rate",
    "predictions",
    "precision",
    "setting",
    "grid",
)


def ready() -> list[str]:
    """Names of the sweeps that come with the package.

    Examples
    --------
    >>> "phase-diagram" in ready()
    True
    """
    return sorted(path.stem for path in READY.glob("*.toml"))


def read(source: str | Path) -> Sweep:
    """Read a sweep file, or one that comes with the package by its name.

    Raises
    ------
    SweepError
        With the line, the key and the fix of everything that is wrong.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> read("phase-diagram").name
    'phase-diagram.toml'
    """
    path = Path(source)
    if not path.exists() and str(source) in ready():
        path = READY / f"{source}.toml"
    if not path.exists():
        names = ", ".join(ready())
        raise SweepError(f"{path}: there is no such file; those that come with pitfalls: {names}.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SweepError(f"{path}: is not UTF-8 text ({error}).") from None
    return parse(text, path.name)


def parse(text: str, name: str = "sweep", *, trusted: bool = False) -> Sweep:
    """Read a sweep from TOML.

    Parameters
    ----------
    text, name : str
    trusted : bool
        Every cell has been checked before: spare the time.

    Raises
    ------
    SweepError
        With the line, the key and the fix of everything that is wrong.

    Examples
    --------
    >>> try:
    ...     parse("replicates = 0", "a.toml")
    ... except SweepError as error:
    ...     print(str(error).splitlines()[0])
    a.toml, line 1: replicates = 0: must be an integer ≥ 2.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SweepError(f"{name}: {error}.") from None
    return _Reader(name, text, content).sweep(trusted)


class _Reader:
    """Reads every key, and remembers what is wrong with each."""

    def __init__(self, name: str, text: str, content: dict[str, Any]) -> None:
        self.name, self.text, self.content = name, text, content
        self.problems: list[tuple[int, str]] = []

    def wrong(self, path: tuple[str, ...], message: str) -> None:
        line = line_of(self.text, path)
        self.problems.append((line, f"{self.name}, line {line}: {message}"))

    def checked(self, path: tuple[str, ...], check: Callable[[], Any], otherwise: Any) -> Any:
        """What the check returns; its error is remembered."""
        try:
            return check()
        except PitfallsError as error:
            table = "".join(f"[{part}] " for part in path[:-1])
            self.wrong(path, f"{table}{error}")
            return otherwise

    def integer(self, key: str, default: int | None, low: int) -> int:
        if key not in self.content and default is None:
            self.wrong((), f"{key}: is missing. Give an integer ≥ {low}.")
        value = self.content.get(key, default if default is not None else low)
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            self.wrong((key,), f"{SettingError(key, value, f'an integer ≥ {low}')}")
            return low
        return value

    def names(
        self,
        key: str,
        legal: tuple[str, ...],
        default: tuple[str, ...] | None,
        tables: bool = False,
    ) -> list[Any]:
        """A list of names, in place of which tables may stand where they are let."""
        if key not in self.content:
            if default is None:
                self.wrong((), f"{key}: is missing. Give a list of {', '.join(legal)}.")
            return list(default or ())
        given = self.content[key]
        if not isinstance(given, list) or (not given and default is None):
            self.wrong((key,), f"{SettingError(key, given, 'a list of ' + ', '.join(legal))}")
            return []
        kept = []
        for each in given:
            if (tables and isinstance(each, dict)) or each in legal:
                kept.append(each)
            else:
                self.wrong((key,), f"{SettingError(key, each, 'one of ' + ', '.join(legal))}")
        repeated = {str(each) for each in kept if kept.count(each) > 1}
        if repeated:
            self.wrong((key,), f"{key}: {', '.join(sorted(repeated))} is given twice.")
        return kept

    def table(self, key: str) -> dict[str, Any]:
        given = self.content.get(key, {})
        if not isinstance(given, dict):
            self.wrong((key,), f"{key}: must be a table. Write [{key}] on a line of its own.")
            return {}
        return given

    def sweep(self, trusted: bool) -> Sweep:
        for key in self.content:
            if key not in _KEYS:
                self.wrong((key,), f"{key}: is not known. The keys are {', '.join(_KEYS)}.")
        seed = self.integer("seed", 0, 0)
        replicates, block = self.integer("replicates", None, 2), self.integer("block", 10, 1)
        kind = self.content.get("kind", "gram")
        if kind not in _KINDS:
            self.wrong(("kind",), f"{SettingError('kind', kind, 'one of ' + ', '.join(_KINDS))}")
        objectives = self.objectives()
        quantities = self.quantities()
        rate = self.learning_rate()
        times = self.times(quantities, rate)
        fixed, axes = self.settings()
        sweep = Sweep(
            name=self.name,
            text=self.text,
            seed=seed,
            replicates=replicates,
            block=block,
            kind=cast(Kind, kind),
            objectives=objectives,
            quantities=quantities,
            times=times,
            learning_rate=rate,
            predictions=tuple(self.names("predictions", PREDICTIONS, PREDICTIONS)),
            precision=self.precision(quantities),
            fixed=fixed,
            axes=axes,
        )
        if not self.problems and not trusted:
            self.cells(sweep)
        if self.problems:
            raise SweepError(
                "\n".join(
                    message for _, message in sorted(self.problems, key=lambda problem: problem[0])
                )
            )
        return sweep

    def objectives(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for each in self.names("objectives", (*OBJECTIVES, *_MAT), None, tables=True):
            if isinstance(each, str):
                found[each] = dict(_MAT.get(each, {}))
                continue
            name = each.get("name")
            if not isinstance(name, str) or not name or name in (*found, *OBJECTIVES, *_MAT):
                self.wrong(
                    ("objectives",),
                    f"{SettingError('name', name, 'a name that no other objective has')}",
                )
                continue
            numbers = self.checked(("objectives",), partial(_numbers, each), {})
            if numbers:
                found[name] = numbers
        return found

    def quantities(self) -> tuple[str, ...]:
        return expand(self.names("quantities", (*GROUPS, *QUANTITIES), None))

    def learning_rate(self) -> float | None:
        rate = self.content.get("learning_rate")
        if rate is None:
            return None
        if not is_number(rate) or not 0 < rate < math.inf:
            self.wrong(
                ("learning_rate",),
                f"{SettingError('learning_rate', rate, 'a finite number > 0')} "
                "Leave it out for gradient flow.",
            )
            return None
        return float(rate)

    def times(self, quantities: tuple[str, ...], rate: float | None) -> tuple[float, ...]:
        timed = [name for name in quantities if QUANTITIES[name].timed]
        given = self.content.get("times")
        allowed = f"a list of increasing numbers ≥ 0, up to {_LATEST:g}, or inf for the max margin"
        if given is None:
            if timed:
                self.wrong((), f"times: is missing, for {', '.join(timed)}. Give {allowed}.")
            return ()
        if isinstance(given, dict):
            given = list(self.checked(("times",), lambda: axis_values("times", given), ()))
        if not timed:
            self.wrong(("times",), "times: no quantity here has one. Leave it out.")
        numbers = isinstance(given, list) and all(map(is_number, given))
        finite = [t for t in given if t != math.inf] if numbers else []
        if (
            not numbers
            or not given
            or any(b <= a for a, b in pairwise(given))
            or not all(0 <= t <= _LATEST for t in finite)
        ):
            self.wrong(("times",), f"{SettingError('times', given, allowed)}")
            return ()
        if rate is not None:
            for time in finite:
                steps = time / rate
                if not math.isclose(steps, round(steps), rel_tol=1e-9, abs_tol=1e-9):
                    self.wrong(
                        ("times",),
                        f"times: {time:g} is {steps:g} steps at learning_rate = {rate:g}. "
                        "Give multiples of the learning rate.",
                    )
        return tuple(float(time) for time in given)

    def precision(self, quantities: tuple[str, ...]) -> dict[str, float]:
        found = {}
        for name, value in self.table("precision").items():
            if name not in quantities:
                self.wrong(
                    ("precision", name),
                    f"[precision] {name}: is not measured. It must be one of the quantities: "
                    f"{', '.join(quantities)}.",
                )
            elif not is_number(value) or not value > 0:
                self.wrong(
                    ("precision", name),
                    f"[precision] {SettingError(name, value, 'a standard error > 0')}",
                )
            else:
                found[name] = float(value)
        return found

    def settings(self) -> tuple[dict[str, float], tuple[Axis, ...]]:
        fixed: dict[str, float] = {}
        axes: list[Axis] = []
        known = f"The fields are {', '.join(FIELDS)}."
        for name, value in self.table("setting").items():
            if name not in FIELDS:
                self.wrong(("setting", name), f"[setting] {name}: is not known. {known}")
            elif not is_number(value):
                fix = "Several values belong into [grid]." if isinstance(value, list) else ""
                self.wrong(
                    ("setting", name), f"[setting] {SettingError(name, value, 'a number', fix)}"
                )
            else:
                fixed[name] = number(name, value)
        for name, value in self.table("grid").items():
            if name not in FIELDS:
                self.wrong(("grid", name), f"[grid] {name}: is not known. {known}")
            elif name in self.table("setting"):
                self.wrong(("grid", name), f"[grid] {name}: stands in [setting] too.")
            else:
                values = self.checked(("grid", name), partial(axis_values, name, value), ())
                axes += [Axis(name, values)] if values else []
        given = [*self.table("setting"), *self.table("grid")]
        for group in conflicts(given):
            where = "grid" if group[-1] in self.table("grid") else "setting"
            self.wrong(
                (where, group[-1]), f"{' and '.join(group)}: fix the same thing. Give one of them."
            )
        for group in missing(given):
            self.wrong(
                ("setting",), f"{' or '.join(group)}: is missing. Give it in [setting] or [grid]."
            )
        return fixed, tuple(axes)

    def cells(self, sweep: Sweep) -> None:
        """Every cell has a setting, and those objectives that can be checked at no cost."""
        if sweep.cells > _MOST_CELLS:
            self.wrong(("grid",), f"[grid] has {sweep.cells:,} cells, over {_MOST_CELLS:,}.")
            return
        cheap = [name for name in sweep.objectives if not name.endswith(("-scale", "-cure"))]
        for cell in range(sweep.cells):
            try:
                setting = sweep.setting(cell)
                for name in cheap:
                    sweep.objective(name, setting)
            except PitfallsError as error:
                where = ", ".join(
                    f"{name} = {value:g}" for name, value in sweep.values(cell).items()
                )
                path = self.place(error)
                self.wrong(path, f"{f'at {where}: ' if where else ''}{error}")
                return

    def place(self, error: PitfallsError) -> tuple[str, ...]:
        """Where the field that an error names stands."""
        field = getattr(error, "field", "")
        return next(
            ((table, field) for table in ("grid", "setting") if field in self.table(table)),
            ("grid",) if self.table("grid") else ("setting",),
        )


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Weight, shift and scale of an objective, each a number or one for each group."""
    found: dict[str, Any] = {}
    if "temperature" in given:
        tau = given["temperature"]
        if not is_number(tau) or not 0 < tau < math.inf:
            raise SettingError("temperature", tau, "a finite number > 0")
        if set(given) != {"name", "temperature"}:
            raise SettingError("objectives", dict(given), "MAT, which has a temperature only")
        return {"temperature": float(tau)}
    for key, value in given.items():
        if key == "name":
            continue
        if key not in ("weight", "shift", "scale"):
            raise SettingError(
                key, value, "left out", "An objective has weight, shift and scale, or temperature."
            )
        if isinstance(value, dict):
            if set(value) != {"majority", "minority"}:
                raise SettingError(key, value, "a number, or {majority = 1, minority = 2}")
            value = {1: value["majority"], 0: value["minority"]}
        found[key] = value
    if not found:
        raise SettingError("objectives", dict(given), "given a weight, a shift or a scale")
    Objective(**found)
    return found
