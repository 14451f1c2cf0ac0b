"""The models and images that the corpus is computed on: the kit's digits, and small coloured pictures.

A small classifier of 24 x 24 coloured pictures stands in for a large one, so that hundreds of studies take minutes; some
studies are of the kit's own photo model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

import igref
from igref.models import Classifier

SIDE, SPREAD = 24, 1.5
COLOURS = "small_colours"


@dataclass(frozen=True)
class Material:
    """A model, N images with classes that it gives them, and the next best classes."""

    model: Classifier
    images: Tensor
    top: Tensor
    second: Tensor


@cache
def load(name: str) -> Classifier:
    """As `igref.load_model`, with the small classifier besides."""
    return _small_classifier() if name == COLOURS else igref.load_model(name)


@cache
def material(name: str, n_images: int = 10) -> Material:
    model = load(name)
    if name == COLOURS:
        images = torch.stack([_picture(seed) for seed in range(n_images)])
    elif name == "digits_cnn":
        images = igref.load_digits()[0][:n_images]
    else:
        images = torch.stack([photo.pixels for photo in igref.load_photos(size=64)])[:n_images]
    with torch.no_grad():
        order = model.logits(images).argsort(dim=1, descending=True)
    return Material(model, images, order[:, 0], order[:, 1])


def _small_classifier() -> Classifier:
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 5, stride=2), nn.SiLU(), nn.Conv2d(6, 8, 3, stride=2), nn.SiLU()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)),
    )
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 2 / parameter[0].numel() ** 0.5
    model = Classifier(network, COLOURS, "abcde", mean=(0.5,) * 3, std=(0.25,) * 3, input_size=SIDE)
    # Every class some pictures, and none with a certainty at which gradients vanish.
    pictures = torch.stack([_picture(seed) for seed in range(40)])
    with torch.no_grad():
        logits = model.logits(pictures)
        network[-1].weight /= logits.std(dim=0, keepdim=True).T / SPREAD
        network[-1].bias.zero_()
        network[-1].bias -= model.logits(pictures).mean(dim=0)
    return model


def _picture(seed: int) -> Tensor:
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, SIDE, mode="bilinear")[0].clamp(0.02, 1)
