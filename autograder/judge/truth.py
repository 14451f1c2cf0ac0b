"""What is true of a probe: its exact attribution, and what the textbook rules leave of it.

Withheld from the student's process, like everything in this folder.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from autograder.judge.line import Line, distance
from autograder.judge.probes.functions import Probe
from autograder.judge.tolerances import LARGEST_CELL, ROUNDING
from igref.attribution.exact import exact_integrated_gradients

VARIATION_NODES = 401
"""Where the variation of a gradient along its path is read off."""

SMOOTH_NODES = 256
"""Gauss-Legendre nodes for the smooth probes: doubling them changes nothing above 1e-12 (tested)."""


class Question:
    """A probe, with its answers in float64 arrays of shape `(*shape)`."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.name, self.n_steps = probe.name, probe.n_steps
        self.line = Line(probe.network, probe.x.double(), probe.baseline.double(), probe.target)

    @cached_property
    def gradient(self) -> np.ndarray:
        return self.line.gradients(np.ones(1))[0].numpy()

    @cached_property
    def exact(self) -> np.ndarray:
        """The integral itself: by its breakpoints where F is piecewise linear, else by a fine enough rule."""
        line = self.line
        if self.probe.network.layers is not None:
            return exact_integrated_gradients(
                self.probe.network.layers, line.image[None], line.baseline[None], line.target
            )[0].numpy()
        return line.rule("gauss_legendre", SMOOTH_NODES)

    @cached_property
    def allowed_error(self) -> float:
        """What no textbook rule exceeds, relative to the exact attribution: see LARGEST_CELL."""
        gradients = self.line.gradients(np.linspace(0, 1, VARIATION_NODES)).numpy()
        variation = np.abs(np.diff(gradients, axis=0)).sum(axis=0)
        largest = LARGEST_CELL / max(1, self.n_steps - 1) * np.linalg.norm(self.line.difference * variation)
        return float(largest / max(np.linalg.norm(self.exact), 1e-30)) + ROUNDING

    def relative_error(self, values: np.ndarray) -> float:
        return distance(values, self.exact)
