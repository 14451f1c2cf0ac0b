"""The exact oracle against hand calculation, completeness, sums of 10^5 points and parts of the path."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from igref.attribution.exact import breakpoints, exact_integrated_gradients, exact_integrated_gradients_of_polynomial
from tests.igref.small_networks import frozen, normal, pool_network, relu_network, softmax_network

seeds = st.integers(0, 10_000)


def overlapping_pool_network(seed=0):
    """Images 1 x 7 x 7: pooling windows that overlap, average pooling, batch statistics, a nested part."""
    return frozen(
        nn.Conv2d(1, 3, 2),
        nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()),
        nn.MaxPool2d(3, stride=1),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(12, 3),
        seed=seed,
    )


def relu_softmax_network(seed=0):
    return nn.Sequential(*relu_network(seed), nn.Softmax(1)).eval()


def relu_sigmoid_network(seed=0):
    return nn.Sequential(*relu_network(seed), nn.Sigmoid()).eval()


NETWORKS = [
    (relu_network, (4,)),
    (pool_network, (2, 6, 6)),
    (overlapping_pool_network, (1, 7, 7)),
    (relu_softmax_network, (4,)),
    (relu_sigmoid_network, (4,)),
]
networks = pytest.mark.parametrize(("build", "shape"), NETWORKS)


def rise(network, x, x0, targets):
    rows = range(len(x))
    return network(x.clone())[rows, targets] - network(x0.clone())[rows, targets]


@networks
@given(seed=seeds)
def test_complete_to_rounding(build, shape, seed):
    network, x, x0 = build(seed), 3 * normal(2, *shape, seed=seed), normal(2, *shape, seed=seed + 1)
    targets = torch.tensor([2, 0])
    values = exact_integrated_gradients(network, x, x0, targets)
    torch.testing.assert_close(values.flatten(1).sum(1), rise(network, x, x0, targets), atol=1e-11, rtol=1e-12)


@networks
def test_sums_of_a_hundred_thousand_points_come_as_near_as_they_can(build, shape):
    """A midpoint sum is off by at most its step times the sum of the jumps of the gradient."""
    network, x, x0 = build(), normal(1, *shape), normal(*shape, seed=1)
    exact = exact_integrated_gradients(network, x, x0, 1)[0]
    n, total = 100_000, torch.zeros(shape, dtype=torch.float64)
    for alphas in ((torch.arange(n, dtype=torch.float64) + 0.5) / n).split(10_000):
        points = (x0 + alphas.view(-1, *[1] * len(shape)) * (x[0] - x0)).requires_grad_()
        total += torch.autograd.grad(network(points.clone())[:, 1].sum(), points)[0].sum(0) / n
    torch.testing.assert_close((x[0] - x0) * total, exact, atol=1e-4 * float(exact.abs().max()) + 1e-5, rtol=0)


@networks
@given(seed=seeds, cut=st.floats(0.05, 0.95))
def test_the_whole_path_is_the_sum_of_its_parts(build, shape, seed, cut):
    network, x, x0 = build(seed), normal(1, *shape, seed=seed), normal(1, *shape, seed=seed + 1)
    between = x0 + cut * (x - x0)
    parts = exact_integrated_gradients(network, between, x0, 1) + exact_integrated_gradients(network, x, between, 1)
    torch.testing.assert_close(exact_integrated_gradients(network, x, x0, 1), parts, atol=1e-11, rtol=1e-11)


@networks
@given(seed=seeds)
def test_the_network_is_linear_between_breakpoints(build, shape, seed):
    network, x, x0 = build(seed), normal(*shape, seed=seed), normal(*shape, seed=seed + 1)
    if isinstance(network[-1], (nn.Softmax, nn.Sigmoid)):
        network = network[:-1].eval()
    edges = breakpoints(network, x, x0)
    assert edges[0] == 0 and edges[-1] == 1 and (edges.diff() > 0).all()
    a, b = edges[:-1], edges[1:]
    left, middle, right = (
        network(x0 + alphas.view(-1, *[1] * len(shape)) * (x - x0)) for alphas in (a, (a + b) / 2, b)
    )
    torch.testing.assert_close(middle, (left + right) / 2, atol=1e-11, rtol=0)


def test_a_saturated_unit_by_hand():
    """1 - ReLU(1 - x) rises from 0 at 0 to 1 at 1 and stays; all of the rise is the feature's, wherever x is."""
    network = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double().eval()
    for weights, value in zip(network.parameters(), (-1.0, 1.0, -1.0, 1.0), strict=True):
        weights.data.fill_(value)
    x, x0 = torch.tensor([[0.5], [1.0], [2.0], [100.0]]).double(), torch.zeros(1).double()
    assert exact_integrated_gradients(network, x, x0, 0)[:, 0].tolist() == pytest.approx([0.5, 1, 1, 1])
    assert breakpoints(network, x[2], x0).tolist() == pytest.approx([0, 0.5, 1])


def test_a_maximum_by_hand():
    """max(x, y) from (0, 0.5) to (1, 0.5): y leads up to a = 0.5, x after; y does not move."""
    network = nn.Sequential(nn.MaxPool2d((1, 2)), nn.Flatten()).eval()
    x, x0 = torch.tensor([[[[1.0, 0.5]]]]), torch.tensor([[[0.0, 0.5]]])
    assert exact_integrated_gradients(network, x, x0, 0).flatten().tolist() == pytest.approx([0.5, 0])
    assert breakpoints(network, x[0], x0).tolist() == pytest.approx([0, 0.5, 1])


def test_polynomials_by_hand():
    """x y z from 0: by symmetry each has a third; x^2 y from 0: two thirds and one third."""
    x = torch.tensor([[1.0, 2.0, 3.0]])
    product = exact_integrated_gradients_of_polynomial(
        lambda x: x.prod(1, keepdim=True), x, torch.zeros(3), 0, degree=3
    )
    assert product[0].tolist() == pytest.approx([2, 2, 2])
    square = exact_integrated_gradients_of_polynomial(
        lambda x: x[:, :1] ** 2 * x[:, 1:2], x, torch.zeros(3), 0, degree=3
    )
    assert square[0].tolist() == pytest.approx([4 / 3, 2 / 3, 0])


@given(seeds, st.integers(1, 7))
def test_a_polynomial_of_any_degree_is_complete_and_symmetric_under_scaling(seed, degree):
    """A form of degree d from 0: IG is x dF/dx / d, Euler's theorem feature by feature."""
    coefficients, x = normal(3, 2, seed=seed), normal(2, 3, seed=seed + 1)
    power = lambda x: (x @ coefficients) ** degree  # noqa: E731
    values = exact_integrated_gradients_of_polynomial(power, x, torch.zeros(3).double(), 1, degree=degree)
    slope = degree * (x @ coefficients)[:, 1:] ** (degree - 1) * coefficients[:, 1]
    torch.testing.assert_close(values, x * slope / degree, atol=1e-11, rtol=1e-11)


def test_one_relu_may_stand_in_several_places():
    network, relu = relu_network(), nn.ReLU()
    shared = nn.Sequential(network[0], relu, nn.Sequential(network[2], relu), network[4]).eval()
    x, x0 = normal(2, 4), normal(4, seed=1)
    expected = exact_integrated_gradients(network, x, x0, 0)
    torch.testing.assert_close(exact_integrated_gradients(shared, x, x0, 0), expected, atol=1e-14, rtol=0)


def test_the_network_is_left_alone():
    network = relu_network().float().requires_grad_(True)
    before = [p.clone() for p in network.parameters()]
    values = exact_integrated_gradients(network, normal(2, 4).float(), normal(4).float(), 0)
    assert values.dtype == torch.float64
    with torch.inference_mode():
        assert torch.equal(exact_integrated_gradients(network, normal(2, 4).float(), normal(4).float(), 0), values)
    for now, then in zip(network.parameters(), before, strict=True):
        assert now.dtype == torch.float32 and now.requires_grad and torch.equal(now, then)


@pytest.mark.usefixtures("unchecked_signatures")
@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (lambda x: x, TypeError, "network: expected a torch.nn.Sequential, got function"),
        (softmax_network(), TypeError, "network: layer 1, Tanh.*not one that is integrated exactly"),
        (frozen(nn.Softmax(1), nn.Linear(4, 3)), TypeError, "network: layer 0, Softmax"),
        (frozen(nn.MaxPool2d(2, padding=1)), TypeError, "network: layer 0, MaxPool2d"),
        (frozen(nn.BatchNorm1d(4, track_running_stats=False)), TypeError, "network: layer 0, BatchNorm1d"),
        (frozen(nn.Linear(4, 3), nn.Softmax(0)), TypeError, "network: layer 1, Softmax.dim=0., mixes the inputs"),
        (nn.Sequential().eval(), TypeError, "network: expected at least one layer"),
        (relu_network().train(), ValueError, "in training mode"),
    ],
)
def test_networks_it_cannot_do(network, error, message):
    with pytest.raises(error, match=message):
        exact_integrated_gradients(network, normal(2, 4), normal(4), 0)


@pytest.mark.usefixtures("unchecked_signatures")
def test_other_bad_input():
    x, x0 = normal(2, 4), normal(4)
    with pytest.raises(ValueError, match="targets: expected class indices 0 to 2, as forward returns 3 scores; got 3"):
        exact_integrated_gradients(relu_network(), x, x0, 3)
    with pytest.raises(ValueError, match="baselines: expected the shape of the inputs"):
        exact_integrated_gradients(relu_network(), x, x0[:2], 0)
    with pytest.raises(TypeError, match="inputs: expected float32 or float64, got int64"):
        exact_integrated_gradients(relu_network(), x.long(), x0, 0)
    with pytest.raises(TypeError, match="x: expected a torch tensor"):
        breakpoints(relu_network(), [1.0], x0)
    with pytest.raises(ValueError, match="degree: expected a whole number of at least 1, got 0"):
        exact_integrated_gradients_of_polynomial(lambda x: x, x, x0, 0, degree=0)
