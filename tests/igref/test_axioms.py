"""Each axiom holds for the methods that theory says keep it, and fails for one that breaks it."""

import pytest
import torch
from torch import nn

from igref import axioms
from igref.attribution.core import integrated_gradients
from igref.attribution.paths import path_integrated_gradients
from igref.counterexamples import (
    absolute_gradient,
    first_minus_second,
    first_minus_second_by_relus,
    gradient_times_difference,
    guided_backpropagation,
    occlusion_of_pairs,
    one_feature_after_the_other,
    saturated,
    symmetric_path_of_the_ends,
)
from tests.igref.small_networks import frozen, normal, relu_network, softmax_network


def ig(forward, inputs, baselines, targets):
    return integrated_gradients(forward, inputs, baselines, targets, n_steps=400)


def along_a_parabola(forward, inputs, baselines, targets):
    """A path method that is not IG: later features start later."""

    def path(a):
        powers = 1 + torch.arange(inputs[0].numel()).view(inputs.shape[1:]) / 4
        return baselines + a**powers * (inputs - baselines)

    return path_integrated_gradients(forward, path, targets, n_steps=400)


PATH_METHODS = [ig, along_a_parabola, one_feature_after_the_other]
ONE, ZERO = torch.tensor([[2.0]]).double(), torch.zeros(1).double()
X, X0 = normal(3, 4), normal(4, seed=1)


def same_by_other_weights(network):
    """The same function by another graph: hidden units doubled and halved again, and one more ReLU in between."""
    first, _, second, *rest = network
    wider, narrower = nn.Linear(4, 8).double(), nn.Linear(8, 8).double()
    wider.weight.data, wider.bias.data = first.weight * 2, first.bias * 2
    narrower.weight.data, narrower.bias.data = second.weight / 2, second.bias.clone()
    return nn.Sequential(wider, nn.ReLU(), nn.ReLU(), narrower, *rest).eval()


def by_two_relus(x):
    return x.relu() - (-x).relu()


def forgetful(x):
    """Four features, of which the second and the last do not count."""
    return torch.stack([x[:, 0] * x[:, 2], x[:, 2] ** 2], dim=1)


def even_handed(x):
    """Scores that do not change when features 0 and 2 are swapped."""
    return torch.stack([x[:, 0] * x[:, 2] * x[:, 1], (x[:, 0] + x[:, 2]).relu() + x[:, 3]], dim=1)


ALIKE = torch.tensor([[1.0, 2.0, 1.0, 3.0], [-0.5, 1.0, -0.5, 0.0]]).double()
ALIKE_BASE = torch.tensor([0.25, -1.0, 0.25, 1.0]).double()

CASES = {
    "completeness": lambda method: axioms.completeness(method, softmax_network(), X, X0, 1),
    "completeness, saturated": lambda method: axioms.completeness(method, saturated, ONE, ZERO, 0),
    "sensitivity (a)": lambda method: axioms.sensitivity_a(method, saturated, ONE, ZERO, 0),
    "sensitivity (b)": lambda method: axioms.sensitivity_b(
        method, forgetful, X, X0, torch.tensor([0, 1, 0]), unused=(1, 3)
    ),
    "implementation invariance": lambda method: axioms.implementation_invariance(
        method, relu_network(), same_by_other_weights(relu_network()), X, X0, 2
    ),
    "implementation invariance, identity": lambda method: axioms.implementation_invariance(
        method, lambda x: x, by_two_relus, -ONE, ZERO, 0
    ),
    "linearity": lambda method: axioms.linearity(method, softmax_network(), relu_network(), X, X0, 0),
}


@pytest.mark.parametrize("method", PATH_METHODS)
@pytest.mark.parametrize("case", CASES)
def test_path_methods_keep_what_theory_says(method, case):
    verdict = CASES[case](method)
    assert verdict.holds, str(verdict)
    assert case.startswith(verdict.axiom) and "holds" in str(verdict)


def test_the_straight_line_is_symmetric():
    for target in (0, 1):
        assert axioms.symmetry(ig, even_handed, ALIKE, ALIKE_BASE, target, features=(0, 2)).holds


@pytest.mark.parametrize("method", (along_a_parabola, one_feature_after_the_other))
def test_other_paths_are_not_symmetric(method):
    verdict = axioms.symmetry(method, even_handed, ALIKE, ALIKE_BASE, 0, features=(0, 2))
    assert not verdict.holds and verdict.violation > 0.1


@pytest.mark.parametrize(
    ("case", "method"),
    [
        ("completeness, saturated", gradient_times_difference),
        ("completeness", gradient_times_difference),
        ("completeness", absolute_gradient),
        ("sensitivity (a)", gradient_times_difference),
        ("sensitivity (a)", absolute_gradient),
        ("sensitivity (a)", guided_backpropagation),
        ("sensitivity (b)", occlusion_of_pairs),
        ("implementation invariance, identity", guided_backpropagation),
        ("linearity", absolute_gradient),
        ("linearity", guided_backpropagation),
    ],
)
def test_each_axiom_fails_for_a_method_that_breaks_it(case, method):
    verdict = CASES[case](method)
    assert not verdict.holds and "is broken" in str(verdict)


def test_the_gradient_is_implementation_invariant_where_guided_backpropagation_is_not():
    assert CASES["implementation invariance, identity"](gradient_times_difference).holds
    assert CASES["implementation invariance"](gradient_times_difference).holds


def test_the_witness_is_the_worst_input_in_numbers():
    """x^2 at 1, 2 and 3 from 0: gradient times difference gives 2 x^2, too much by x^2."""
    x = torch.tensor([[1.0], [3.0], [2.0]]).double()
    verdict = axioms.completeness(gradient_times_difference, lambda x: x**2, x, ZERO, 0)
    assert verdict.violation == 9
    assert verdict.witness == {"input": 1, "sum of attributions": 18, "F(x) - F(x')": 9}


def test_sensitivity_a_finds_the_one_input_that_breaks_it():
    x = torch.tensor([[0.5, 1.0], [0.0, 2.0], [0.0, 0.5]]).double()
    x0 = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).double()
    both = lambda x: saturated(x).sum(1, keepdim=True)  # noqa: E731
    verdict = axioms.sensitivity_a(gradient_times_difference, both, x, x0, 0)
    assert not verdict.holds
    assert verdict.witness == {"input": 1, "feature": 1, "attribution": 0, "F(x) - F(x')": 1}
    assert "at input 1, feature 1: attribution = 0" in str(verdict), "what counts is no value of the input"


def test_guided_backpropagation_is_springenberg_s_rule():
    """Through ReLU, gradients pass where both the input and the gradient are positive."""
    network = frozen(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    hidden = X @ network[0].weight.T + network[0].bias
    passed = network[2].weight[1].clamp(min=0) * (hidden > 0)
    expected = (X - X0) * (passed @ network[0].weight)
    torch.testing.assert_close(guided_backpropagation(network, X, X0.expand(3, 4), 1), expected)


@pytest.mark.usefixtures("unchecked_signatures")
def test_cases_that_do_not_fit_the_axiom():
    with pytest.raises(ValueError, match=r"inputs: expected each to differ .* exactly one feature, got .4, 4, 4."):
        axioms.sensitivity_a(ig, softmax_network(), X, X0, 0)
    with pytest.raises(ValueError, match="a score different from the baseline's; all are equal"):
        axioms.sensitivity_a(ig, lambda x: 0 * x, ONE, ZERO, 0)
    with pytest.raises(ValueError, match="forward: expected no influence of the unused features on F; got scores"):
        axioms.sensitivity_b(ig, forgetful, X, X0, 0, unused=[1, 2])
    with pytest.raises(ValueError, match="unused: expected features 0 to 3, got 4"):
        axioms.sensitivity_b(ig, forgetful, X, X0, 0, unused=[4])
    with pytest.raises(ValueError, match="unused: expected at least one feature"):
        axioms.sensitivity_b(ig, forgetful, X, X0, 0, unused=[])
    for features in ((0, 1, 2), (1, 1)):
        with pytest.raises(ValueError, match="features: expected two different ones"):
            axioms.symmetry(ig, even_handed, ALIKE, ALIKE_BASE, 0, features=features)
    with pytest.raises(TypeError, match="a: expected a number"):
        axioms.linearity(ig, softmax_network(), relu_network(), X, X0, 0, a="x")
    with pytest.raises(ValueError, match="same_function: expected the same function as forward; got scores"):
        axioms.implementation_invariance(ig, relu_network(), relu_network(1), X, X0, 0)
    with pytest.raises(ValueError, match="inputs: expected features 0 and 1 to be equal; they are not"):
        axioms.symmetry(ig, even_handed, ALIKE, ALIKE_BASE, 0, features=(0, 1))
    with pytest.raises(ValueError, match="forward: expected the same score with features 0 and 2 swapped"):
        axioms.symmetry(ig, softmax_network(), ALIKE, ALIKE_BASE, 0, features=(0, 2))
    with pytest.raises(TypeError, match="what the method returned: expected a torch tensor"):
        axioms.completeness(lambda *_: None, softmax_network(), X, X0, 0)
    with pytest.raises(ValueError, match="what the method returned: expected the shape of the inputs"):
        axioms.completeness(lambda *_: X[:1], softmax_network(), X, X0, 0)
    with pytest.raises(ValueError, match="in training mode"):
        axioms.linearity(ig, softmax_network(), relu_network().train(), X, X0, 0)


def test_a_path_inside_a_kink_is_not_implementation_invariant():
    """And one beside it is: the kink is crossed in no point, or in one."""
    forms = first_minus_second, first_minus_second_by_relus
    inside = axioms.implementation_invariance(ig, *forms, torch.ones(1, 2), torch.zeros(2), 0)
    assert not inside.holds
    assert (inside.witness["one gives"], inside.witness["other gives"]) == (1, 0)
    across = axioms.implementation_invariance(ig, *forms, torch.tensor([[1.0, 2.0]]), torch.tensor([1.0, 0.0]), 0)
    assert across.holds


def product(x):
    return x.prod(dim=1, keepdim=True)


def test_symmetry_does_not_single_out_the_straight_line_where_the_path_depends_on_the_ends():
    x, x0 = torch.tensor([[1.0, 1.0, 3.0]]).double(), torch.zeros(1, 3).double()
    another = symmetric_path_of_the_ends(product, x, x0, 0)
    torch.testing.assert_close(another, torch.tensor([[0.75, 0.75, 1.5]]).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(ig(product, x, x0, 0).values, torch.ones(1, 3).double(), atol=1e-4, rtol=0)
    assert axioms.symmetry(symmetric_path_of_the_ends, product, x, x0, 0, features=(0, 1)).holds
    assert axioms.symmetry(symmetric_path_of_the_ends, even_handed, ALIKE, ALIKE_BASE, 0, features=(0, 2)).holds


@pytest.mark.parametrize("case", CASES)
def test_the_path_of_the_ends_keeps_the_other_axioms(case):
    assert CASES[case](symmetric_path_of_the_ends).holds
