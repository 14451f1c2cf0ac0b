"""Quality of maps: curves on functions whose curves are known, fills by their equations, controls, intervals, flips."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from torch import nn

from igref.attribution.core import gradient_times_input
from igref.images import load_digits
from igref.models import load_model
from igref.quality.comparison import RANDOM, compare_with_fills
from igref.quality.curves import area_under, bootstrap_interval, deletion_curve, insertion_curve, retention_curve
from igref.quality.imputation import FILLS, imputer, linear_interpolation
from igref.quality.masking import importance_ranks, random_ranks
from igref.quality.randomisation import model_randomisation

generator = torch.Generator().manual_seed(0)
IMAGES = torch.rand(4, 3, 12, 14, generator=generator)
WEIGHTS = torch.rand(12, 14, generator=generator)


def weighted(x):
    """A linear score of images: each pixel counts its channels times a weight of its own."""
    return (x * WEIGHTS).sum((1, 2, 3))[:, None]


def test_curves_of_a_linear_function_are_sums_of_the_largest_contributions():
    contributions = (IMAGES * WEIGHTS).sum(1).flatten(1)
    largest_first = contributions.sort(dim=1, descending=True).values.cumsum(1)
    fractions = (0, 0.1, 0.25, 0.5, 1)
    kept = [round(share * 168) for share in fractions]
    expected = torch.stack([largest_first[:, n - 1] if n else torch.zeros(4) for n in kept], 1)
    curve = retention_curve(weighted, IMAGES, IMAGES * WEIGHTS, 0, fractions=fractions, fill="zero")
    assert torch.allclose(curve.scores, expected, rtol=1e-5)
    deleted = deletion_curve(weighted, IMAGES, IMAGES * WEIGHTS, 0, fractions=fractions)
    assert torch.allclose(deleted.scores, largest_first[:, -1:] - expected, rtol=1e-4, atol=1e-4)
    total = largest_first[:, -1]
    backwards = torch.stack([total - largest_first[:, 167 - n] if n < 168 else total for n in kept], 1)
    assert torch.allclose(curve.reversed_scores, backwards, rtol=1e-4, atol=1e-4)
    assert (curve.area > curve.random_area).all() and (curve.random_area > curve.reversed_area).all()
    assert (deleted.area < deleted.random_area).all() and (deleted.random_area < deleted.reversed_area).all()


def test_no_order_beats_the_contributions_of_a_linear_function():
    best = retention_curve(weighted, IMAGES, IMAGES * WEIGHTS, 0, fill="zero").area
    for attributions in (WEIGHTS.expand_as(IMAGES), IMAGES, torch.rand_like(IMAGES)):
        assert (retention_curve(weighted, IMAGES, attributions, 0, fill="zero").area <= best + 1e-5).all()


def test_channels_are_hidden_together_and_summed_maps_are_taken():
    values = torch.randn(4, 3, 12, 14, generator=generator)
    of_channels = retention_curve(weighted, IMAGES, values, 0)
    assert torch.equal(of_channels.scores, retention_curve(weighted, IMAGES, values.sum(1), 0).scores)
    seen = []
    retention_curve(lambda x: (seen.append(x), weighted(x))[1], IMAGES, values, 0, fill="zero", fractions=(0.3, 0.6))
    masked = torch.cat(seen) == 0
    assert torch.equal(masked.all(1), masked.any(1))
    assert masked[:4].all(1).flatten(1).sum(1).tolist() == [168 - round(0.3 * 168)] * 4


def test_whether_the_label_survives():
    two = lambda x: torch.stack([x[:, 0], x[:, 1]], 1)  # noqa: E731
    inputs = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    curve = retention_curve(
        two, inputs, torch.tensor([[0.0, 1.0]] * 2), torch.tensor([0, 1]), fractions=(0.5, 1), fill="zero"
    )
    assert curve.label_survives.tolist() == [[False, True], [True, True]]
    assert curve.scores.tolist() == [[0.0, 2.0], [2.0, 2.0]]


def test_ends_of_the_curves_are_the_input_and_the_fill():
    values = torch.randn(4, 3, 12, 14, generator=generator)
    for fill in FILLS:
        curve = retention_curve(weighted, IMAGES, values, 0, fractions=(0, 0.5, 1), fill=fill)
        assert torch.allclose(curve.scores[:, -1:], weighted(IMAGES))
        assert torch.equal(curve.scores[:, -1], curve.reversed_scores[:, -1])
        imputed = imputer(fill, weighted, IMAGES, seed=0)(torch.arange(4), torch.ones(4, 12, 14, dtype=torch.bool))
        assert torch.allclose(curve.scores[:, :1], weighted(imputed))
    inserted = insertion_curve(weighted, IMAGES, values, 0)
    assert torch.equal(inserted.scores, retention_curve(weighted, IMAGES, values, 0, fill="blurred").scores)
    assert (inserted.kind, inserted.fill) == ("insertion", "blurred")


@given(seed=st.integers(0, 100), n=st.integers(1, 4))
def test_ranks_are_orders_and_rows_are_independent(seed, n):
    values = torch.randint(0, 3, (n, 3, 6, 5), generator=torch.Generator().manual_seed(seed)).float()
    images = torch.zeros(n, 3, 6, 5)
    ranks = importance_ranks(values, images, seed)
    assert torch.equal(ranks.sort(1).values, torch.arange(30).expand(n, 30))
    in_order = values.sum(1).flatten(1).gather(1, ranks.argsort(1))
    assert (in_order.diff(dim=1) <= 0).all()
    assert torch.equal(importance_ranks(values[:1], images[:1], seed), ranks[:1])
    assert torch.equal(random_ranks(images[:1], seed), random_ranks(images, seed)[:1])


def test_a_map_without_order_is_ranked_at_random():
    images = torch.zeros(200, 1, 4, 4)
    first = (importance_ranks(torch.zeros_like(images), images, 0) == 0).float().mean(0)
    assert torch.allclose(first, torch.full((16,), 1 / 16), atol=0.06)


def test_patches_are_hidden_as_a_whole():
    images, values = torch.ones(1, 1, 6, 6), torch.randn(1, 1, 6, 6, generator=generator)
    ranks = importance_ranks(values, images, 0, patch=2).view(6, 6)
    means = nn.functional.avg_pool2d(values[0], 2)[0].flatten()
    for place, patch in enumerate(means.argsort(descending=True).tolist()):
        row, column = divmod(patch, 3)
        square = ranks[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert sorted(square.flatten().tolist()) == list(range(4 * place, 4 * place + 4))


def test_area_is_the_trapezoid_rule_over_the_range():
    fractions = torch.tensor([0.2, 0.4, 0.8])
    scores = torch.tensor([[1.0, 0.5, 0.0], [0.3, 0.3, 0.3]])
    assert torch.allclose(area_under(scores, fractions), torch.tensor([(0.2 * 0.75 + 0.4 * 0.25) / 0.6, 0.3]))


def test_mean_and_blurred_fills():
    masked = torch.rand(4, 12, 14, generator=generator) < 0.5
    rows = torch.arange(4)
    mean = imputer("mean", weighted, IMAGES, 0)(rows, masked)
    blurred = imputer("blurred", weighted, IMAGES, 0)(rows, masked)
    for n in range(4):
        for c in range(3):
            image = IMAGES[n, c].numpy()
            where = masked[n].numpy()
            assert np.allclose(mean[n, c], np.where(where, image.mean(), image), atol=1e-6)
            expected = ndimage.gaussian_filter(image, 20 * 12 / 224)
            assert np.allclose(blurred[n, c], np.where(where, expected, image), atol=1e-6)


def test_zero_is_zero_where_the_network_sees_it():
    model, (pixels, _) = load_model(), (torch.rand(1, 3, 8, 8), 0)
    everything = torch.ones(1, 8, 8, dtype=torch.bool)
    for forward in (model, model.probabilities, model.logits):
        imputed = imputer("zero", forward, pixels, 0)(torch.tensor([0]), everything)
        assert ((imputed - model.mean) / model.std).abs().max() < 1e-6
    assert imputer("zero", weighted, pixels, 0)(torch.tensor([0]), everything).abs().max() == 0
    colored = imputer(torch.tensor([0.1, 0.2, 0.3]), weighted, pixels, 0)(torch.tensor([0]), everything)
    assert torch.equal(colored[0, :, 3, 3], torch.tensor([0.1, 0.2, 0.3]))


def solved_directly(image: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """ROAD's equations, assembled one by one and solved by a direct sparse solver."""
    height, width = image.shape
    number = {place: k for k, place in enumerate(zip(*np.nonzero(masked), strict=True))}
    matrix, right = sparse.lil_matrix((len(number), len(number))), np.zeros(len(number))
    for (row, column), k in number.items():
        for down in (-1, 0, 1):
            for along in (-1, 0, 1):
                neighbour = (row + down, column + along)
                if (down, along) == (0, 0) or not (0 <= neighbour[0] < height and 0 <= neighbour[1] < width):
                    continue
                weight = 1 / 6 if 0 in (down, along) else 1 / 12
                matrix[k, k] += weight
                if neighbour in number:
                    matrix[k, number[neighbour]] -= weight
                else:
                    right[k] += weight * image[neighbour]
    imputed = image.copy()
    imputed[masked] = spsolve(matrix.tocsr(), right)
    return imputed


@pytest.mark.parametrize("share", (0.05, 0.5, 0.95))
def test_linear_interpolation_solves_its_equations(share):
    images = torch.rand(2, 3, 17, 13, dtype=torch.float64, generator=generator)
    masked = torch.rand(2, 17, 13, generator=generator) < share
    found = linear_interpolation(images, masked)
    for n in range(2):
        for c in range(3):
            assert np.allclose(found[n, c], solved_directly(images[n, c].numpy(), masked[n].numpy()), atol=5e-3)


def test_linear_interpolation_keeps_a_ramp_and_never_leaves_the_range():
    ramp = (torch.arange(30.0)[:, None] + 2 * torch.arange(40.0)).expand(1, 1, 30, 40) / 120
    masked = torch.zeros(1, 30, 40, dtype=torch.bool)
    masked[:, 5:25, 6:30] = True  # each masked pixel has its eight neighbours, and a ramp is the mean of its neighbours
    assert torch.allclose(linear_interpolation(ramp, masked), ramp, atol=1e-2)
    everything = torch.ones(4, 12, 14, dtype=torch.bool)
    means = IMAGES.mean((2, 3), keepdim=True).expand_as(IMAGES)
    assert torch.allclose(linear_interpolation(IMAGES, everything), means, atol=1e-6)
    found = linear_interpolation(IMAGES, IMAGES[:, 0] < 0.7)
    assert found.min() > -0.01 and found.max() < 1.01


def test_noise_is_small_seeded_and_only_where_pixels_are_hidden():
    images = torch.full((1, 3, 40, 40), 0.5)
    masked = torch.zeros(1, 40, 40, dtype=torch.bool)
    masked[:, 1:-1, 1:-1] = True
    fill = [imputer("noisy_linear", weighted, images, seed)(torch.tensor([0]), masked) for seed in (0, 0, 1)]
    assert torch.equal(fill[0], fill[1]) and not torch.equal(fill[0], fill[2])
    noise = fill[0] - 0.5
    assert noise[:, :, 0].abs().max() == 0
    assert float(noise[:, :, 1:-1, 1:-1].std()) == pytest.approx(0.01, rel=0.1)


def test_bootstrap_interval_of_a_normal_mean():
    values = torch.randn(400, 1, generator=torch.Generator().manual_seed(1))
    low, high = bootstrap_interval(values)
    standard_error = float(values.std()) / 20
    assert float(low) == pytest.approx(float(values.mean()) - 1.96 * standard_error, abs=0.2 * standard_error)
    assert float(high) == pytest.approx(float(values.mean()) + 1.96 * standard_error, abs=0.2 * standard_error)
    assert all(bound.isnan().all() for bound in bootstrap_interval(values[:1]))
    counts = (values > 0).long()
    for whole in (counts, counts.bool()):
        assert torch.equal(torch.stack(bootstrap_interval(whole)), torch.stack(bootstrap_interval(counts.float())))


def test_interval_and_text_of_a_curve():
    curve = retention_curve(weighted, IMAGES, IMAGES * WEIGHTS, 0)
    low, high = curve.interval()
    assert low <= float(curve.area.mean()) <= high
    lower, upper = curve.band()
    assert (lower <= curve.scores.mean(0) + 1e-5).all() and (curve.scores.mean(0) <= upper + 1e-5).all()
    assert str(curve).startswith("retention, fill mean, 4 inputs: area ")


def test_fills_that_disagree_are_reported():
    """One pixel bright, one dark: with the one fill the dark pixel looks important, with the other the bright one."""
    inputs = torch.tensor([[1.0, 0.0, 0.5]] * 3) + 0.01 * torch.rand(3, 3, generator=generator)
    far_from_bright = lambda x: -(x[:, :1] - 1).abs() - (x[:, 1:2]).abs()  # noqa: E731
    methods = {"bright": torch.tensor([[2.0, 0.0, 1.0]] * 3), "dark": torch.tensor([[0.0, 2.0, 1.0]] * 3)}
    agreed = compare_with_fills(far_from_bright, inputs, methods, 0, fills=("zero",))
    assert agreed.ranking("zero")[0] == "bright" and agreed.methods[-1] == RANDOM

    def score(x):  # rewards what the fill does not give: near 1 for zero, near 0 for the mean
        filled_with_zero = (x == 0).any(1, keepdim=True)
        return torch.where(filled_with_zero, x[:, :1], -x[:, :1] + 1)

    compared = compare_with_fills(score, inputs, methods, 0, fills=("zero", "mean"))
    assert compared.ranking("zero")[0] != compared.ranking("mean")[0]
    (flip,) = [flip for flip in compared.flips if RANDOM not in flip.better_with.values()]
    assert flip.clear and set(flip.better_with.values()) == {"bright", "dark"}
    assert compared.warning in compared.table() and "depends on the fill" in compared.warning


def test_no_warning_where_fills_agree():
    values = {"the contributions": IMAGES * WEIGHTS, "their opposite": -IMAGES * WEIGHTS}
    compared = compare_with_fills(weighted, IMAGES, values, 0, fills=("zero",))
    assert compared.warning == "" and compared.ranking("zero") == ("the contributions", RANDOM, "their opposite")


def test_good_maps_of_the_digits_beat_chance():
    model, (pixels, _) = load_model("digits_cnn"), load_digits()
    pixels = pixels[:40]
    labels = model(pixels).argmax(1)
    values = gradient_times_input(model.logits, pixels, labels)
    curve = deletion_curve(model.probabilities, pixels, values, labels)
    assert curve.area.mean() < curve.random_area.mean() < curve.reversed_area.mean()


def test_randomisation_tells_an_explanation_from_an_edge_detector():
    model, (pixels, _) = load_model("digits_cnn"), load_digits()
    pixels = pixels[:5]
    trained = [weights.clone() for weights in model.parameters()]
    check = model_randomisation(model, lambda network: gradient_times_input(network.logits, pixels, 3), stages=4)
    assert check.passed and check.layers == ("network.9", "network.5", "network.2", "network.0")
    assert all(torch.equal(*pair) for pair in zip(trained, model.parameters(), strict=True)), "the model has changed"
    edges = model_randomisation(model, lambda network: pixels.diff(dim=3, prepend=pixels[..., :1]), stages=2)
    assert not edges.passed and torch.allclose(edges.correlation, torch.ones(2, 5))
    assert edges.table().splitlines()[1].split() == ["network.5", "1.00", "1.00"]
    blank = model_randomisation(model, lambda network: torch.zeros_like(pixels), stages=1)
    assert blank.correlation.abs().max() == 0


def test_the_same_seed_gives_the_same_curve():
    values = torch.zeros(4, 3, 12, 14)
    for fill in ("mean", "noisy_linear"):
        one, two, other = (
            retention_curve(weighted, IMAGES, values, 0, fractions=(0.3, 0.7), fill=fill, seed=seed)
            for seed in (0, 0, 1)
        )
        assert torch.equal(one.scores, two.scores) and torch.equal(one.random_scores, two.random_scores)
        assert not torch.equal(one.random_scores, other.random_scores)


@pytest.mark.parametrize(
    "change", ({"attributions": IMAGES[:, :2]}, {"attributions": IMAGES[:1]}, {"attributions": IMAGES[:, 0, :3]})
)
def test_an_attribution_of_the_wrong_shape(change, unchecked_signatures):
    with pytest.raises(ValueError, match=r"attributions: expected the shape of the inputs, \(4, 3, 12, 14\); got"):
        retention_curve(weighted, IMAGES, change["attributions"], 0)


@pytest.mark.parametrize(
    "arguments, error, says",
    [
        ({"attributions": IMAGES.numpy()}, TypeError, "attributions: expected a torch tensor"),
        ({"attributions": IMAGES / 0}, ValueError, "attributions: expected finite values"),
        ({"targets": 5}, ValueError, "targets: expected class indices 0 to 0"),
        ({"fractions": (0.5,)}, ValueError, "fractions: expected at least two, in ascending order"),
        ({"fractions": (0.5, 0.2)}, ValueError, "in ascending order"),
        ({"fractions": (0, 2)}, ValueError, "fractions: expected a number from 0 to 1, got 2"),
        ({"fill": "blurry"}, ValueError, "Did you mean 'blurred'"),
        ({"fill": 3}, TypeError, "fill: expected a name or a tensor, got int"),
        ({"fill": torch.zeros(7)}, ValueError, r"fill: expected one value a channel, \(3,\), or one fill for all inputs"),
        ({"patch": 0}, ValueError, "patch: expected a whole number of at least 1"),
        ({"patch": 13}, ValueError, "patch: expected 1, or squares that fit into images"),
        ({"forward": lambda x: x.sum((1, 2, 3))}, ValueError, "forward: expected class scores of shape"),
        ({"inputs": IMAGES.half()}, TypeError, "inputs: expected float32 or float64, got float16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("measure", (retention_curve, deletion_curve, insertion_curve))
def test_wrong_arguments(measure, arguments, error, says, unchecked_signatures):
    given_arguments = {"forward": weighted, "inputs": IMAGES, "attributions": IMAGES, "targets": 0} | arguments
    with pytest.raises(error, match=says):
        measure(**given_arguments)


def test_wrong_arguments_of_the_comparisons(unchecked_signatures):
    with pytest.raises(ValueError, match="expected at least one method and one fill"):
        compare_with_fills(weighted, IMAGES, {}, 0)
    with pytest.raises(ValueError, match=r"fill: blurred needs images \(N, C, H, W\), got inputs of shape \(2, 5\)"):
        retention_curve(lambda x: x, torch.rand(2, 5), torch.rand(2, 5), 0, fill="blurred")
    with pytest.raises(ValueError, match="fill: expected one of zero; got 'mean'"):
        compare_with_fills(weighted, IMAGES, {"a": IMAGES}, 0, fills=("zero",)).ranking("mean")
    with pytest.raises(TypeError, match="model: expected a torch module, got function"):
        model_randomisation(weighted, lambda model: IMAGES)
    with pytest.raises(ValueError, match="expected a network with weights, got ReLU without any"):
        model_randomisation(nn.ReLU(), lambda model: IMAGES)
    with pytest.raises(TypeError, match=r"attribute\(model\): expected a torch tensor"):
        model_randomisation(nn.Linear(2, 2), lambda model: None)


def test_pictures_that_no_order_changes_go_through_the_model_once():
    """With no pixel masked, or all, the map's order, a random one and the reversed one show the same."""
    counts = {}
    for fractions in ((0, 1), (0.25, 0.75)):
        seen = []
        curve = retention_curve(
            lambda x, seen=seen: (seen.append(len(x)), weighted(x))[1], IMAGES, IMAGES, 0, fractions=fractions
        )
        counts[fractions] = sum(seen)
        same = torch.equal(curve.scores, curve.random_scores) and torch.equal(curve.scores, curve.reversed_scores)
        assert same == (fractions == (0, 1))
    assert counts[0.25, 0.75] - counts[0, 1] == (3 - 1) * 2 * len(IMAGES)
