"""Half precision is said aloud, and can be switched off."""

import warnings

import pytest
import torch

from igref.attribution.adaptive import adaptive_integrated_gradients
from igref.attribution.core import gradient, integrated_gradients
from igref.attribution.paths import expected_gradients, path_integrated_gradients, straight_line
from igref.attribution.precision import LowPrecisionWarning, full_precision
from igref.quality.curves import retention_curve
from igref.steps.sweep import step_sweep
from tests.igref.small_networks import normal, relu_network

X, X0 = normal(2, 4).float(), normal(4, seed=1).float()


@pytest.mark.parametrize("attribute", [integrated_gradients, adaptive_integrated_gradients, step_sweep])
def test_autocast_is_said_aloud_and_full_precision_undoes_it(attribute):
    network = relu_network().float()
    exact = attribute(network, X, X0, 0).values
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.warns(LowPrecisionWarning, match="autocast is on, to bfloat16"):
            attribute(network, X, X0, 0)
        with full_precision(), warnings.catch_warnings():
            warnings.simplefilter("error")
            assert torch.equal(attribute(network, X, X0, 0).values, exact)


def test_a_gradient_under_autocast_is_said_too():
    with torch.autocast("cpu", torch.bfloat16), pytest.warns(LowPrecisionWarning):
        gradient(relu_network().float(), X, 0)


class Inside(torch.nn.Sequential):
    """Layers that points are converted for."""

    def forward(self, x):
        return super().forward(x.to(self[0].weight.dtype)).float()


def test_a_model_in_half_precision_is_said():
    """In every call, however the model comes: bare, as a method, or behind the wrapper that docs/igref.md shows."""
    half, brain = Inside(*relu_network()).half().eval(), relu_network().bfloat16()
    for forward, dtype in (
        (half, "float16"),
        (half, "float16"),
        (half.forward, "float16"),
        (lambda x: brain(x.bfloat16()).float(), "bfloat16"),
    ):
        for attribute in (
            lambda f: integrated_gradients(f, X, X0, 0),
            lambda f: gradient(f, X, 0),
            lambda f: expected_gradients(f, X, X, 0, n_samples=3),
            lambda f: path_integrated_gradients(f, straight_line(X, X0), 0, n_steps=3),
        ):
            with pytest.warns(LowPrecisionWarning, match=f"layers in {dtype}") as said:
                attribute(forward)
            assert sum(issubclass(one.category, LowPrecisionWarning) for one in said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        retention_curve(half, X, X, 0)  # takes no gradient


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: f.forward, lambda f: lambda x: f(x)])
def test_a_model_that_changes_its_precision_is_said_to_have_the_one_of_now(wrap):
    """Also after a first call in the other one: model.float() is what the warning asks for."""
    network = Inside(*relu_network()).eval()
    for dtype in (torch.float32, torch.float16, torch.float32, torch.bfloat16):
        network.to(dtype)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            gradient(wrap(network), X, 0)
        assert [str(one.message).split(":")[0] for one in said] == (
            [] if dtype == torch.float32 else [f"forward has layers in {str(dtype).removeprefix('torch.')}"]
        )


def test_full_precision_leaves_things_as_they_were():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    with pytest.raises(KeyError), full_precision():
        assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
        raise KeyError
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before
