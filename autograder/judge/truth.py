"""What is true of a probe: its exact attribution, and what the textbook rules leave of it.

Withheld from the student's process, like everything in this folder.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from scipy import integrate

from autograder.judge.probes.functions import Probe
from autograder.judge.tolerances import ROUNDING, RULE_MARGIN
from igref.attribution import quadrature
from igref.attribution.core import gradient
from igref.attribution.exact import exact_integrated_gradients

SMOOTH_NODES = 256
"""Gauss-Legendre nodes for the smooth probes: doubling them changes nothing above 1e-12 (tested)."""


class Question:
    """A probe, with its answers in float64 arrays of shape `(*shape)`."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.name, self.n_steps = probe.name, probe.n_steps
        self.x, self.baseline = probe.x.double(), probe.baseline.double()
        self.difference = (self.x - self.baseline).numpy()

    def gradients(self, alphas, *, start=None, end=None, forward=None, target=None) -> np.ndarray:
        """Gradients at start + alpha (end - start), shape `(len(alphas), *shape)`; by default on the path."""
        start = self.baseline if start is None else start
        end = self.x if end is None else end
        alphas = torch.as_tensor(alphas, dtype=torch.float64).reshape(-1, *[1] * self.x.ndim)
        target = self.probe.target if target is None else target
        points = start + alphas * (end - start)
        try:
            return gradient(forward or self.probe.network, points, target).numpy()
        except (
            ValueError
        ):  # a wrong variant may have no finite gradient there, such as the logarithm of a negative score
            return np.full(points.shape, np.nan)

    @cached_property
    def gradient(self) -> np.ndarray:
        return self.gradients([1.0])[0]

    @cached_property
    def exact(self) -> np.ndarray:
        """The integral itself: by its breakpoints where F is piecewise linear, else by a fine enough rule."""
        if self.probe.network.layers is not None:
            return exact_integrated_gradients(
                self.probe.network.layers, self.x[None], self.baseline[None], self.probe.target
            )[0].numpy()
        return self.rule("gauss_legendre", SMOOTH_NODES)

    def rule(self, rule: str, n_steps: int) -> np.ndarray:
        nodes, weights = quadrature.nodes_and_weights(rule, n_steps)
        return self.difference * np.tensordot(weights.numpy(), self.gradients(nodes), axes=1)

    def simpson(self, n_steps: int) -> np.ndarray:
        """Simpson's rule with n_steps intervals, for what is not igref's to teach but a student's to use."""
        points = np.linspace(0, 1, n_steps + 1)
        return self.difference * integrate.simpson(self.gradients(points), x=points, axis=0)

    @cached_property
    def worst_rule_error(self) -> float:
        """L2 error of the worst textbook rule near n_steps, relative to the exact attribution."""
        counts = {max(1, self.n_steps - 1), self.n_steps, self.n_steps + 1}
        maps = [self.rule(rule, n) for rule in quadrature.RULES for n in counts]
        # Where both ends happen to agree the plain rules are unusually exact, and Simpson's is not.
        return max(self.relative_error(values) for values in maps + [self.simpson(n) for n in counts])

    @property
    def allowed_error(self) -> float:
        return RULE_MARGIN * self.worst_rule_error + ROUNDING

    def relative_error(self, values: np.ndarray) -> float:
        return distance(values, self.exact)


def distance(values: np.ndarray, reference: np.ndarray) -> float:
    """L2 distance relative to the reference; infinite where values are not finite."""
    with np.errstate(all="ignore"):
        error = np.linalg.norm(values - reference) / max(np.linalg.norm(reference), 1e-30)
    return float(error) if np.isfinite(error) else float("inf")
