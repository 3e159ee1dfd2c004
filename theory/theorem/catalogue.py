"""The list of facts, in the order of `pitfalls verify`'s table."""

from __future__ import annotations

from ..errors import SettingError
from . import conditions, predictions
from .fact import Fact

__all__ = ["FACTS", "fact"]

_PAPER = "Bayat et al. 2025, "
_OWN = "this project"
_GORDON = _OWN + ", by the convex Gaussian min-max theorem"
_CLEAN = "no feature noise, no label noise, 0 < ρ < 1"
_ANGLE = "exponent in log t of the angle to the max margin"
_LIMIT = "(w_y, w_a, ‖w_ε‖) of the max margin"

FACTS: tuple[Fact, ...] = (
    Fact(
        name="near-orthogonality",
        source=_PAPER + "Theorem 2.2, its condition d ≫ log n",
        proposition="P4",
        statement="The squared cosine of two examples' example-specific features has the law "
        "Beta(½, (d−1)/2), so the largest of all is about √(4 log n/d): small for d ≫ log n.",
        conditions="σ > 0 and d ≥ 2; whatever the rest is",
        applies=lambda setting: setting.sigma > 0 and setting.d >= 2,
        quantity="pairs of examples with |cos(ε_i, ε_j)| above a level",
        predict=predictions.pairs_beyond,
        kind="statistical",
        simulation="cosines",
    ),
    Fact(
        name="max-margin-direction",
        source="Soudry et al. 2018, on which Theorem 2.2 rests",
        proposition="P6",
        statement="Under ERM the weights converge in direction to the max margin, at the rate "
        "1/log t.",
        conditions="separable data: d/n above the separability threshold δ_s",
        applies=conditions.separable,
        quantity=_ANGLE,
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="same-data",
    ),
    Fact(
        name="first-case",
        source=_PAPER + "Theorem 2.2, first case",
        proposition="P4",
        statement="Without example-specific features ERM generalises perfectly: its limit is "
        "(1, 0, 0), accuracy 1 in both groups.",
        conditions="σ = 0 or d = 0, 0 < ρ < 1, no label noise, and so little feature noise that "
        "the two plane features separate the examples, σ_y and σ_a < ½/√(2 log n)",
        applies=conditions.in_the_plane,
        quantity="test accuracy at a late time",
        predict=predictions.perfect,
        kind="exact",
        simulation="without-memory",
    ),
    Fact(
        name="first-case-rate",
        source=_OWN,
        proposition="P6",
        statement="The first case comes slowly: w_a/w_y falls like 1/log t only, and until then "
        "ERM is wrong on the minority.",
        conditions=f"σ = 0 or d = 0, {_CLEAN}",
        applies=lambda setting: conditions.clean(setting) and setting.kappa == 0,
        quantity="exponent in log t of w_a/w_y",
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="without-memory",
    ),
    Fact(
        name="second-case",
        source=_PAPER + "Theorem 2.2, second case, sharpened",
        proposition="P4",
        statement="With example-specific features the limit of ERM follows the spurious attribute "
        "alone, majority right and minority wrong, exactly when γ²(2ρ−1) > 1 and κ > κ* = "
        "4γ²ρ(1−ρ)/(γ²(2ρ−1) − 1); else both groups are right.",
        conditions="no feature noise, no label noise, ½ ≤ ρ < 1, κ > 0, and d/n → ∞",
        applies=conditions.second_case,
        quantity="mean test accuracy of the max margin",
        predict=predictions.far_accuracy,
        kind="exact",
        simulation="ladder",
    ),
    Fact(
        name="second-case-rate",
        source=_OWN,
        proposition="P4",
        statement="The minority's test margin in standard deviations, whose Φ is its accuracy, "
        "grows like √(d/n) on either side of κ*.",
        conditions="no feature noise, no label noise, ½ ≤ ρ < 1, κ > 0 and κ ≠ κ*, large d/n",
        applies=conditions.off_the_threshold,
        quantity="exponent in d/n of the minority's margin in standard deviations",
        predict=predictions.always(0.5),
        kind="convergence",
        simulation="ladder",
    ),
    Fact(
        name="orthogonal-limit",
        source=_OWN,
        proposition="P3",
        statement="Where the example-specific features are orthogonal, the max margin has a closed "
        "form.",
        conditions="ε_i orthogonal and of length σ√d; any noise",
        applies=conditions.two_groups,
        quantity=_LIMIT,
        predict=predictions.orthogonal_limit,
        kind="exact",
        simulation="orthogonal",
    ),
    Fact(
        name="orthogonal-distance",
        source=_OWN,
        proposition="P3",
        statement="At finite d/n the max margin differs from that closed form by O(n/d).",
        conditions="no feature noise, no label noise, ½ ≤ ρ < 1, κ > 0, large d/n",
        applies=conditions.second_case,
        quantity="exponent in d/n of the difference of ‖w_ε‖",
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="ladder",
    ),
    Fact(
        name="asymptote",
        source=_OWN + ", given Soudry et al. 2018",
        proposition="P6",
        statement="Late weights are ŵ·log t + w̃ + o(1): the max margin and an intercept in closed "
        "form, for the flow and for descent at any stable step.",
        conditions="orthogonal ε_i or none, no feature noise, every example a support vector",
        applies=conditions.has_asymptote,
        quantity="weights at a late time",
        predict=predictions.late,
        kind="exact",
        simulation="orthogonal",
    ),
    Fact(
        name="one-limit",
        source=_OWN,
        proposition="P6",
        statement="Reweighting and logit shifting converge in direction to ERM's max margin, at "
        "the rate 1/log t: they change when, not where.",
        conditions="separable data, both observed groups",
        applies=conditions.two_separable_groups,
        quantity=_ANGLE,
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="same-data",
    ),
    Fact(
        name="shift-is-weight",
        source=_OWN,
        proposition="P6",
        statement="Late on, a shift s is the weight e^{−s}: the difference of the weights tends to "
        "0, so the log-odds shift ends as reweighting by the square of the inverse odds.",
        conditions="every example a support vector, no feature noise",
        applies=conditions.has_asymptote,
        quantity="‖w_shift − w_weight‖/‖w_shift‖ at a late time",
        predict=predictions.always(0.0),
        kind="exact",
        simulation="shift",
    ),
    Fact(
        name="loss-law",
        source=_OWN,
        proposition="P6",
        statement="t·ℓ(t) → ‖ŵ‖², the squared norm of the objective's max margin, whatever its "
        "weights, shifts and scales are.",
        conditions="separable data",
        applies=conditions.separable,
        quantity="t·ℓ(t) at a late time",
        predict=predictions.squared_norm,
        kind="exact",
        simulation="same-data",
    ),
    Fact(
        name="scale-rate",
        source="Soudry et al. 2018; Kini et al. 2021",
        proposition="P6",
        statement="Vector scaling converges in direction to another max margin, that with margins "
        "1/Δ, at the same rate.",
        conditions="separable data, both observed groups",
        applies=conditions.two_separable_groups,
        quantity="exponent in log t of the angle to its own max margin",
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="same-data",
    ),
    Fact(
        name="scale-limit",
        source=_GORDON,
        proposition="P9",
        statement="The max margin under vector scaling at finite d/n, for n → ∞.",
        conditions="d/n above the separability threshold δ_s, both observed groups",
        applies=conditions.two_separable_groups,
        quantity=_LIMIT,
        predict=predictions.proportional_limit,
        kind="statistical",
        simulation="scaling",
    ),
    Fact(
        name="proportional-limit",
        source=_GORDON,
        proposition="P9",
        statement="At finite d/n and n → ∞ the max margin solves a convex problem in three "
        "unknowns.",
        conditions=f"{_CLEAN}, κ > 0",
        applies=conditions.clean_with_memory,
        quantity=_LIMIT,
        predict=predictions.proportional_limit,
        kind="statistical",
        simulation="ladder",
    ),
    Fact(
        name="noisy-limit",
        source=_GORDON,
        proposition="P9",
        statement="At finite d/n and n → ∞ the max margin solves that convex problem in three "
        "unknowns with feature noise and label noise too; the minority's accuracy is then strictly "
        "between 0 and 1, for d/n → ∞ too.",
        conditions="noise, and d/n above the separability threshold δ_s",
        applies=lambda setting: setting.has_feature_noise and conditions.separable(setting),
        quantity=_LIMIT,
        predict=predictions.proportional_limit,
        kind="statistical",
        simulation="noise",
    ),
    Fact(
        name="trajectory",
        source=_OWN + ", given Celentano, Cheng & Montanari 2021",
        proposition="P12",
        statement="At finite d/n and n → ∞ the examples become independent copies of one random "
        "process, which gives the weights at every time: of ERM, reweighting and logit shifting, "
        "by the flow and by descent at any rate.",
        conditions="n, d → ∞ at fixed d/n, both observed groups",
        applies=conditions.two_groups,
        quantity="weights, and the minority's margin in standard deviations, at a time",
        predict=predictions.trajectory,
        kind="statistical",
        simulation="over-time",
    ),
    Fact(
        name="memorization-threshold",
        source=_GORDON,
        proposition="P9",
        statement="Up to d/n = δ_m the max margin memorises nothing: it is (1, 0, 0), whatever "
        "γ > 0 and σ are. Beyond, it memorises.",
        conditions=f"{_CLEAN}, γ > 0, κ > 0",
        applies=lambda setting: conditions.clean_with_memory(setting) and setting.gamma > 0,
        quantity="share of draws whose max margin has ‖w_ε‖ > 0",
        predict=predictions.memorises,
        kind="exact",
        simulation="threshold",
    ),
    Fact(
        name="fitted-at-once",
        source=_OWN,
        proposition="P15",
        statement="ERM has the whole training set right from its first step on exactly where "
        "κ ≥ γ²(2ρ−1) − 1, while new examples of the minority are wrong.",
        conditions=f"orthogonal ε_i, {_CLEAN}, κ > 0",
        applies=conditions.clean_with_memory,
        quantity="training accuracy of the minority at the first step",
        predict=predictions.right_at_once,
        kind="exact",
        simulation="train-and-test",
    ),
    Fact(
        name="delay",
        source=_OWN,
        proposition="P15",
        statement="Below κ* ERM fits the training set long before new examples of the minority are "
        "right; label noise shortens the delay, and weight decay beyond λ* ends training before.",
        conditions="orthogonal ε_i, no feature noise, label noise below ½, 0 < κ < κ* < ∞",
        applies=conditions.drawn_by_the_spurious,
        quantity="log t of both, and log λ*",
        predict=predictions.recovered,
        kind="exact",
        simulation="train-and-test",
    ),
    Fact(
        name="noise-shrinks",
        source=_OWN,
        proposition="P3",
        statement="Label noise η leaves the max margin's direction in the plane as it is, and its "
        "length there 1 − 2η of what it was: the rule can be read off a model that has memorised "
        "the noise.",
        conditions="orthogonal ε_i, no feature noise, η < ½, 0 < ρ < 1, κ > 0",
        applies=conditions.clean_but_for_labels,
        quantity="w_y and w_a of the max margin",
        predict=predictions.shrunk,
        kind="exact",
        simulation="train-and-test",
    ),
    Fact(
        name="noise-price",
        source=_OWN,
        proposition="P16",
        statement="Memorising the label noise leaves both groups the same part of their score, the "
        "probit of their accuracy: 1 − 2η as κ → ∞, nothing as κ → 0.",
        conditions="orthogonal ε_i, no feature noise, η < ½, 0 < ρ < 1, κ > 0",
        applies=conditions.clean_but_for_labels,
        quantity="part of the score of the max margin without label noise",
        predict=predictions.price,
        kind="exact",
        simulation="train-and-test",
    ),
    Fact(
        name="early-learning",
        source=_OWN,
        proposition="P16",
        statement="Under logit shifting the minority's accuracy is greatest early on, and falls as "
        "flipped labels are memorised.",
        conditions="orthogonal ε_i, no feature noise, η < ½, 0 < ρ < 1, κ > 0",
        applies=conditions.clean_but_for_labels,
        quantity="log t of the minority's greatest accuracy",
        predict=predictions.peak,
        kind="exact",
        simulation="train-and-test",
    ),
    Fact(
        name="class-subspaces",
        source=_OWN + "; the classifier is Ketha & Ramaswamy's (2025)",
        proposition="P17",
        statement="With little memory, class subspaces of two directions read the rule off "
        "features whose labels a max margin has memorised; with much, they know less than it.",
        conditions="0 < ρ < 1, κ > 0",
        applies=conditions.has_memory,
        quantity="test accuracy by the smaller angle to two class subspaces",
        predict=predictions.by_subspaces,
        kind="statistical",
        simulation="decoding",
    ),
    Fact(
        name="refit",
        source=_OWN,
        proposition="P17",
        statement="A max margin of m balanced examples with true labels has the score √m/(σ²√d) of "
        "either group, for m ≪ d without feature noise.",
        conditions="0 < ρ < 1, κ > 0",
        applies=conditions.has_memory,
        quantity="probit of the test accuracy",
        predict=predictions.refitted,
        kind="statistical",
        simulation="decoding",
    ),
    Fact(
        name="figure-1-run",
        source=_PAPER + "Figure 1",
        proposition="",
        statement="The published run is a typical one. After 1,000 steps ERM has 0.144 of the "
        "minority, MAT 0.898 and 0.986 of the majority; MAT's highest is 0.93, near step 376; "
        "without memory ERM has all of it from step 354 on. Each lies where 95 % of further "
        "replicates do.",
        conditions="the paper's Figure 1",
        applies=conditions.is_figure_1,
        quantity="accuracies counted on 500 test points of a group, and steps",
        predict=predictions.published,
        kind="exact",
        simulation="figure-1",
    ),
    Fact(
        name="figure-1-limit",
        source=_GORDON,
        proposition="P9",
        statement="The limit of the paper's Figure 1 run for t → ∞ is on the good side: most of "
        "the minority is right. The figure shows the time, not the limit.",
        conditions="the paper's Figure 1, 900 + 100 examples, at any n with its κ and d/n",
        applies=conditions.is_figure_1,
        quantity=_LIMIT,
        predict=predictions.proportional_limit,
        kind="statistical",
        simulation="figure-1",
    ),
    Fact(
        name="curing-scale",
        source=_OWN,
        proposition="P13",
        statement="There is a scale whose max margin has no spurious weight; with it both groups "
        "are equally accurate in the limit.",
        conditions="d/n above the separability threshold δ_s, both observed groups",
        applies=conditions.two_separable_groups,
        quantity=_LIMIT,
        predict=predictions.cured,
        kind="statistical",
        simulation="cures",
    ),
    Fact(
        name="curing-flow",
        source=_OWN,
        proposition="P13",
        statement="On the way to the curing scale's limit the minority's margin is that of the "
        "orthogonal limit's flow (P5), negative at first, up to O(n/d).",
        conditions=f"{_CLEAN}, κ > 0, large d/n",
        applies=conditions.clean_with_memory,
        quantity="exponent in d/n of the minority margin's difference",
        predict=predictions.always(-1.0),
        kind="convergence",
        simulation="curing-flow",
    ),
    Fact(
        name="lasting-cure",
        source=_OWN,
        proposition="P13",
        statement="With weights 1/(πΔ) on top of the curing scale the spurious weight is 0 at "
        "every time.",
        conditions=f"orthogonal ε_i, {_CLEAN}",
        applies=conditions.clean,
        quantity="largest γ|w_a|/w_y, t = 0.01 … 10¹²",
        predict=predictions.always(0.0),
        kind="exact",
        simulation="lasting-cure",
    ),
)
"""What `pitfalls verify` confirms, in the order of its table."""


def fact(name: str) -> Fact:
    """The fact of this name.

    Raises
    ------
    SettingError
        There is none.

    Examples
    --------
    >>> fact("lasting-cure").quantity
    'largest γ|w_a|/w_y, t = 0.01 … 10¹²'
    """
    for each in FACTS:
        if each.name == name:
            return each
    raise SettingError("fact", name, f"one of {', '.join(each.name for each in FACTS)}")
