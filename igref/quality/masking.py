"""Mask pixels in the order of a map, and follow the score of the label: what all quality curves do."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from igref import arguments
from igref.quality.imputation import Imputer
from igref.types import Forward

PICTURES_AT_A_TIME = 16


def checked_fractions(fractions: Sequence[float]) -> Float[Tensor, " K"]:
    """At least two shares in [0, 1], ascending."""
    fractions = arguments.several(fractions, "fractions")
    shares = torch.tensor([arguments.number(share, "fractions", low=0, high=1) for share in fractions])
    if len(shares) < 2 or (shares.diff() <= 0).any():
        raise ValueError(f"fractions: expected at least two, in ascending order; got {fractions}.")
    return shares


def importance_ranks(attributions: object, inputs: Tensor, seed: int, patch: int = 1) -> Int[Tensor, "N P"]:
    """The place of each pixel in the order of its attribution: 0 for the highest. Equal ones are in random order.

    Without that, a map of zeros would keep the upper left corner, and look better than chance on some photos.
    With a patch, each pixel counts as much as the mean of the square of patch x patch pixels that it lies in.
    """
    maps = inputs.shape[:1] + inputs.shape[2:]
    if inputs.ndim == 4 and isinstance(attributions, Tensor) and attributions.shape == maps:
        values = arguments.batch(attributions, "attributions")
    else:
        values = arguments.batch_like(attributions, inputs, "attributions", one_for_all=False)
        values = values.sum(1) if inputs.ndim == 4 else values
    return _ranks(_patch_means(values, inputs, patch), seed + 1)


def random_ranks(inputs: Tensor, seed: int, patch: int = 1) -> Int[Tensor, "N P"]:
    """Each row a random order of its pixels, or of its patches, the same for the same seed and row."""
    generator = torch.Generator().manual_seed(seed)
    shape = inputs.shape[2:] if inputs.ndim == 4 else inputs.shape[1:]
    values = torch.stack([torch.rand(shape, generator=generator) for _ in inputs]).to(inputs.device)
    return _ranks(_patch_means(values, inputs, patch), seed + 1)


def _patch_means(values: Float[Tensor, " N *pixels"], inputs: Tensor, patch: int) -> Float[Tensor, " N *pixels"]:
    if arguments.count(patch, "patch") == 1:
        return values
    if inputs.ndim != 4 or patch > min(inputs.shape[2:]):
        raise ValueError(
            f"patch: expected 1, or squares that fit into images (N, C, H, W); got {patch} for inputs {tuple(inputs.shape)}."
        )
    means = nn.functional.avg_pool2d(values[:, None], patch, ceil_mode=True)[:, 0]
    return means.repeat_interleave(patch, 1).repeat_interleave(patch, 2)[:, : values.shape[1], : values.shape[2]]


def _ranks(values: Float[Tensor, " N *pixels"], seed: int) -> Int[Tensor, "N P"]:
    values = values.flatten(1)
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.stack([torch.randperm(values.shape[1], generator=generator) for _ in values]).to(values.device)
    order = shuffled.gather(1, values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))
    return order.argsort(dim=1)


@torch.no_grad()
def scores_with_masked(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    orders: Sequence[Int[Tensor, "N P"]],
    targets: Int[Tensor, " N"],
    fractions: Float[Tensor, " K"],
    imputed: Imputer,
    *,
    mask_first: bool = False,
) -> list[tuple[Float[Tensor, "N K"], Bool[Tensor, "N K"]]]:
    """For each order, the score of the label, and whether it is the highest, with the first pixels kept, or masked.

    With no pixel masked, or all, every order shows the same pictures: they go through the model once.
    """
    pixels = (len(inputs), *inputs.shape[2:]) if inputs.ndim == 4 else inputs.shape
    of_any_order: dict[int, tuple[Tensor, Tensor]] = {}
    found = []
    for ranks in orders:
        columns = []
        for share in fractions.tolist():
            n_first = round(share * ranks.shape[1])
            if (column := of_any_order.get(n_first)) is None:
                first = (ranks < n_first).view(pixels)
                column = _scores(forward, inputs, first if mask_first else ~first, targets, imputed)
            if n_first in (0, ranks.shape[1]):
                of_any_order[n_first] = column
            columns.append(column)
        scores, survives = zip(*columns, strict=True)
        found.append((torch.stack(scores, dim=1), torch.stack(survives, dim=1)))
    return found


def _scores(
    forward: Forward, inputs: Float[Tensor, " N *shape"], masked: Tensor, targets: Int[Tensor, " N"], imputed: Imputer
) -> tuple[Float[Tensor, " N"], Bool[Tensor, " N"]]:
    """Score of the label, and whether it is the highest, of each input with its masked pixels imputed."""
    scores, survives = [], []
    for rows in torch.arange(len(inputs), device=inputs.device).split(PICTURES_AT_A_TIME):
        every_class = forward(imputed(rows, masked[rows]))
        every_class = arguments.class_scores(every_class, inputs[rows], targets[rows])
        scores.append(every_class.gather(1, targets[rows, None])[:, 0])
        survives.append(every_class.argmax(1) == targets[rows])
    return torch.cat(scores), torch.cat(survives)
