"""Integrated gradients: along a straight line, by rules, adaptively, exactly where that can be done, and along other paths."""

from igref.attribution.adaptive import AdaptiveAttribution, Panels, adaptive_integrated_gradients
from igref.attribution.core import Attribution, gradient, gradient_times_input, integrated_gradients
from igref.attribution.exact import breakpoints, exact_integrated_gradients, exact_integrated_gradients_of_polynomial
from igref.attribution.paths import (
    average_over_baselines,
    expected_gradients,
    feature_by_feature,
    path_integrated_gradients,
    straight_line,
)
from igref.attribution.quadrature import RULES, degree_of_exactness, nodes_and_weights

__all__ = [
    "RULES",
    "AdaptiveAttribution",
    "Attribution",
    "Panels",
    "adaptive_integrated_gradients",
    "average_over_baselines",
    "breakpoints",
    "degree_of_exactness",
    "exact_integrated_gradients",
    "exact_integrated_gradients_of_polynomial",
    "expected_gradients",
    "feature_by_feature",
    "gradient",
    "gradient_times_input",
    "integrated_gradients",
    "nodes_and_weights",
    "path_integrated_gradients",
    "straight_line",
]
