"""Zoom, rotate and shift a picture, and see what a model makes of it: the report's debugging study.

A convolutional network is not invariant to scale or rotation. Each change keeps the shape (C, H, W) and the range
[0, 1], and shows nothing of what it does not know: pixels that come from outside the picture repeat its border.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from igref import arguments
from igref.models.classifier import Classifier

Picture = Float[Tensor, "channels height width"]


def zoom(image: Picture, factor: float) -> Picture:
    """The picture enlarged about its centre by `factor`, or made smaller where it is below 1.

    Args:
        image: (C, H, W), pixels in [0, 1].
        factor: 0.1 to 10; 2 shows the central quarter of the picture.

    Raises:
        TypeError, ValueError: the image is not (C, H, W) of finite floats, or the factor is out of range.

    Example:
        >>> image = torch.arange(16.0).view(1, 4, 4) / 16
        >>> torch.equal(zoom(image, 1), image)
        True
    """
    factor = arguments.number(factor, "factor", low=0.1, high=10)
    return _resampled(image, [[1 / factor, 0], [0, 1 / factor]], (0, 0))


def rotate(image: Picture, degrees: float) -> Picture:
    """The picture turned about its centre, counter-clockwise for positive degrees.

    Raises:
        TypeError, ValueError: the image is not (C, H, W) of finite floats, or degrees is not within -360 to 360.

    Example:
        >>> rotate(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 90).round(decimals=3)
        tensor([[[1., 1.],
                 [0., 0.]]])
    """
    angle = math.radians(arguments.number(degrees, "degrees", low=-360, high=360))
    return _resampled(image, [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], (0, 0))


def shift(image: Picture, down: int, right: int) -> Picture:
    """The picture moved by whole pixels, up and left for negative numbers.

    Raises:
        TypeError, ValueError: the image is not (C, H, W) of finite floats, or it would be moved out of sight.

    Example:
        >>> shift(torch.tensor([[[1.0, 2.0, 3.0]]]) / 4, down=0, right=1) * 4
        tensor([[[1., 1., 2.]]])
    """
    image = _checked(image)
    height, width = image.shape[1:]
    down = arguments.count(down, "down", at_least=1 - height)
    right = arguments.count(right, "right", at_least=1 - width)
    if down >= height or right >= width:
        raise ValueError(f"down, right: expected less than the picture's {height} x {width}, got {down}, {right}.")
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return image[:, rows][:, :, columns]


def top_classes(model: Classifier, image: Picture, n: int = 5) -> list[tuple[str, float]]:
    """The most probable categories of one picture, with their probabilities.

    Args:
        model: as `igref.load_model` returns it.
        image: (C, H, W), pixels in [0, 1].
        n: how many, at most as many as the model has categories.

    Raises:
        TypeError, ValueError: the model has no categories, the image is not (C, H, W) of finite floats, or n is below 1.

    Example:
        >>> from igref.images import load_digits
        >>> from igref.models import load_model
        >>> pixels, labels = load_digits()
        >>> top_classes(load_model("digits_cnn"), pixels[0], n=1)[0][0] == str(int(labels[0]))
        True
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"model: expected what igref.load_model returns, got {type(model).__name__}.")
    n = min(arguments.count(n, "n"), len(model.categories))
    with torch.no_grad():
        shares, classes = model.probabilities(_checked(image).to(model.mean)[None])[0].topk(n)
    return [(model.categories[k], share) for k, share in zip(classes.tolist(), shares.tolist(), strict=True)]


def top_classes_table(model: Classifier, images: dict[str, Picture], n: int = 5) -> str:
    """The most probable categories of several pictures as text, one column a picture.

    Args:
        model, n: as for `top_classes`.
        images: caption to picture.

    Example:
        >>> from igref.images import load_digits
        >>> from igref.models import load_model
        >>> pixels, _ = load_digits()
        >>> print(top_classes_table(load_model("digits_cnn"), {"black": 0 * pixels[0]}, n=1).splitlines()[0].strip())
        black
    """
    if not isinstance(images, Mapping):
        raise TypeError(f"images: expected a dictionary, caption to picture, got {arguments.kind(images)}.")
    columns = []
    for caption, image in images.items():
        cells = [caption, *(f"{name} {share:.1%}" for name, share in top_classes(model, image, n))]
        columns.append([cell.ljust(max(map(len, cells))) for cell in cells])
    return "\n".join("   ".join(row).rstrip() for row in zip(*columns, strict=True))


def _resampled(image: Picture, matrix: list[list[float]], offset: tuple[float, float]) -> Picture:
    """Where each pixel of the new picture comes from in the old, as an affine map of coordinates about the centre."""
    image = _checked(image)
    height, width = image.shape[1:]
    # grid_sample counts from -1 to 1 along each side; a rotation has to count in pixels, the same in both directions.
    (a, b), (c, d) = matrix
    theta = torch.tensor([[[a, b * height / width, offset[0]], [c * width / height, d, offset[1]]]], dtype=image.dtype)
    grid = nn.functional.affine_grid(theta, [1, *image.shape], align_corners=False).to(image.device)
    changed = nn.functional.grid_sample(image[None], grid, mode="bicubic", padding_mode="border", align_corners=False)
    return changed[0].clamp(0, 1)


def _checked(image: object) -> Picture:
    image = arguments.batch(image, "image")
    if image.ndim != 3:
        raise ValueError(f"image: expected one picture (C, H, W), got shape {tuple(image.shape)}.")
    return image
