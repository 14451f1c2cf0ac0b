"""Deliberately wrong variants of what a task asks for, computed on the same probes.

A student's answer that agrees with one of them to SAME_MAP on every probe that it fails has, in all
likelihood, that mistake. Names are those of `autograder.judge.mistakes.Mistake`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import PROPORTIONAL, ROUNDING, SAME_MAP
from autograder.judge.truth import Question, distance
from igref.attribution import quadrature

HALF_PRECISION = 5e-3
"""Relative errors up to this, and above ROUNDING, on every affine probe, are blamed on the number format."""


@dataclass(frozen=True)
class Rule:
    """Nodes and weights, as a student might have combined them."""

    nodes: np.ndarray
    weights: np.ndarray


Variant = Callable[[Question, Rule], np.ndarray]


def _sum(q: Question, rule: Rule, **kwargs) -> np.ndarray:
    return np.tensordot(rule.weights, q.gradients(rule.nodes, **kwargs), axes=1)


def _closed(q: Question, count: int, weight: float) -> np.ndarray:
    """Equally spaced points with both ends, all of the same weight."""
    points = np.linspace(0, 1, max(count, 1))
    return q.difference * weight * q.gradients(points).sum(axis=0)


def _inner(q: Question) -> np.ndarray:
    points = np.arange(1, q.n_steps) / q.n_steps
    return q.difference * q.gradients(points).sum(axis=0) / q.n_steps


def _captum_trapezoid(q: Question) -> np.ndarray:
    n = q.n_steps
    weights = np.full(n, 1 / n)
    weights[[0, -1]] /= 2
    return q.difference * np.tensordot(weights, q.gradients(np.linspace(0, 1, n)), axes=1)


def _zero(q: Question) -> torch.Tensor:
    return torch.zeros_like(q.x)


def _top_class(q: Question) -> int:
    return int(q.probe.network(q.probe.x[None])[0].argmax())


def _all_classes(q: Question) -> dict:
    return {"forward": lambda x: q.probe.network(x).sum(dim=1, keepdim=True), "target": 0}


def _log(q: Question) -> dict:
    # A student takes the logarithm of a negative score and gets NaN; its gradient s'/s is finite all the same.
    return {"forward": lambda x: q.probe.network(x).abs().log()}


# The more specific ones come first; each is tried with every rule only where it depends on one.
_OF_POINTS: list[tuple[Mistake, Variant]] = [
    (Mistake.ZEROS, lambda q, r: np.zeros_like(q.difference)),
    (Mistake.GRADIENT_TIMES_INPUT, lambda q, r: q.x.numpy() * q.gradient),
    (Mistake.GRADIENT_TIMES_DIFFERENCE, lambda q, r: q.difference * q.gradient),
    (Mistake.GRADIENT_AT_INPUT, lambda q, r: q.gradient),
    (Mistake.GRADIENT_AT_BASELINE, lambda q, r: q.difference * q.gradients([0.0])[0]),
    (Mistake.ONE_TERM_TOO_MANY, lambda q, r: _closed(q, q.n_steps + 1, 1 / q.n_steps)),
    (Mistake.ONE_TERM_TOO_FEW, lambda q, r: _inner(q)),
    (Mistake.TRAPEZOID_WEIGHTS, lambda q, r: _captum_trapezoid(q)),
    (Mistake.BOTH_ENDS_IN_FULL, lambda q, r: _closed(q, q.n_steps, 1 / q.n_steps)),
    (Mistake.BOTH_ENDS_IN_FULL, lambda q, r: _closed(q, q.n_steps + 1, 1 / (q.n_steps + 1))),
]
_OF_A_RULE: list[tuple[Mistake, Variant]] = [
    (Mistake.DIFFERENCE_MISSING, lambda q, r: _sum(q, r)),
    (Mistake.TIMES_INPUT, lambda q, r: q.x.numpy() * _sum(q, r)),
    (Mistake.NOT_AVERAGED, lambda q, r: q.difference * _sum(q, r) * q.n_steps),
    (Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED, lambda q, r: _sum(q, r) * q.n_steps),
    (Mistake.SIGN_REVERSED, lambda q, r: -q.difference * _sum(q, r)),
    (Mistake.ABSOLUTE_VALUE, lambda q, r: np.abs(q.difference * _sum(q, r))),
    (Mistake.PATH_FROM_ZERO, lambda q, r: q.x.numpy() * _sum(q, r, start=_zero(q))),
    (Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE, lambda q, r: q.difference * _sum(q, r, start=_zero(q))),
    (Mistake.PATH_BEYOND_INPUT, lambda q, r: q.difference * _sum(q, r, start=q.x, end=2 * q.x - q.baseline)),
    (Mistake.TOP_CLASS, lambda q, r: q.difference * _sum(q, r, target=_top_class(q))),
    (Mistake.ALL_CLASSES, lambda q, r: q.difference * _sum(q, r, **_all_classes(q))),
    (Mistake.FIRST_CLASS, lambda q, r: q.difference * _sum(q, r, target=0)),
    (Mistake.LOG_PROBABILITY, lambda q, r: q.difference * _sum(q, r, **_log(q))),
]
_OF_THE_GRADIENT: list[tuple[Mistake, Variant]] = [
    (Mistake.ZEROS, lambda q, r: np.zeros_like(q.difference)),
    (Mistake.INPUT_TIMES_GRADIENT, lambda q, r: q.x.numpy() * q.gradient),
    (Mistake.ABSOLUTE_VALUE, lambda q, r: np.abs(q.gradient)),
    (Mistake.GRADIENT_SIGN, lambda q, r: np.sign(q.gradient)),
    (Mistake.GRADIENT_SIGN_REVERSED, lambda q, r: -q.gradient),
    (Mistake.TOP_CLASS, lambda q, r: q.gradients([1.0], target=_top_class(q))[0]),
    (Mistake.ALL_CLASSES, lambda q, r: q.gradients([1.0], **_all_classes(q))[0]),
    (Mistake.FIRST_CLASS, lambda q, r: q.gradients([1.0], target=0)[0]),
    (Mistake.LOG_PROBABILITY, lambda q, r: q.gradients([1.0], **_log(q))[0]),
]

Failed = list[tuple[Question, np.ndarray]]


def likely_mistake(failed: Failed, *, of_gradient: bool = False) -> Mistake | None:
    """The mistake that explains every failed answer, if there is one."""
    if not failed:
        return None
    variants = _gradient_variants() if of_gradient else _integral_variants()
    for name, mistake, rule in variants:
        if _explains(mistake, rule, failed, of_gradient):
            return name
    reference = (lambda q: q.gradient) if of_gradient else (lambda q: q.exact)
    errors = [distance(values, reference(q)) for q, values in failed]
    if all(ROUNDING < error < HALF_PRECISION for error in errors):
        return Mistake.HALF_PRECISION
    references = [reference]
    if not of_gradient:
        references += [lambda q, rule=rule: q.rule(rule, q.n_steps) for rule in quadrature.RULES]
    if any(all(_is_multiple(values, of(q)) for q, values in failed) for of in references):
        return Mistake.SCALED
    return None


def _integral_variants() -> Iterator[tuple[Mistake, Variant, str]]:
    yield from ((name, mistake, "") for name, mistake in _OF_POINTS)
    rules = (*quadrature.RULES, "closed")
    yield from ((name, mistake, rule) for name, mistake in _OF_A_RULE for rule in rules)


def _gradient_variants() -> Iterator[tuple[Mistake, Variant, str]]:
    yield from ((name, mistake, "") for name, mistake in _OF_THE_GRADIENT)


def _explains(mistake: Variant, rule: str, failed: Failed, of_gradient: bool) -> bool:
    compared = 0
    for question, values in failed:
        with np.errstate(all="ignore"):
            wrong = mistake(question, _rule(rule, question.n_steps))
        if not np.isfinite(wrong).all() and not np.isfinite(values).all():
            continue  # the mistake breaks down where the answer did: neither for nor against it
        if not np.isfinite(values).all():
            return False
        truth, allowed = (question.gradient, ROUNDING) if of_gradient else (question.exact, question.allowed_error)
        if distance(wrong, truth) <= allowed:
            return False  # with this mistake the answer would not have failed
        size = max(np.linalg.norm(values), np.linalg.norm(wrong), np.linalg.norm(truth))
        if not np.linalg.norm(values - wrong) <= SAME_MAP * size:
            return False
        compared += 1
    return compared > 0


def _rule(name: str, n_steps: int) -> Rule:
    if not name:
        return Rule(np.empty(0), np.empty(0))
    if name == "closed":
        return Rule(np.linspace(0, 1, n_steps), np.full(n_steps, 1 / n_steps))
    nodes, weights = quadrature.nodes_and_weights(name, n_steps)
    return Rule(nodes.numpy(), weights.numpy())


def _is_multiple(values: np.ndarray, reference: np.ndarray) -> bool:
    if not np.isfinite(values).all():
        return False
    norms = np.linalg.norm(values) * np.linalg.norm(reference)
    return bool(norms > 0 and 1 - float((values * reference).sum()) / norms < PROPORTIONAL)
