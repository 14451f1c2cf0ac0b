"""The measurements behind the tolerances, on seeds of their own."""

from itertools import combinations, product

import numpy as np
import pytest
import torch

from autograder.judge import tolerances
from autograder.judge.compositions import MEANS, WHICH_GRADIENTS, Composition, integrals, right_weights
from autograder.judge.line import distance
from autograder.judge.probes.functions import input_gradient_probes, integrated_gradients_probes
from autograder.judge.truth import Question
from igref.attribution import quadrature

SEEDS = range(7000, 7003)
MANY_SEEDS = range(8000, 8030)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return [Question(probe) for seed in SEEDS for probe in integrated_gradients_probes(seed)]


def handed_in(probe, nodes, weights, dtype=torch.float32) -> np.ndarray:
    """Integrated gradients as a student computes it, in a precision."""
    x, baseline = probe.x.to(dtype), probe.baseline.to(dtype)
    alphas = torch.as_tensor(nodes).to(dtype).view(-1, *[1] * x.ndim)
    points = (baseline + alphas * (x - baseline)).requires_grad_()
    (gradients,) = torch.autograd.grad(probe.network(points)[:, probe.target].sum(), points)
    weights = torch.as_tensor(weights).to(dtype).view(-1, *[1] * x.ndim)
    return ((x - baseline) * (weights * gradients).sum(0)).double().numpy()


def where(question: Question) -> str:
    return f"{question.name}, {question.n_steps} steps"


class TestRounding:
    def test_is_more_than_float32_leaves_with_any_rule(self, questions):
        worst = max(
            distance(handed_in(q.probe, *quadrature.nodes_and_weights(rule, q.n_steps)), q.line.rule(rule, q.n_steps))
            for q in questions
            for rule in quadrature.RULES
        )
        assert worst < tolerances.ROUNDING / 10

    def test_is_more_than_float32_leaves_of_a_gradient(self):
        for seed in MANY_SEEDS:
            for probe in input_gradient_probes(seed):
                point = probe.x[None].clone().requires_grad_()
                (gradient,) = torch.autograd.grad(probe.network(point)[0, probe.target], point)
                error = distance(gradient[0].double().numpy(), Question(probe).gradient)
                assert error < tolerances.ROUNDING / 10, (probe.name, seed)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_is_less_than_half_precision_leaves_on_affine_functions(self, dtype):
        """Where no rule errs, precision is all there is to see."""
        for seed in MANY_SEEDS:
            for probe in integrated_gradients_probes(seed)[:2]:
                q = Question(probe)
                values = handed_in(probe, *quadrature.nodes_and_weights("midpoint", q.n_steps), dtype)
                assert q.relative_error(values) > 2 * q.allowed_error, (probe.name, seed)


class TestLargestCell:
    def rules(self, q: Question) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Everything that is called right, and rules that only the theorem knows."""
        n = q.n_steps
        random = np.random.default_rng(n)
        chebyshev = (1 - np.cos(np.pi * np.arange(n + 1) / n)) / 2
        moments = [1 / (k + 1) for k in range(n + 1)]
        rules = {part.name: part.of(n) for part in right_weights()}
        rules["stratified"] = (np.arange(n) + random.uniform(size=n)) / n, np.full(n, 1 / n)
        if n <= 12:  # beyond that, Vandermonde's matrix is too near to singular
            rules["Clenshaw and Curtis"] = chebyshev, np.linalg.solve(np.vander(chebyshev, increasing=True).T, moments)
        return rules

    def test_leaves_room_for_every_rule_of_its_kind(self):
        for seed in MANY_SEEDS:
            probes = integrated_gradients_probes(seed)
            for probe in (
                probes if seed in MANY_SEEDS[:4] else [one for one in probes if one.n_steps * one.x.numel() < 2000]
            ):
                q = Question(probe)
                for rule, (nodes, weights) in self.rules(q).items():
                    assert q.relative_error(handed_in(q.probe, nodes, weights)) <= q.allowed_error, (
                        rule,
                        where(q),
                        seed,
                    )

    def test_is_the_largest_that_these_rules_have(self):
        """Each node lies in its own of the cells as long as the weights, and none of those is longer."""
        for n in range(2, 40):
            for part in right_weights():
                nodes, weights = part.of(n)
                ends = np.concatenate([[0], np.cumsum(weights)])
                assert weights.min() >= 0 and ends[-1] == pytest.approx(1)
                assert (ends[:-1] <= nodes + 1e-12).all() and (nodes <= ends[1:] + 1e-12).all(), (part.name, n)
                assert weights.max() * max(1, n - 1) <= tolerances.LARGEST_CELL, (part.name, n)

    def test_does_not_let_one_end_of_the_path_pass(self, questions):
        """On every seed the gradient at either end fails several probes."""
        per_seed = len(questions) // len(SEEDS)
        for start in range(0, len(questions), per_seed):
            for end in (0.0, 1.0):
                failed = [
                    q.name
                    for q in questions[start : start + per_seed]
                    if q.relative_error(q.line.weighted(np.array([end]), np.ones(1))) > q.allowed_error
                ]
                assert len(failed) >= 8


class TestSteps:
    @pytest.mark.parametrize("rule", ["midpoint", "trapezoid", "gauss_legendre"])
    def test_few_and_many_give_different_answers_with_every_rule(self, rule):
        for seed in MANY_SEEDS:
            few, many = (p for p in integrated_gradients_probes(seed) if p.asks_about == "steps")
            answers = [handed_in(p, *quadrature.nodes_and_weights(rule, p.n_steps)) for p in (few, many)]
            assert distance(*answers) > 0.1 * tolerances.ROUNDING, (rule, seed)


class TestSameMap:
    def test_is_far_more_than_rounding(self):
        assert tolerances.SAME_MAP >= 50 * tolerances.ROUNDING

    def test_is_less_than_what_lies_between_two_compositions_of_one_mistake(self, questions):
        """Every single part that is wrong can be told from every other one on some probe of the seed."""
        some = questions[: len(questions) // len(SEEDS)]
        parts = integrals()
        right = [kind[0] for kind in (parts.weights, WHICH_GRADIENTS, parts.paths, parts.scores, parts.targets)]
        right += [parts.each[0], MEANS[0], parts.factors[0]]
        kinds = (
            parts.weights,
            WHICH_GRADIENTS,
            parts.paths,
            parts.scores,
            parts.targets,
            parts.each,
            MEANS,
            parts.factors,
        )
        maps: dict[str, list[list[np.ndarray]]] = {}
        for k, kind in enumerate(kinds):
            for part in kind:
                if part.mistake and not part.name.startswith("last batch"):
                    composition = Composition(*right[:k], part, *right[k + 1 :])
                    maps.setdefault(part.mistake, []).append([composition.map(q.line, q.n_steps) for q in some])
        for first, second in combinations(maps, 2):
            for a, b in product(maps[first], maps[second]):
                apart = [distance(v, w) for v, w in zip(a, b, strict=True) if np.isfinite([v, w]).all()]
                assert max(apart) > 10 * tolerances.SAME_MAP, (first, second)


def test_every_tolerance_says_where_it_comes_from():
    import ast
    from pathlib import Path

    body = ast.parse(Path(tolerances.__file__).read_text()).body[1:]
    for i, node in enumerate(body):
        if isinstance(node, ast.Assign):
            following = body[i + 1] if i + 1 < len(body) else None
            assert isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant), node.targets[0].id
