"""Half precision is said aloud, and can be switched off."""

import warnings

import pytest
import torch

from igref.attribution.adaptive import adaptive_integrated_gradients
from igref.attribution.core import gradient, integrated_gradients
from igref.attribution.precision import LowPrecisionWarning, full_precision, warn_of_half_precision
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


def test_a_model_in_half_precision_is_said():
    with pytest.warns(LowPrecisionWarning, match="parameters in float16"):
        warn_of_half_precision(relu_network().half(), X)
    with pytest.warns(LowPrecisionWarning, match="parameters in bfloat16"):
        warn_of_half_precision(relu_network().bfloat16().forward, X)


def test_full_precision_leaves_things_as_they_were():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    with pytest.raises(KeyError), full_precision():
        assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
        raise KeyError
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before
