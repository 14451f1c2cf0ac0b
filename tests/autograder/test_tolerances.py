"""The measurements behind the tolerances, on seeds of their own."""

import numpy as np
import pytest
import torch
from scipy.integrate import simpson

from autograder.judge import tolerances
from autograder.judge.function_mistakes import _OF_A_RULE, _OF_POINTS, _rule
from autograder.judge.probes.functions import input_gradient_probes, integrated_gradients_probes
from autograder.judge.truth import Question, distance
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
            distance(handed_in(q.probe, *quadrature.nodes_and_weights(rule, q.n_steps)), q.rule(rule, q.n_steps))
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


class TestRuleMargin:
    def rules(self, q: Question) -> dict[str, np.ndarray]:
        n = q.n_steps
        simpsons = simpson(np.eye(n + 1), x=np.linspace(0, 1, n + 1), axis=1)
        return {
            **{rule: quadrature.nodes_and_weights(rule, n) for rule in quadrature.RULES},
            "trapezoid over n points": quadrature.nodes_and_weights("trapezoid", n - 1),
            "right, n - 1": quadrature.nodes_and_weights("right", n - 1),
            "midpoint, n + 1": quadrature.nodes_and_weights("midpoint", n + 1),
            "Simpson": (np.linspace(0, 1, n + 1), simpsons),
        }

    def test_leaves_room_for_every_textbook_rule(self, questions):
        for q in questions:
            for rule, (nodes, weights) in self.rules(q).items():
                error = q.relative_error(handed_in(q.probe, nodes, weights))
                assert error <= q.allowed_error, (
                    f"{rule} on {where(q)}: {error / q.worst_rule_error:.2f} times the worst"
                )

    def test_of_rules_on_the_list_none_exceeds_the_worst(self, questions):
        for q in questions:
            for n in (q.n_steps - 1, q.n_steps, q.n_steps + 1):
                for rule in quadrature.RULES:
                    assert q.relative_error(q.rule(rule, n)) <= q.worst_rule_error

    def test_does_not_let_one_end_of_the_path_pass(self, questions):
        """On every seed the gradient at either end fails several probes."""
        per_seed = len(questions) // len(SEEDS)
        for start in range(0, len(questions), per_seed):
            for end in (0.0, 1.0):
                failed = [
                    q.name
                    for q in questions[start : start + per_seed]
                    if q.relative_error(q.difference * q.gradients([end])[0]) > q.allowed_error
                ]
                assert len(failed) >= 8

    def test_does_not_let_both_ends_in_full_pass(self, questions):
        for q in questions:
            if q.name == "polynomial with its bend in the middle":
                for n in (q.n_steps, q.n_steps + 1):
                    wrong = handed_in(q.probe, np.linspace(0, 1, n), np.full(n, 1 / n))
                    assert q.relative_error(wrong) > 1.5 * q.allowed_error


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

    def test_is_less_than_what_lies_between_two_mistakes(self, questions):
        """Every wrong variant that fails a probe can be told from every other one on some probe of the seed."""
        per_seed = len(questions) // len(SEEDS)
        some = questions[:per_seed]
        names = {}
        with np.errstate(all="ignore"):
            for name, mistake in _OF_POINTS:
                names.setdefault(name, []).append([mistake(q, _rule("", 1)) for q in some])
            for name, mistake in _OF_A_RULE:
                names.setdefault(name, []).append([mistake(q, _rule("midpoint", q.n_steps)) for q in some])
        for first, a_maps in names.items():
            for second, b_maps in names.items():
                if first < second:
                    for a in a_maps:
                        for b in b_maps:
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
