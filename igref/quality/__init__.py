"""How good is a map? Curves of masked pictures, the fills they depend on, and a sanity check."""

from igref.quality.comparison import FillComparison, compare_with_fills
from igref.quality.curves import (
    FRACTIONS,
    RetentionCurve,
    bootstrap_interval,
    deletion_curve,
    insertion_curve,
    retention_curve,
)
from igref.quality.imputation import FILLS
from igref.quality.randomisation import RandomisationCheck, model_randomisation

__all__ = [
    "FILLS",
    "FRACTIONS",
    "FillComparison",
    "RandomisationCheck",
    "RetentionCurve",
    "bootstrap_interval",
    "compare_with_fills",
    "deletion_curve",
    "insertion_curve",
    "model_randomisation",
    "retention_curve",
]
