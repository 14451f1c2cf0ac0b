"""Bad input: one clear error each, for every public function."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import igref
from igref import arguments
from tests.igref.small_networks import normal, relu_network, softmax_network

pytestmark = pytest.mark.usefixtures("unchecked_signatures")

X, X0 = normal(2, 4), normal(4, seed=1)

FUNCTIONS = {
    "gradient": lambda forward, x, x0, target: igref.gradient(forward, x, target),
    "gradient_times_input": lambda forward, x, x0, target: igref.gradient_times_input(forward, x, target),
    "integrated_gradients": igref.integrated_gradients,
    "adaptive_integrated_gradients": igref.adaptive_integrated_gradients,
    "step_sweep": igref.step_sweep,
    "average_over_baselines": lambda forward, x, x0, target: igref.average_over_baselines(
        forward, x, x0[None] if isinstance(x0, torch.Tensor) else x0, target
    ),
    "expected_gradients": lambda forward, x, x0, target: igref.expected_gradients(
        forward, x, x0[None] if isinstance(x0, torch.Tensor) else x0, target, n_samples=5
    ),
    "exact_integrated_gradients_of_polynomial": lambda forward, x, x0, target: (
        igref.exact_integrated_gradients_of_polynomial(forward, x, x0, target, degree=2)
    ),
}
WITH_BASELINE = [name for name in FUNCTIONS if not name.startswith("gradient")]


def every(names=FUNCTIONS):
    return pytest.mark.parametrize("function", [FUNCTIONS[name] for name in names], ids=list(names))


@every()
@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (X.numpy(), TypeError, r"inputs: expected a torch tensor \(N, \*shape\), got numpy.ndarray"),
        ([[1.0, 2.0]], TypeError, "inputs: expected a torch tensor .* got list"),
        (X.long(), TypeError, r"inputs: expected float32 or float64, got int64.*inputs.float\(\) / 255"),
        (X.half(), TypeError, "inputs: expected float32 or float64, got float16"),
        (X[0], ValueError, r"inputs: expected a batch .* got shape \(4,\).*inputs\[None\]"),
        (X[:0], ValueError, r"inputs: expected a batch .* at least one input, got shape \(0, 4\)"),
        (
            X * math.nan,
            ValueError,
            r"inputs: expected finite values, got 8 NaN or infinite of 8, .* \(0, 0\)",
        ),
        (X / 0, ValueError, "inputs: expected finite values"),
        (X.to("meta"), TypeError, "inputs: expected a dense tensor with values, got no values, on the device meta"),
        (X.to_sparse(), TypeError, r"inputs: expected a dense tensor .* sparse tensor. Use inputs.to_dense\(\)"),
        (X * 1j, TypeError, r"got complex128.*torch.view_as_real\(inputs\)"),
    ],
)
def test_inputs(function, inputs, error, message):
    with pytest.raises(error, match=message):
        function(softmax_network(), inputs, X0, 0)


@every(WITH_BASELINE)
@pytest.mark.parametrize(
    ("baseline", "error", "message"),
    [
        (X0[:3], ValueError, r"expected the shape of the inputs, \([12], 4\).*got \(3,\)"),
        (X0 * math.nan, ValueError, "expected finite values"),
        (X0.long(), TypeError, "expected float32 or float64, got int64"),
        (
            X0.float(),
            TypeError,
            r"expected the dtype of the inputs, float64, got float32.*to\(inputs.dtype\)",
        ),
        (X0.numpy(), TypeError, "expected a torch tensor .* got numpy.ndarray"),
        (X0.to("meta"), TypeError, "expected a dense tensor with values"),
    ],
)
def test_baselines(function, baseline, error, message):
    with pytest.raises(error, match=f"(baselines|references): {message}"):
        function(softmax_network(), X, baseline, 0)


def test_a_baseline_for_each_input_has_to_be_for_each():
    with pytest.raises(ValueError, match=r"baselines: expected the shape .*\(2, 4\), or one .*\(4,\); got \(3, 4\)"):
        igref.integrated_gradients(softmax_network(), X, normal(3, 4), 0)


@every()
@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (3, ValueError, "targets: expected class indices 0 to 2, as forward returns 3 scores; got 3"),
        (torch.tensor([0, 7]), ValueError, "targets: expected class indices 0 to 2, .* got 7"),
        (-1, ValueError, "targets: expected class indices from 0 up, got -1"),
        (
            torch.tensor([0, 1, 2]),
            ValueError,
            r"targets: .* each of the 2 inputs, shape \(2,\); got shape \(3,\)",
        ),
        (
            torch.tensor([0.0, 1.0]),
            TypeError,
            r"targets: expected one int, or 2 in a LongTensor \(2,\), got a float32",
        ),
        (1.0, TypeError, "targets: expected one int, or 2 in a LongTensor .* got float"),
        (True, TypeError, "targets: expected one int, or 2 in a LongTensor .* got bool"),
        (None, TypeError, "targets: expected one int, or 2 in a LongTensor .* got NoneType"),
        ([0, 1.5], TypeError, "targets: expected one int, .* got list"),
        (2**70, ValueError, "targets: expected a class index, got 1180591620717411303424"),
        ([0, [1]], TypeError, "targets: expected one int, .* got list"),
    ],
)
def test_targets(function, targets, error, message):
    with pytest.raises(error, match=message):
        function(softmax_network(), X, X0, targets)


@every()
@pytest.mark.parametrize(
    ("forward", "error", "message"),
    [
        ("efficientnet", TypeError, r"forward: expected a function from a batch \(B, \*shape\).*got str"),
        (
            softmax_network().train(),
            ValueError,
            "forward: .* evaluation mode, got Sequential in training mode",
        ),
        (softmax_network().train().forward, ValueError, r"in training mode.*Call model.eval\(\) first"),
        (
            lambda x: x.sum(1),
            ValueError,
            r"forward: expected class scores of shape \(B, K\).*scores\[:, None\]",
        ),
        (lambda x: x.sum(), ValueError, r"forward: expected class scores .* returned shape \(\)"),
        (lambda x: x[1:], ValueError, "forward: expected class scores of shape"),
        (lambda x: x[:, None], ValueError, "forward: expected class scores of shape"),
        (lambda x: x.detach().numpy(), TypeError, "forward: .* a torch tensor; it returned numpy.ndarray"),
        (lambda x: None, TypeError, "forward: .* a torch tensor; it returned NoneType"),
        (lambda x: x.argmax(1, keepdim=True), TypeError, "forward: .* floats; it returned int64"),
        (lambda x: x * math.nan, ValueError, "forward: .* finite; it returned NaN or infinity"),
    ],
)
def test_forward(function, forward, error, message):
    with pytest.raises(error, match=message):
        function(forward, normal(3, 4), X0, 0)


trainable = softmax_network().requires_grad_(True)


@every()
@pytest.mark.parametrize(
    "forward", (lambda x: x.detach() * 2, lambda x: torch.ones(len(x), 3), lambda x: trainable(x.detach()))
)
def test_a_forward_that_is_cut_off_from_its_input(function, forward):
    with pytest.raises(ValueError, match="forward: expected scores that autograd can follow back to the input"):
        function(forward, X, X0, 0)


def test_a_gradient_that_is_not_finite():
    with pytest.raises(ValueError, match="the gradient of forward along the path: expected finite values"):
        igref.integrated_gradients(lambda x: x.sqrt(), X.abs(), torch.zeros(4).double(), 0, rule="left")


@pytest.mark.parametrize("n_steps", (0, -5))
def test_no_steps(n_steps):
    with pytest.raises(ValueError, match=f"n_steps: expected a whole number of at least 1, got {n_steps}"):
        igref.integrated_gradients(softmax_network(), X, X0, 0, n_steps=n_steps)


def test_other_options():
    ig, forward = igref.integrated_gradients, softmax_network()
    with pytest.raises(ValueError, match=r"rule: expected one of left, .* got 'simpson'"):
        ig(forward, X, X0, 0, rule="simpson")
    with pytest.raises(ValueError, match="chunk_size: expected a whole number of at least 1, got 0"):
        ig(forward, X, X0, 0, chunk_size=0)
    with pytest.raises(TypeError, match="progress: expected True, None or a function"):
        ig(forward, X, X0, 0, progress="bar")
    with pytest.raises(ValueError, match=r"steps: expected at least one, and each once; got \[\]"):
        igref.step_sweep(forward, X, X0, 0, steps=())
    with pytest.raises(ValueError, match=r"steps: expected at least one, and each once; got \[5, 5\]"):
        igref.step_sweep(forward, X, X0, 0, steps=(5, 5))
    with pytest.raises(ValueError, match="rule: expected one of"):
        igref.step_sweep(forward, X, X0, 0, rule=("left", "simpson"))
    with pytest.raises(ValueError, match="tolerance: expected a number from 0"):
        igref.adaptive_integrated_gradients(forward, X, X0, 0, tolerance=-0.1)
    with pytest.raises(ValueError, match="max_gradients: expected a whole number of at least 2, got 1"):
        igref.adaptive_integrated_gradients(forward, X, X0, 0, max_gradients=1)
    with pytest.raises(ValueError, match="n_samples: expected a whole number of at least 1, got 0"):
        igref.expected_gradients(forward, X, X, 0, n_samples=0)
    with pytest.raises(TypeError, match="path: expected a function of a"):
        igref.path_integrated_gradients(forward, X, 0)
    with pytest.raises(ValueError, match=r"path\(0.0\): expected the shape of the inputs"):
        igref.path_integrated_gradients(forward, lambda a: X if a else X[:1], 0)


def test_numbers_in_every_form():
    for three in (np.int64(3), np.array(3), torch.tensor(3)):
        assert arguments.count(three, "n") == arguments.seed(three) == arguments.number(three, "x", low=0) == 3
    for values in ([1, 2], (1, 2), np.array([1, 2]), torch.tensor([1, 2]), range(1, 3)):
        assert arguments.several(values, "steps") == [1, 2]
    for check in (lambda v: arguments.count(v, "n"), lambda v: arguments.number(v, "n", low=0)):
        for wrong in (np.array([3, 4]), torch.tensor([3.0, 4.0]), "3", True, None, [3]):
            with pytest.raises(TypeError, match="n: expected a"):
                check(wrong)
    for wrong in (3, "ab", None, np.array(3), torch.tensor(3), {"a": 1}):
        with pytest.raises(TypeError, match="steps: expected a list"):
            arguments.several(wrong, "steps")


FORWARD = softmax_network()
METHODS = {"map": X}


@pytest.mark.parametrize("seed", (-1, 2**70, 1.5, None))
@pytest.mark.parametrize(
    "function",
    [
        lambda seed: igref.expected_gradients(FORWARD, X, X, 0, n_samples=3, seed=seed),
        lambda seed: igref.make_baseline("uniform", X.abs().clamp(max=1), seed=seed),
        lambda seed: igref.retention_curve(FORWARD, X, X, 0, seed=seed),
        lambda seed: igref.compare_with_fills(FORWARD, X, METHODS, 0, fills=["mean"], seed=seed),
        lambda seed: igref.model_randomisation(relu_network(), lambda model: X, seed=seed),
        lambda seed: igref.bootstrap_interval(X, seed=seed),
    ],
)
def test_seeds(function, seed):
    with pytest.raises((TypeError, ValueError), match="seed: expected a whole number"):
        function(seed)
    function(np.int64(3))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: igref.step_sweep(FORWARD, X, X0, 0, steps=5), TypeError, "steps: expected a list of them, got 5"),
        (lambda: igref.step_sweep(FORWARD, X, X0, 0, rule=None), TypeError, "rule: expected a list"),
        (lambda: igref.retention_curve(FORWARD, X, X, 0, fractions=0.5), TypeError, "fractions: expected a list"),
        (lambda: igref.compare_with_fills(FORWARD, X, METHODS, 0, fills="mean"), TypeError, "fills: expected a list"),
        (lambda: igref.compare_with_fills(FORWARD, X, METHODS, 0, fills=["mean"] * 2), ValueError, "each once"),
        (lambda: igref.compare_with_fills(FORWARD, X, X, 0), TypeError, "attributions: expected a dictionary"),
        (lambda: igref.bootstrap_interval(X[0]), TypeError, r"values: expected a tensor of real numbers \(N, K\)"),
        (lambda: igref.make_baseline("constant", X * 0, value="x"), TypeError, "value: expected a number, .* got str"),
        (lambda: igref.make_baseline("blurred", X.view(1, 1, 2, 4) * 0, sigma=math.inf), ValueError, "sigma: expected"),
        (lambda: igref.model_randomisation(relu_network(), 3), TypeError, "attribute: expected a function"),
        (lambda: igref.path_integrated_gradients(FORWARD, lambda a: float(a) * X, 0), ValueError, "follow from a"),
        (lambda: igref.completeness(3, FORWARD, X, X0, 0), TypeError, "method: expected a function"),
        (
            lambda: igref.completeness(igref.integrated_gradients, FORWARD, X, X0, 0, tolerance=-1),
            ValueError,
            "tolerance",
        ),
        (lambda: igref.top_classes_table(igref.load_model("digits_cnn"), [X]), TypeError, "images: expected a dict"),
    ],
)
def test_what_is_no_list_no_dictionary_and_no_function(function, error, message):
    with pytest.raises(error, match=message):
        function()


def test_an_evaluated_model_and_its_methods_pass_without_a_warning():
    network = relu_network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for forward in (network, network.forward, lambda x: network(x)):
            igref.integrated_gradients(forward, X, X0, torch.tensor([0, 2]))


def test_a_part_in_training_mode_counts():
    network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 3)).double().eval()
    network[1].train()
    with pytest.raises(ValueError, match="training mode"):
        igref.gradient(network, X, 0)
