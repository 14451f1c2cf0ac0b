"""How many steps are enough: integrated gradients at many step counts."""

from igref.steps.sweep import StepSweep, step_sweep

__all__ = ["StepSweep", "step_sweep"]
