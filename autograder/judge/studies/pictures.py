"""What is said of a study's pictures: enough images, all different; predictions the model makes; which baselines they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from autograder.judge.deadline import Deadline
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.named_models import Scores
from autograder.judge.studies.sample import Sample
from autograder.judge.studies.submitted_study import HandedInStudy, Subject, number_given, read_subject
from autograder.judge.tolerances import (
    ADVERSARIAL,
    BEYOND_NOISE,
    DRAWS_OF_NOISE,
    FEWEST_DIFFERENT,
    LEAST_NEIGHBOURS,
    LIKE_PICTURE,
    NEARLY_PART_OF_PICTURE,
    PART_OF_PICTURE,
    REPEATED_PICTURE,
    SAME_PICTURE,
    TWIN,
)
from autograder.judge.verdict import NO_FAULT, Fault, Faults

IMAGES_NEEDED = 10
WITHIN_PICTURES = 0.2
"""The share of a deadline after which no further picture is compared with the others."""
OWN_BASELINES = 3
COARSE = 32
"""Pixels a side, at most, at which pictures are compared coarsely."""
SIDE_OF_PARTS, LONGEST_SIDE, COARSER_THAN_THINGS, FLAT = 64, 160, 4.0, 1e-3
"""How parts of one picture are looked for in another: the pixels of the shorter side, of the longer one at most; the standard
deviation of a blur, in those pixels; and a trace of noise."""
ZOOMS = tuple(1.12**k for k in range(8))
BETWEEN_ZOOMS = (1.0, 0.94, 0.955, 0.97, 0.985, 1.015, 1.03, 1.045, 1.06)


def read_pictures(study: HandedInStudy, faults: Faults, sample: Sample) -> Subject:
    """What the maps of a study of several pictures are about; what is wrong with the set of images is noted.

    Raises:
        UngradableError: a part is missing or wrong, so that nothing can be recomputed.
    """
    subject = read_subject(study, sample)
    given = number_given(study, len(subject.images))
    if given > len(subject.images):
        faults.notes.append(f"Of {given} images the first {len(subject.images)} were graded.")
    faults.add(images_fault(subject.images, given, sample.deadline), "images")
    return subject


def images_fault(images: Tensor, given: int, deadline: Deadline | None = None) -> Fault:
    """What is wrong with a set of images, and the mistake's name: too few, twice the same, nothing on them."""
    deadline = deadline or Deadline()
    if given < IMAGES_NEEDED:
        return Fault(f"{given} images, expected at least {IMAGES_NEEDED}", Mistake.TOO_FEW_IMAGES)
    for n, image in enumerate(images):
        if float(image.std()) < SAME_PICTURE:
            return Fault(f"image {n} (counted from 0) has one colour only", Mistake.IMAGES_BLANK)
    noise = [n for n, image in enumerate(images) if _neighbours(image) < LEAST_NEIGHBOURS]
    if given - len(noise) < IMAGES_NEEDED and noise:
        return Fault(f"image {noise[0]} (counted from 0) is noise, no picture", Mistake.IMAGES_BLANK)
    twins: list[tuple[int, int]] = []
    parts: list[tuple[int, int]] = []
    with deadline.or_left_out(WITHIN_PICTURES, "whether some of the pictures are copies or parts of others"):
        for seen_so_far, (twin, part) in enumerate(zip(_twins(images), _parts(images), strict=True), 1):
            twins += [twin] if twin else []
            parts += [part] if part else []
            if seen_so_far - len({k for _, k in (*twins, *parts)}) >= IMAGES_NEEDED:
                break  # ten are enough, whatever the others are
            deadline.check()
    if twins and given - len(twins) < IMAGES_NEEDED:
        first, second = twins[0]
        how = ": mirrored, turned, shifted, inverted, in another brightness or contrast, or with noise on it"
        how = "" if alike(images[first], images[second]) else how
        seen = f"images {first} and {second} (counted from 0) are the same picture{how}"
        return Fault(seen, Mistake.IMAGES_REPEATED)
    if parts and given - len({*(part for _, part in parts), *(twin for _, twin in twins)}) < IMAGES_NEEDED:
        first, second = parts[0]
        seen = (
            f"images {first} and {second} (counted from 0) are cut from one picture, or one is enlarged from the other"
        )
        return Fault(seen, Mistake.IMAGES_REPEATED)
    if (different := _different(images)) < FEWEST_DIFFERENT:
        seen = f"the {len(images)} images are {different} that differ, and likenesses of them: turned, warped, mixed or noisy"
        return Fault(seen, Mistake.IMAGES_REPEATED)
    return NO_FAULT


def _twins(images: Tensor) -> Iterator[tuple[int, int] | None]:
    """Of each image, whether it is an earlier one but for a shift around the edges, a turn, a mirror, a monotone change of grey
    levels, noise: with the first that it is like, (earlier, image).

    Two drawings may be one by chance, as a frame shifted by half its
    width is a cross. A correlation at the best of all shifts is at most the sum of the spectra's magnitudes, which leaves few
    pairs to look at.
    """
    seen: list[Tensor] = []
    for second, image in enumerate(images):
        grey = image.mean(0)
        positions = torch.stack([_spectra(changed) for changed in _positions(grey)])
        yield next(((first, second) for first, spectra in enumerate(seen) if _is_among(spectra, positions)), None)
        seen.append(positions[0])


def _is_among(spectra: Tensor, positions: Tensor) -> bool:
    bounds = (spectra.abs() * positions.abs()).sum((-2, -1))
    return any(
        _likeness(spectra[kind], positions[k, kind]) > REPEATED_PICTURE
        for k, kind in (bounds > REPEATED_PICTURE).nonzero().tolist()
    )


def _different(images: Tensor) -> int:
    """How many images are left when those are one that a chain of likenesses connects, seen coarsely.

    What is turned a little, warped, mixed with another picture or noisy is like itself; ten pictures of one class are not.
    """
    coarse = -(-min(images.shape[-2:]) // COARSE)
    seen: list[Tensor] = []
    chains: list[set[int]] = []
    for k, grey in enumerate(avg_pool2d(images.mean(1), coarse)):
        positions = torch.stack([_spectra(changed) for changed in _positions(grey)])
        like = {n for n, spectra in enumerate(seen) if _likeness(spectra, positions) > LIKE_PICTURE}
        joined = [chain for chain in chains if chain & like]
        chains = [chain for chain in chains if not chain & like] + [set().union({k}, *joined)]
        seen.append(positions[0])
    return len(chains)


def _parts(images: Tensor) -> Iterator[tuple[int, int] | None]:
    """Of each image, whether it shows a part of what an earlier one shows, mirrored or not: with the first of them, as above.

    The middle of either, in several sizes, is looked for everywhere in the other, in both without what is coarser than the
    things on it, as any two skies are alike. Pictures smaller than `SIDE_OF_PARTS` are not asked: they have no parts.
    """
    if min(images.shape[-2:]) < SIDE_OF_PARTS:
        yield from [None] * len(images)
        return
    seen: list[_Parts] = []
    for second, image in enumerate(images):
        here = _Parts(image)
        like = (n for n, there in enumerate(seen) if there.has_middle_of(here) or here.has_middle_of(there))
        first = next(like, None)
        yield None if first is None else (first, second)
        seen.append(here)


class _Parts:
    """A picture's details, and its middle in several sizes, each as it is and mirrored."""

    def __init__(self, image: Tensor) -> None:
        self.image, self.details = image, _details(image, 1.0)
        self.middles = {(zoom, step): _middle(image, zoom)[:, ::step] for zoom in ZOOMS for step in (1, -1)}

    def has_middle_of(self, other: _Parts) -> bool:
        """Whether the other's middle is in here, at a size between the several where one of them fits nearly."""
        like = {kind: self._has(middle) for kind, middle in other.middles.items()}
        zoom, step = best = max(like, key=lambda kind: like[kind])
        return like[best] > NEARLY_PART_OF_PICTURE and any(
            self._has(_middle(other.image, max(1.0, zoom * factor))[:, ::step]) > PART_OF_PICTURE
            for factor in BETWEEN_ZOOMS
        )

    def _has(self, middle: np.ndarray) -> float:
        from skimage.feature import match_template  # takes long to import: only for who has pictures of this size

        return float(np.abs(match_template(self.details, middle)).max()) if middle.std() > 2 * FLAT else 0.0


def _details(image: Tensor, zoom: float) -> np.ndarray:
    """The grey levels, their sides a few dozen pixels / zoom, less their blur, and a trace of noise where all is flat."""
    scale = min(SIDE_OF_PARTS / min(image.shape[-2:]), LONGEST_SIDE / max(image.shape[-2:])) / zoom
    sides = [max(1, round(scale * side)) for side in image.shape[-2:]]
    grey = interpolate(image.mean(0)[None, None], sides, mode="bilinear", antialias=True, align_corners=False)[0, 0]
    details = (grey - torch.from_numpy(gaussian_filter(grey.numpy(), COARSER_THAN_THINGS, mode="nearest"))).double()
    return (details + FLAT * torch.randn(sides, generator=torch.Generator().manual_seed(sides[0]))).numpy()


def _middle(image: Tensor, zoom: float) -> np.ndarray:
    details = _details(image, zoom)
    height, width = details.shape
    return details[height // 4 : height - height // 4, width // 4 : width - width // 4]


def _likeness(spectra: Tensor, positions: Tensor) -> float:
    """The correlation of a picture with another one's positions, the best of all shifts, of grey levels or of ranks."""
    return float(torch.fft.ifft2(spectra * positions.conj(), norm="forward").real.abs().max())


def _positions(grey: Tensor) -> Iterator[Tensor]:
    """A picture (H, W) as it is, mirrored, and turned to the same shape, each once."""
    for quarters in range(4) if grey.shape[0] == grey.shape[1] else (0, 2):
        turned = grey.rot90(quarters)
        yield turned
        yield turned.flip(-1)


def _spectra(grey: Tensor) -> Tensor:
    """The Fourier transforms of the grey levels and of their ranks, (2, H, W), each of norm 1 without its mean."""
    _, places, counts = grey.flatten().unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - counts / 2)[places].view_as(grey)
    both = torch.stack([grey, ranks]).double()
    both -= both.mean((-2, -1), keepdim=True)
    return torch.fft.fft2(both / both.norm(dim=(-2, -1), keepdim=True), norm="ortho")


def _neighbours(image: Tensor) -> float:
    """The correlation of neighbouring pixels, the mean of both directions."""
    return (_neighbour_correlation(image) + _neighbour_correlation(image.mT)) / 2


def kind_of(baselines: Tensor, images: Tensor) -> str:
    """What a baseline looks like: constant, noise, one picture for all, or made from the image."""
    if float(baselines.flatten(2).std(dim=2).max()) < SAME_PICTURE:
        return "constant"
    if sum(_neighbour_correlation(baseline) for baseline in baselines) < 0.2 * len(baselines):
        return "noise"
    if all(alike(baselines[0], other) for other in baselines[1:]):
        return "one picture for all"
    return "made from the image"


def baselines_fault(baselines: dict[str, Tensor], images: Tensor, scores: Scores) -> Fault:
    """Whether there are enough baselines of one's own: different ones, none of them blank or the input itself."""
    for name, batch in baselines.items():
        if _adversarial(batch, images, scores):
            continue  # it looks like the input, which is its point
        for n in range(len(images)):
            if alike(batch[n], images[n]):
                return Fault(f"“{name}” is the input itself for image {n}", Mistake.BASELINE_IS_INPUT)
        if all(_correlation(batch[n], images[n]) > TWIN for n in range(len(images))):
            return Fault(f"“{name}” is the input itself, re-scaled", Mistake.BASELINE_IS_RESCALED_INPUT)
    kinds = {name: kind_of(batch, images) for name, batch in baselines.items()}
    own = [name for name, kind in kinds.items() if kind != "constant"]
    for first, second in combinations(baselines, 2):
        if all(alike(one, other) for one, other in zip(baselines[first], baselines[second], strict=True)):
            return Fault(f"“{first}” and “{second}” are the same pictures under two names", Mistake.EQUAL_BASELINES)
    for first, second in combinations(own, 2):
        if all(_correlation(one, other) > TWIN for one, other in zip(baselines[first], baselines[second], strict=True)):
            return Fault(f"“{second}” is “{first}”, re-scaled", Mistake.TWIN_BASELINES)
        if kinds[first] == kinds[second] == "noise" and _same_noise(baselines[first], baselines[second]):
            return Fault(f"“{first}” and “{second}” are the same noise, drawn twice", Mistake.TWIN_BASELINES)
    if len(own) < OWN_BASELINES:
        found = ", ".join(f"“{name}”: {kind}" for name, kind in kinds.items())
        return Fault(
            f"{len(own)} besides constant ones ({found}), expected at least {OWN_BASELINES}",
            Mistake.TOO_FEW_BASELINES,
        )
    return NO_FAULT


def _adversarial(baselines: Tensor, images: Tensor, scores: Scores) -> bool:
    """Whether pictures hardly differ from the images, and yet the model says another class of most of them."""
    if float((baselines - images).abs().mean()) > ADVERSARIAL:
        return False
    with torch.no_grad():
        of_images, of_baselines = (
            torch.cat([scores.forward(chunk).argmax(dim=1) for chunk in batch.split(8)])
            for batch in (images, baselines)
        )
    return float((of_images != of_baselines).float().mean()) > 0.5


def variety_fault(attributed: dict[str, Tensor], images: Tensor) -> Fault:
    """Whether maps come from a blank baseline and from one that differs from it beyond noise."""
    kinds = {name: kind_of(batch, images) for name, batch in attributed.items()}
    blank = [name for name, kind in kinds.items() if kind == "constant"]
    found = ", ".join(f"“{name}”: {kind}" for name, kind in kinds.items())
    if not blank:
        return Fault(f"no map from a blank baseline ({found})", Mistake.NO_BLANK_BASELINE)
    others = [name for name in attributed if name not in blank]
    different = [
        name for name in others if float((attributed[name] - attributed[blank[0]]).abs().mean()) > BEYOND_NOISE
    ]
    if not different:
        return Fault(f"maps from blank baselines only, or from hardly anything else ({found})", Mistake.NO_VARIETY)
    return NO_FAULT


def alike(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures are the same but for rounding and compression."""
    return float((one - other).abs().mean()) < SAME_PICTURE


def _same_noise(one: Tensor, other: Tensor) -> bool:
    """Whether two noises have the same distribution: over all images, their sorted values agree as two draws would."""
    of_draws = DRAWS_OF_NOISE * float(one.std()) / one.numel() ** 0.5
    one, other = one.flatten().sort().values, other.flatten().sort().values
    return float((one - other).abs().mean()) < max(BEYOND_NOISE / 2, of_draws)


def _neighbour_correlation(picture: Tensor) -> float:
    return _correlation(picture[..., :-1], picture[..., 1:], of_constants=1.0)


def _correlation(one: Tensor, other: Tensor, of_constants: float = 0.0) -> float:
    """Pearson's, over all pixels and channels."""
    one, other = one.flatten().double(), other.flatten().double()
    one, other = one - one.mean(), other - other.mean()
    norms = float(one.norm() * other.norm())
    return float(one @ other) / norms if norms > 0 else of_constants


def labels(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"“{name}”" for name in names)
