"""Constants of the theory, each bent by 1 % or as its line shows, and the test that must then fail.

Bent further are those that are seen through Monte Carlo errors, or that are whole numbers.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A line of the code, its bent form, and the test that refuses it."""

    proposition: str
    file: str
    line: str
    bent: str
    test: str


MUTATIONS = [
    Mutation(
        "P1",
        "theory/cells.py",
        "push = self.weight * self.scale * expit(argument)",
        "push = 1.01 * self.weight * self.scale * expit(argument)",
        "test_theory_flow.py::test_flow_is_the_plain_time_integral",
    ),
    Mutation(
        "P2",
        "sims/drawing.py",
        "chisquare(d - order)",
        "chisquare(1.01 * (d - order))",
        "test_draw.py::test_the_factor_has_the_lengths_of_bartlett",
    ),
    Mutation(
        "P3",
        "theory/frame.py",
        "bend=system.kappa",
        "bend=1.01 * system.kappa",
        "test_theory_orthogonal.py::test_two_clean_cells_have_the_closed_form",
    ),
    Mutation(
        "P3",
        "theory/cells.py",
        "variance = np.array(setting.feature_variance)",
        "variance = 1.01 * np.array(setting.feature_variance)",
        "test_theory_orthogonal.py::test_max_margin_is_stationary_under_feature_noise",
    ),
    Mutation(
        "P4",
        "theory/orthogonal.py",
        "return 4 * gamma**2 * rho",
        "return 4.04 * gamma**2 * rho",
        "test_theory_orthogonal.py::test_threshold_of_the_paper",
    ),
    Mutation(
        "P4",
        "theory/setting.py",
        "(self.gamma * self.spurious_noise) ** 2",
        "1.01 * (self.gamma * self.spurious_noise) ** 2",
        "test_theory_orthogonal.py::test_threshold_of_the_interpolator_under_feature_noise",
    ),
    Mutation(
        "P5",
        "theory/dynamics.py",
        "np.concatenate((velocity, system.kappa * push))",
        "np.concatenate((velocity, 1.01 * system.kappa * push))",
        "test_theory_flow.py::test_flow_is_the_plain_time_integral",
    ),
    Mutation(
        "P5",
        "theory/decoupled.py",
        "overlap = 2 * system.shares",
        "overlap = 2.02 * system.shares",
        "test_theory_decoupled.py::test_margins_are_those_of_lambert",
    ),
    Mutation(
        "P6",
        "theory/dynamics.py",
        "height = (np.log(system.weight",
        "height = (1.01 * np.log(system.weight",
        "test_theory_asymptote.py::test_late_flow_is_the_asymptote",
    ),
    Mutation(
        "P6",
        "theory/dynamics.py",
        "np.degrees(orthogonal.norm / slope.norm)",
        "np.degrees(1.01 * orthogonal.norm / slope.norm)",
        "test_theory_asymptote.py::test_angle_rate_is_that_of_explicit_vectors",
    ),
    Mutation(
        "P6",
        "theory/dynamics.py",
        "np.append(rates, system.scale * slope * system.kappa)",
        "np.append(rates, 1.01 * system.scale * slope * system.kappa)",
        "test_theory_asymptote.py::test_decay_is_the_smallest_eigenvalue_of_the_whole_sample",
    ),
    Mutation(
        "P7",
        "theory/orthogonal.py",
        "rates = system.weight * system.scale * expit(-system.shift)",
        "rates = 1.01 * system.weight * system.scale * expit(-system.shift)",
        "test_theory_orthogonal.py::test_first_step_is_half_the_gradient_at_zero",
    ),
    Mutation(
        "P7",
        "theory/cells.py",
        "argument = -self.scale * margins",
        "argument = -1.01 * self.scale * margins",
        "test_theory_flow.py::test_second_order_of_the_spurious_weight_of_balanced_methods",
    ),
    Mutation(
        "P8",
        "theory/crossing.py",
        "return -intercept / slope",
        "return -1.01 * intercept / slope",
        "test_theory_crossing.py::test_crossing_times_are_those_of_the_flow",
    ),
    Mutation(
        "P9",
        "theory/barrier.py",
        "np.append(frame.variance, 1 / delta)",
        "np.append(frame.variance, 1.01 / delta)",
        "test_theory_proportional.py::test_published_table",
    ),
    Mutation(
        "P9",
        "theory/margin_law.py",
        "variance = (sigma * solution.memory) ** 2",
        "variance = 1.01 * (sigma * solution.memory) ** 2",
        "test_margin_law.py::test_memorization_is_the_test_error",
    ),
    Mutation(
        "P9",
        "theory/finite_ridge.py",
        "np.log1p(bend * system.kappa / delta)",
        "np.log1p(1.01 * bend * system.kappa / delta)",
        "test_theory_finite_ridge.py::test_minimiser_is_the_saddle_of_gordons_problem",
    ),
    Mutation(
        "P10",
        "theory/influence.py",
        "left = 1 - np.diag(reach) / n",
        "left = 1 - 1.01 * np.diag(reach) / n",
        "test_theory_influence.py::test_held_out_margins_are_those_of_training_again",
    ),
    Mutation(
        "P11",
        "theory/proximal.py",
        "push = np.log(weight * scale)",
        "push = np.log(1.01 * weight * scale)",
        "test_theory_ridge.py::test_path_is_the_primal_minimum",
    ),
    Mutation(
        "P11",
        "theory/dynamics.py",
        "(velocity - strength * state)",
        "(velocity - 1.01 * strength * state)",
        "test_theory_ridge.py::test_flow_with_decay_is_the_plain_time_integral",
    ),
    Mutation(
        "P12",
        "theory/mean_field/isometry.py",
        "back = self._xi[",
        "back = 0.8 * self._xi[",
        "test_mean_field.py::test_descent_is_p12_with_its_kernels",
    ),
    Mutation(
        "P12",
        "theory/mean_field/sites.py",
        "memory[:-1] += self.root * push",
        "memory[:-1] += 1.01 * self.root * push",
        "test_mean_field.py::test_many_features_give_the_orthogonal_limit",
    ),
    Mutation(
        "P13",
        "theory/curing.py",
        "return {MAJORITY: float(np.exp(root))",
        "return {MAJORITY: 1.01 * float(np.exp(root))",
        "test_theory_curing.py::test_the_curing_scale_has_a_closed_form",
    ),
    Mutation(
        "P13",
        "theory/curing.py",
        "1 / (shares[group] * scale[group])",
        "1 / (shares[group] * scale[group] ** 1.01)",
        "test_theory_curing.py::test_the_lasting_cure_never_leans_on_the_spurious_feature",
    ),
    Mutation(
        "P14",
        "theory/squared_hinge.py",
        "memory=float(unit * np.sqrt(",
        "memory=float(1.01 * unit * np.sqrt(",
        "test_theory_orthogonal.py::test_dual_weights_over_scales_add_up_to_the_squared_norm",
    ),
    Mutation(
        "P14",
        "theory/barrier.py",
        "np.append(frame.variance, 1 / delta)",
        "np.append(frame.variance, 1.01 / delta)",
        "test_theory_proportional.py::"
        "test_where_all_are_support_vectors_memory_is_discounted_by_one_over_delta",
    ),
    Mutation(
        "P15",
        "theory/delay.py",
        "size * (pull + majority",
        "size * (1.01 * pull + majority",
        "test_theory_delay.py::test_near_the_critical_memory_the_exponent_is_closed",
    ),
    Mutation(
        "P15",
        "theory/delay.py",
        "return changes[-1] if changes",
        "return changes[-1] + 0.01 if changes",
        "test_theory_delay.py::test_the_training_set_is_fitted_when_a_plain_integrator_says",
    ),
    Mutation(
        "P15",
        "theory/delay.py",
        "return math.exp(-found[-1])",
        "return 1.01 * math.exp(-found[-1])",
        "test_theory_delay.py::test_the_critical_decay_divides_the_ridge_solutions",
    ),
    Mutation(
        "P16",
        "theory/label_noise.py",
        "(missing + (1 - kept**2)",
        "(missing + (1.01 - kept**2)",
        "test_label_noise.py::test_the_factor_is_that_of_either_groups_score",
    ),
    Mutation(
        "P16",
        "theory/label_noise.py",
        "* (1 - kept**2 * (1 - missing))",
        "* (1 - kept * (1 - missing))",
        "test_label_noise.py::test_from_the_harmless_aspect_on_a_sample_is_right",
    ),
    Mutation(
        "P16",
        "theory/label_noise.py",
        "(climb * spread - mean * widening)",
        "(climb * spread - 1.01 * mean * widening)",
        "test_label_noise.py::test_the_peak_is_where_a_sample_has_it",
    ),
    Mutation(
        "P17",
        "theory/decoding.py",
        "memory, variance = 2 * setting.kappa, setting.sigma**2",
        "memory, variance = setting.kappa, setting.sigma**2",
        "test_decoding.py::test_a_large_offset_is_the_interpolator_with_twice_the_memory",
    ),
    Mutation(
        "P17",
        "theory/decoding.py",
        "size * (size + memory * lift)",
        "size * (size + 1.1 * memory * lift)",
        "test_decoding.py::test_directions_lie_in_the_plane_so_far",
    ),
    Mutation(
        "P17",
        "theory/decoding.py",
        "return float(size * math.sin(u",
        "return float(1.001 * size * math.sin(u",
        "test_decoding.py::test_the_chance_of_one_product_is_two_normal_ones",
    ),
]
