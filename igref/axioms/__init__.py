"""The axioms for attribution methods as checks that run, and methods that break them."""

from igref.axioms.axiom_verdict import AxiomVerdict
from igref.axioms.checks import (
    completeness,
    implementation_invariance,
    linearity,
    sensitivity_a,
    sensitivity_b,
    symmetry,
)

Verdict = AxiomVerdict  # the name under which igref has had it from the start

__all__ = [
    "AxiomVerdict",
    "Verdict",
    "completeness",
    "implementation_invariance",
    "linearity",
    "sensitivity_a",
    "sensitivity_b",
    "symmetry",
]
