"""Baselines: each by its definition, in pixel space, seeded; and what is said about them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage, stats

from igref.baselines.diagnosis import diagnose
from igref.baselines.named import BASELINES, make_baseline
from igref.images import load_digits
from igref.models import load_model

generator = torch.Generator().manual_seed(0)
IMAGES = torch.rand(3, 3, 20, 24, generator=generator)


def brightness(x):
    """Probabilities of dark and bright, with a gradient everywhere."""
    bright = (4 * (x.mean((1, 2, 3)) - 0.5)).sigmoid()
    return torch.stack([1 - bright, bright], 1)


OPTIONS = {"adversarial": {"forward": brightness, "step": 0.05}, "own_image": {"image": IMAGES[0]}}


@given(
    name=st.sampled_from(list(BASELINES)),
    pixels=arrays.arrays(
        np.float32, (2, 3, 20, 24), elements=st.floats(0, 1, width=32), fill=st.floats(0, 1, width=32)
    ),
    seed=st.integers(0, 1000),
)
def test_every_baseline_is_like_its_input_and_in_pixel_space(name, pixels, seed):
    inputs = torch.from_numpy(pixels)
    baseline = make_baseline(name, inputs, seed=seed, **OPTIONS.get(name, {}))
    assert baseline.shape == inputs.shape and baseline.dtype == inputs.dtype
    assert baseline.min() >= 0 and baseline.max() <= 1


@pytest.mark.parametrize("name", BASELINES)
def test_seeds_rows_and_dtype(name):
    options = OPTIONS.get(name, {}) | ({"images": IMAGES} if name == "mean_image" else {})
    made = make_baseline(name, IMAGES, seed=4, **options)
    assert torch.equal(made, make_baseline(name, IMAGES, seed=4, **options)), "the same seed gives the same baseline"
    first = make_baseline(name, IMAGES[:1], seed=4, **options)
    assert torch.allclose(first, made[:1], atol=1e-6), "a row does not depend on the others"
    assert make_baseline(name, IMAGES.double(), **options).dtype == torch.float64
    if BASELINES[name].kind == "noise":
        assert not torch.equal(made, make_baseline(name, IMAGES, seed=5, **options))
        assert not torch.equal(made[0], made[1])
    untouched = torch.rand(3, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    assert torch.equal(IMAGES, untouched), "the inputs are left alone"


def test_constants():
    assert make_baseline("black", IMAGES).abs().max() == 0
    assert make_baseline("white", IMAGES).min() == 1
    assert torch.equal(make_baseline("constant", IMAGES, value=0.25), torch.full_like(IMAGES, 0.25))
    colored = make_baseline("constant", IMAGES, value=torch.tensor([0.1, 0.2, 0.3]))
    assert torch.equal(colored[1, :, 5, 7], torch.tensor([0.1, 0.2, 0.3]))


@given(st.floats(0, 1))
def test_maximum_distance_is_the_farther_end(value):
    baseline = float(make_baseline("maximum_distance", torch.tensor([[value]], dtype=torch.float64)))
    farther = max((0.0, 1.0), key=lambda end: abs(end - value))  # the lower end of two as far
    assert baseline == farther


def test_blurred_is_a_gaussian_filter_over_height_and_width():
    for sigma in (None, 3.0):
        made = make_baseline("blurred", IMAGES, **({} if sigma is None else {"sigma": sigma}))
        for image, blurred in zip(IMAGES.numpy(), made.numpy(), strict=True):
            for channel, expected in zip(image, blurred, strict=True):
                assert np.allclose(ndimage.gaussian_filter(channel, sigma or 20 * 20 / 224), expected, atol=1e-6)


def test_blurred_at_224_has_sigma_20():
    spot = torch.zeros(1, 1, 224, 224)
    spot[0, 0, 112, 112] = 1
    profile = make_baseline("blurred", spot)[0, 0].sum(0).double()
    places = torch.arange(224.0).double() - 112
    # The filter is cut off at four sigma, which takes a thousandth of its variance.
    assert float((profile * places**2).sum() / profile.sum()) ** 0.5 == pytest.approx(20, rel=1e-3)


def test_uniform_and_gaussian_noise_have_their_distributions():
    grey = torch.full((1, 3, 60, 60), 0.3)
    uniform = make_baseline("uniform", grey, low=0.2, high=0.6).flatten().numpy()
    assert stats.kstest(uniform, "uniform", args=(0.2, 0.4)).pvalue > 1e-3
    noise = make_baseline("gaussian", grey).flatten().numpy()
    clipped = stats.norm(0.3, 0.5)
    assert np.mean(noise == 0) == pytest.approx(clipped.cdf(0), abs=0.02)
    assert np.mean(noise == 1) == pytest.approx(clipped.sf(1), abs=0.02)
    inside = noise[(noise > 0) & (noise < 1)]
    truncated = stats.truncnorm(-0.3 / 0.5, 0.7 / 0.5, loc=0.3, scale=0.5)
    assert stats.kstest(inside, truncated.cdf).pvalue > 1e-3


def test_mean_and_own_images():
    assert torch.allclose(make_baseline("mean_image", IMAGES), IMAGES.mean(0).expand_as(IMAGES))
    others = torch.rand(5, 3, 20, 24)
    assert torch.allclose(make_baseline("mean_image", IMAGES[:1], images=others)[0], others.mean(0))
    assert torch.equal(make_baseline("own_image", IMAGES, image=others[0]), others[:1].expand_as(IMAGES))
    assert torch.equal(make_baseline("own_image", IMAGES, image=others[:3]), others[:3])


def test_adversarial_changes_the_label_and_little_else():
    model = load_model("digits_cnn")
    pixels, labels = (part[:20] for part in load_digits())
    labels = model.probabilities(pixels).argmax(1)
    attacked = make_baseline("adversarial", pixels, forward=model.probabilities, step=0.02)
    assert (model.probabilities(attacked).argmax(1) != labels).all()
    assert (attacked - pixels).abs().max() < 0.5
    other = make_baseline("adversarial", pixels, forward=model.probabilities, targets=(labels + 1) % 10)
    assert torch.equal(other, pixels), "a label that the model does not say needs no attack"


def test_diagnosis_of_known_cases():
    inputs = torch.tensor([[[[0.0, 0.5], [1.0, 1.0]]], [[[0.2, 0.2], [0.2, 0.2]]]])
    constant = torch.tensor([0.5, 0.25, 0.25])
    found = diagnose(lambda x: constant.expand(len(x), 3), inputs, make_baseline("black", inputs), 1, name="black")
    assert found.kind == "constant" and found.scores.tolist() == [0.25, 0.25]
    assert found.blind_share.tolist() == [0.25, 0.0]
    assert found.entropy[0].item() == pytest.approx(1.5 * math.log(2))
    certain = diagnose(lambda x: torch.eye(2)[[0] * len(x)], inputs, inputs, 0)
    assert certain.entropy.tolist() == [0, 0] and certain.blind_share.tolist() == [1, 1] and certain.kind == "unknown"


def test_a_pixel_is_blind_only_where_all_channels_are():
    inputs = torch.zeros(1, 3, 1, 2)
    inputs[0, 2, 0, 1] = 1
    assert diagnose(lambda x: torch.ones(len(x), 1), inputs, make_baseline("black", inputs), 0).blind_share == 0.5


ONE = IMAGES[:1]


def deaf(x):
    """Says the first of two classes, whatever it hears."""
    return 0 * x.flatten(1)[:, :2] + torch.tensor([1.0, 0.0])


@pytest.mark.parametrize(
    "make, error, says",
    [
        (lambda: make_baseline("blured", ONE), ValueError, "Did you mean 'blurred'"),
        (lambda: make_baseline("black", ONE[0, 0, 0]), ValueError, r"inputs: expected a batch \(N, \*shape\)"),
        (lambda: make_baseline("black", ONE * 255), ValueError, r"pixels in \[0, 1\], got .* Divide 0...255 by 255"),
        (lambda: make_baseline("black", (ONE * 255).byte()), TypeError, "inputs: expected float32 or float64, got uint8"),
        (lambda: make_baseline("black", ONE * float("nan")), ValueError, "inputs: expected finite values"),
        (lambda: make_baseline("black", ONE, value=1), TypeError, "black does not take value; it takes no options"),
        (lambda: make_baseline("gaussian", ONE, sigmaa=1), TypeError, "gaussian does not take sigmaa; it takes sigma"),
        (lambda: make_baseline("gaussian", ONE, sigma=-1), ValueError, "sigma: expected a number from 0"),
        (lambda: make_baseline("uniform", ONE, low=0.5, high=0.2), ValueError, "high: expected a number from 0.5 to 1"),
        (lambda: make_baseline("constant", ONE, value=2.0), ValueError, r"value: expected a number in \[0, 1\], or 3 of them"),
        (lambda: make_baseline("constant", ONE, value=torch.zeros(2)), ValueError, "or 3 of them, one a channel"),
        (lambda: make_baseline("blurred", torch.rand(2, 5)), ValueError, r"expected images \(N, C, H, W\) to blur"),
        (lambda: make_baseline("mean_image", ONE), ValueError, "the mean of one input is that input"),
        (lambda: make_baseline("mean_image", ONE, images=ONE[..., 1:]), ValueError, "images: expected"),
        (lambda: make_baseline("own_image", ONE), TypeError, "own_image needs image"),
        (lambda: make_baseline("own_image", ONE, image=ONE[0, :, 1:]), ValueError, "image: expected the shape of the inputs"),
        (lambda: make_baseline("adversarial", ONE), TypeError, "adversarial needs forward"),
        (lambda: make_baseline("adversarial", ONE, forward=deaf), ValueError, "did not change the label of input 0. Allow more"),
        (lambda: make_baseline("uniform", ONE, seed=-1), ValueError, "seed: expected a whole number of at least 0"),
        (lambda: diagnose(lambda x: x.flatten(1), ONE, ONE, 0), ValueError, "expected class probabilities"),
        (lambda: diagnose(brightness, ONE, ONE, 2), ValueError, "targets: expected class indices 0 to 1"),
        (lambda: diagnose(brightness, ONE, ONE[..., 1:], 0), ValueError, "baselines: expected the shape of the inputs"),
    ],
)  # fmt: skip
def test_wrong_arguments(make, error, says, unchecked_signatures):
    with pytest.raises(error, match=says):
        make()
