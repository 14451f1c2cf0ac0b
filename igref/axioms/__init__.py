"""The axioms for attribution methods as checks that run, and methods that break them."""

from igref.axioms.axiom_verdict import Verdict
from igref.axioms.checks import (
    completeness,
    implementation_invariance,
    linearity,
    sensitivity_a,
    sensitivity_b,
    symmetry,
)

__all__ = [
    "Verdict",
    "completeness",
    "implementation_invariance",
    "linearity",
    "sensitivity_a",
    "sensitivity_b",
    "symmetry",
]
