"""What people bring as a `forward`: each works, or one clear error says what to do."""

import functools
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

import igref
from igref.attribution.precision import LowPrecisionWarning

X, X0 = torch.rand(2, 5, generator=torch.Generator().manual_seed(0)), torch.zeros(5)
PHOTOS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def network(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), *between, nn.ReLU(), nn.Linear(16, 3)).eval()


class LeNet(nn.Module):
    """Flattens as PyTorch's own tutorial does, or as it should."""

    def __init__(self, flatten) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.conv2, self.linear = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 10)
        self.flatten = flatten

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.conv1(x).relu(), 2)
        x = functional.max_pool2d(self.conv2(x).relu(), 2)
        return self.linear(self.flatten(x))


@pytest.mark.parametrize("wrapped", (False, True))
def test_a_model_that_flattens_with_view(wrapped):
    views, flattens = LeNet(lambda x: x.view(-1, 400)).eval(), LeNet(lambda x: x.flatten(1)).eval()
    forward = (lambda x: views(x)) if wrapped else views
    ig = igref.integrated_gradients(forward, PHOTOS, torch.zeros(3, 32, 32), 3)
    expected = igref.integrated_gradients(flattens, PHOTOS, torch.zeros(3, 32, 32), 3)
    assert torch.allclose(ig.values, expected.values, atol=1e-6)
    assert ig.relative_gap.max() < 0.05
    assert igref.gradient(forward, PHOTOS, 3).shape == PHOTOS.shape


@pytest.mark.parametrize("wrap", (lambda f: lambda x: f(x), functools.partial, lambda f: f.forward.__func__.__get__(f)))
def test_training_mode_behind_a_wrapper_changes_nothing(wrap):
    for layer in (nn.BatchNorm1d(16), nn.Dropout(0.5)):
        model = network(layer).train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(ValueError, match=r"training mode.*model.eval\(\)"):
            igref.integrated_gradients(wrap(model), X, X0, 0)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Drops(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(super().forward(x), 0.5, self.training)


@pytest.mark.parametrize(
    "layer",
    [
        nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)),
        nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)).requires_grad_(False),
        Drops(16, 16),
    ],
    ids=("spectral", "frozen", "own"),
)
def test_training_mode_of_what_no_list_has(layer):
    model = network(layer).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"in training mode.*model.eval\(\)"):
        igref.integrated_gradients(lambda x: model(x), X, X0, 0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert igref.integrated_gradients(model.eval(), X, X0, 0).values.isfinite().all()


def test_a_dropout_of_few_units_is_found():
    model = network()
    hidden = model[:2].eval()
    for seed in range(10):
        torch.manual_seed(seed)
        with pytest.raises(ValueError, match="other scores when it comes again"):
            igref.integrated_gradients(lambda x: model[2](functional.dropout(hidden(x), 0.02)), X, X0, 0)
    drawn_in_vain = lambda x: model(x) + 0 * torch.rand(len(x), 1)  # noqa: E731
    assert igref.integrated_gradients(drawn_in_vain, X, X0, 0).values.isfinite().all()


def test_one_point_or_an_error_does_not_count_as_an_examination():
    torch.manual_seed(0)

    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.linear = nn.LSTM(5, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(self.lstm(x)[0])

    for first in (lambda model: igref.gradient(model, X[:1, :3], 0), lambda model: igref.gradient(model, X[:1], 0)):
        model = Mixing().eval()
        with pytest.raises((RuntimeError, ValueError)):
            first(model)
        with pytest.raises(ValueError, match="batch_first=True"):
            igref.integrated_gradients(model, X, X0, 0)


def test_an_error_of_forward_says_what_it_was_given():
    with pytest.raises(RuntimeError) as error:
        igref.integrated_gradients(LeNet(lambda x: x.flatten(1)).eval(), PHOTOS[0], torch.zeros(32, 32), 0)
    assert "a batch of shape (150, 32, 32), torch.float32, on cpu" in "".join(error.value.__notes__)


def test_whole_numbers_and_weights_that_have_no_gradient():
    embedding = nn.Embedding(10, 3).eval()
    with pytest.raises(TypeError, match=r"forward: it takes whole numbers, as of tokens.*embeddings: docs/igref.md"):
        igref.integrated_gradients(lambda x: embedding(x).mean(1), X, X0, 0)
    with pytest.raises(ValueError, match=r"\.long\(\).*of tokens attribute to the embeddings"):
        igref.integrated_gradients(lambda x: embedding(x.long()).mean(1), X, X0, 0)
    with torch.inference_mode():
        inside = network()
    with pytest.raises(
        RuntimeError, match=r"weights were made under torch.inference_mode.*load the model outside of it"
    ):
        igref.integrated_gradients(inside, X, X0, 0)


def test_a_model_that_was_examined_says_which_dtype_it_takes():
    model = network()
    igref.gradient(model, X, 0)
    with pytest.raises(TypeError, match="its points come in the dtype of the inputs"):
        igref.gradient(model, X.double(), 0)
    lstm = nn.LSTM(5, 3, batch_first=True).half()
    with pytest.raises(TypeError, match=r"torch.float32, and torch says: RNN input dtype.*x.half\(\)"):
        igref.gradient(lambda x: lstm(x[:, None])[0][:, -1], X, 0)


def test_an_exported_model_has_no_mode():
    """Its eval() raises; what it does shows."""
    model = network()
    graph = torch.fx.symbolic_trace(network()).train()
    assert torch.equal(igref.gradient(graph, X, 0), igref.gradient(model, X, 0))
    with pytest.raises(ValueError, match="Dropout in training mode"):
        igref.gradient(torch.fx.symbolic_trace(network(nn.Dropout(0.5)).train()), X, 0)


def test_statistics_of_a_functional_normalisation_are_put_back():
    mean, variance, linear = torch.zeros(5), torch.ones(5), network()

    def forward(x: Tensor) -> Tensor:
        return linear(functional.batch_norm(x, mean, variance, training=True))

    with pytest.raises(ValueError, match=r"function of one point.*other inputs of its batch"):
        igref.integrated_gradients(forward, X, X0, 0)
    assert not mean.any()
    assert (variance == 1).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda f: igref.integrated_gradients(f, X, X0, 0),
        lambda f: igref.adaptive_integrated_gradients(f, X, X0, 0),
        lambda f: igref.step_sweep(f, X, X0, 0, steps=(2, 4)),
        lambda f: igref.gradient(f, X, 0),
        lambda f: igref.expected_gradients(f, X, X, 0, n_samples=3),
        lambda f: igref.path_integrated_gradients(f, igref.straight_line(X, X0), 0),
        lambda f: igref.retention_curve(f, X, X, 0),
        lambda f: igref.diagnose(lambda x: f(x).softmax(1), X, X[0], 0),
        lambda f: igref.make_baseline("adversarial", X, forward=f, step=0.1),
    ],
)
def test_what_is_no_function_of_one_point(function):
    linear = network()
    for forward, why in [
        (lambda x: linear(functional.dropout(x, 0.5)), r"other scores when it comes again.*training=self.training"),
        (lambda x: linear(x + 0.1 * torch.randn_like(x)), "other scores when it comes again"),
        (lambda x: linear(x - x.mean(0)), "change with the other inputs of its batch"),
        (lambda x: linear(x).softmax(0), "change with the other inputs of its batch"),
    ]:
        with pytest.raises(ValueError, match=f"forward: expected a function of one point.*{why}"):
            function(forward)


@pytest.mark.parametrize("alone", [False, True], ids=("view", "one at a time"))
def test_statistics_are_put_back_where_a_pass_has_failed(alone):
    """The normalisation has changed them by the time that `.view` finds channels_last, or a batch of two."""
    model = nn.Sequential(nn.BatchNorm2d(3), LeNet(lambda x: x.view(1 if alone else -1, 400))).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="BatchNorm2d in training mode"):
        igref.integrated_gradients(lambda x: model(x), PHOTOS[:1], torch.zeros(3, 32, 32), 0, chunk_size=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_recurrent_layer_that_takes_the_batch_for_a_sequence():
    torch.manual_seed(0)
    lstm, linear = nn.LSTM(5, 8), nn.Linear(8, 3)
    with pytest.raises(ValueError, match="batch_first=True"):
        igref.integrated_gradients(lambda x: linear(lstm(x)[0]), X, X0, 0)


def test_a_model_is_examined_once():
    model = network()
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    igref.gradient(model, X, 0)
    first = len(calls)
    igref.gradient(model, X, 0)
    assert (first, len(calls) - first) == (3, 1)


def test_a_model_that_takes_one_input_at_a_time():
    linear = network()
    alone = lambda x: linear(x.view(5))[None]  # noqa: E731
    ig = igref.integrated_gradients(alone, X, X0, 0, chunk_size=1)
    assert torch.allclose(ig.values, igref.integrated_gradients(linear, X, X0, 0).values, atol=1e-6)


Inception = namedtuple("Inception", "logits aux")


@dataclass
class Output:
    loss: None
    logits: Tensor


@pytest.mark.usefixtures("unchecked_signatures")
@pytest.mark.parametrize(
    ("wrap", "hint"),
    [
        (lambda y: (y, y), r"lambda x: model\(x\)\[0\]; it has \[0\], \[1\]"),
        (lambda y: {"aux": y, "logits": y}, r"lambda x: model\(x\)\['logits'\]; it has \['aux'\], \['logits'\]"),
        (lambda y: Output(None, y), r"lambda x: model\(x\)\.logits; it has \.logits"),
        (lambda y: Inception(y, y), r"lambda x: model\(x\)\.logits; it has \.logits, \.aux"),
        (lambda y: SimpleNamespace(logits=y), r"lambda x: model\(x\)\.logits; it has \.logits"),
        (lambda y: y.sum(), r"one number for the whole batch"),
        (lambda y: y.to_sparse(), r"lambda x: model\(x\).to_dense\(\)"),
        (lambda y: y[:, 0], r"lambda x: model\(x\)\[:, None\], with target 0"),
        (lambda y: y[:, :, None, None].expand(-1, -1, 4, 4), r"lambda x: model\(x\).mean\(\(2, 3\)\)"),
    ],
)
def test_outputs_that_are_no_class_scores(wrap, hint):
    model = network()
    with pytest.raises((TypeError, ValueError), match=hint):
        igref.integrated_gradients(lambda x: wrap(model(x)), X, X0, 0)


def test_minus_infinity_in_another_class():
    model = network()
    masked = lambda x: model(x).masked_fill(torch.tensor([False, False, True]), -torch.inf)  # noqa: E731
    ig = igref.integrated_gradients(masked, X, X0, 0)
    assert torch.allclose(ig.values, igref.integrated_gradients(model, X, X0, 0).values, atol=1e-6)
    with pytest.raises(ValueError, match="infinity for the target"):
        igref.integrated_gradients(masked, X, X0, 2)


@pytest.mark.parametrize(
    "targets", (np.int64(1), np.array([1, 1]), [1, 1], (1, 1), torch.tensor(1), [np.int64(1)] * 2, np.uint8(1))
)
def test_targets_in_every_integer_form(targets):
    model = network()
    expected = igref.integrated_gradients(model, X, X0, 1).values
    assert torch.equal(igref.integrated_gradients(model, X, X0, targets).values, expected)


def test_half_precision():
    model = network().half()
    with pytest.raises(TypeError, match=r"dtype of the inputs, torch.float32.*model.float\(\).*x.half\(\)"):
        igref.integrated_gradients(model, X, X0, 0)
    with pytest.warns(LowPrecisionWarning):
        ig = igref.integrated_gradients(lambda x: model(x.half()).float(), X, X0, 0)
    assert torch.allclose(ig.values, igref.integrated_gradients(model.float(), X, X0, 0).values, atol=1e-2)
    with pytest.raises(TypeError, match=r"dtype of the inputs, torch.float64"):
        igref.integrated_gradients(lambda x: model(x), X.double(), X0.double(), 0)


def test_a_batch_of_none_says_so():
    with pytest.raises(ValueError, match=r"inputs: expected a batch of at least one input, got shape \(0, 5\)\.$"):
        igref.integrated_gradients(network(), X[:0], X0, 0)


@pytest.mark.usefixtures("unchecked_signatures")
def test_several_inputs_and_numbers_for_baselines():
    with pytest.raises(TypeError, match="attribute to one and hold the others"):
        igref.integrated_gradients(network(), (X, X), X0, 0)
    for baseline, hint in (
        (0, r"torch.full_like\(inputs, 0\)"),
        (None, r"torch.zeros_like\(inputs\)"),
        ("black", r"igref.make_baseline\(name, inputs\)"),
        ([X0, X0], "torch.stack"),
        (Image.new("RGB", (4, 4)), "igref.load_folder"),
    ):
        with pytest.raises(TypeError, match=f"baselines: expected a torch tensor .*{hint}"):
            igref.integrated_gradients(network(), X, baseline, 0)
    with pytest.raises(ValueError, match=r"got \(\)\. The same number everywhere"):
        igref.integrated_gradients(network(), X, torch.tensor(0.5), 0)
    model = nn.Bilinear(5, 4, 3)
    other = torch.rand(1, 4)
    ig = igref.integrated_gradients(lambda x: model(x, other.expand(len(x), *other.shape[1:])), X[:1], X0, 0)
    assert ig.relative_gap.max() < 1e-4


def test_inputs_that_require_grad_are_left_alone():
    x = X.clone().requires_grad_()
    ig = igref.integrated_gradients(network(), x, X0, 0)
    path = igref.path_integrated_gradients(network(), lambda a: a.to(x) * x, 0)
    for values in (ig.values, path.values, igref.gradient_times_input(network(), x, 0), igref.bootstrap_interval(x)[0]):
        assert not values.requires_grad
    assert x.grad is None


def test_hooks_see_their_layers_and_change_nothing():
    model, seen = network(), []
    expected = igref.integrated_gradients(model, X, X0, 0).values
    model[0].register_forward_hook(lambda *_: seen.append("forward"))
    model[0].register_full_backward_hook(lambda *_: seen.append("backward"))
    assert torch.equal(igref.integrated_gradients(model, X, X0, 0).values, expected)
    assert {*seen} == {"forward", "backward"}


def test_inference_mode():
    model = network()
    expected = igref.integrated_gradients(model, X, X0, 0).values
    with torch.inference_mode():
        assert torch.equal(igref.integrated_gradients(lambda x: model(x), X * 1, X0 * 1, 0).values, expected)


class WithoutBackward(torch.autograd.Function):
    """What cuDNN's recurrent layers do in evaluation mode."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * 1

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        raise RuntimeError("cudnn RNN backward can only be called in training mode")


def test_a_recurrent_layer_of_cudnn():
    with pytest.raises(RuntimeError, match=r"training mode.*torch.backends.cudnn.flags\(enabled=False\)"):
        igref.integrated_gradients(WithoutBackward.apply, X, X0, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_a_recurrent_layer_on_an_accelerator():
    lstm, linear = nn.LSTM(5, 8, batch_first=True).cuda().eval(), nn.Linear(8, 3).cuda()
    x, x0 = torch.rand(2, 4, 5, device="cuda"), torch.zeros(4, 5, device="cuda")
    forward = lambda x: linear(lstm(x)[0][:, -1])  # noqa: E731
    with pytest.raises(RuntimeError, match=r"torch.backends.cudnn.flags\(enabled=False\)"):
        igref.integrated_gradients(forward, x, x0, 0)
    with torch.backends.cudnn.flags(enabled=False):
        assert igref.integrated_gradients(forward, x, x0, 0).relative_gap.max() < 0.01


def test_the_same_forward_in_other_company_and_precision():
    """Nothing is refused that is a function of one point, however small or large its scores are."""
    torch.manual_seed(0)
    convolution = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(7200, 5)
    ).eval()
    for scale in (1e-20, 1.0, 1e20):
        assert igref.gradient(lambda x, scale=scale: scale * convolution(x), PHOTOS, 0).isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        assert igref.gradient(lambda x: convolution(x).float(), PHOTOS, 0).isfinite().all()
