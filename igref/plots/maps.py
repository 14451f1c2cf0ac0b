"""Attributions as pictures: the map itself, and the photo with its pixels scaled by the map."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from torch import Tensor

from igref.plots.style import PANEL_INCHES, SIGNED_COLORMAP, DescribedFigure, in_house_style, no_ticks, panels

# A few extreme pixels would leave the rest of a map grey, and of a scaled photo black, so the scale ends here.
SCALE_PERCENTILE = 97.0

Picture = Float[Tensor, "channels height width"]
Mask = Bool[Tensor, "channels height width"] | Bool[np.ndarray, "channels height width"]
Given = Picture | Float[np.ndarray, "channels height width"] | Mask
"""What a figure takes: a tensor or an array, or a mask, which is drawn as zeros and ones."""
Map = Float[Tensor, "height width"]


def channel_sum(values: Given) -> Map:
    """One number a pixel: the attributions (C, H, W) summed over channels, with their sign.

    Raises:
        TypeError: values are not a tensor or an array of floats.
        ValueError: values are not (C, H, W), or not finite.

    Example:
        >>> channel_sum(torch.tensor([1.0, -3.0]).view(2, 1, 1))
        tensor([[-2.]])
    """
    return _picture(values, "values").sum(0)


def scaled_pixels(image: Given, values: Given) -> Picture:
    """The report's picture: the pixels of the image scaled by the size of their attribution, dark where it is small.

    The size is |sum over channels| as a share of its 97th percentile, cut off at 1. The sign is not shown.

    Args:
        image: (C, H, W), pixels in [0, 1].
        values: attributions (C, H, W) of the image.

    Returns:
        (C, H, W), in [0, 1].

    Raises:
        TypeError: one of them is not a tensor or an array of floats.
        ValueError: the shapes differ, or a value is not finite.

    Example:
        >>> image, values = torch.ones(1, 1, 3), torch.tensor([[[0.0, -5.0, 5.0]]])
        >>> scaled_pixels(image, values)
        tensor([[[0., 1., 1.]]])
    """
    image, values = _pair(image, values)
    size = channel_sum(values).abs()
    return (image * (size / _scale(size)).clamp(max=1)).clamp(0, 1)


@in_house_style
def attribution_row(image: Given, values: Given, *, baseline: Given | None = None, title: str = "") -> DescribedFigure:
    """Photo, baseline, map, and the photo scaled by the map, in a row.

    Args:
        image: (C, H, W) with C = 1 or 3, pixels in [0, 1].
        values: attributions (C, H, W) of the image.
        baseline: (C, H, W); without it, its panel is left out.
        title: written above the row.

    Raises:
        TypeError: one of them is not a tensor or an array of floats.
        ValueError: the shapes differ, are not those of a picture, or a value is not finite.

    Example:
        >>> figure = attribution_row(torch.rand(3, 8, 8), torch.randn(3, 8, 8), baseline=torch.zeros(3, 8, 8))
        >>> len(figure.axes)
        4
    """
    image, values = _pair(image, values)
    pictures = {"photo": image}
    if baseline is not None:
        pictures["baseline"] = _pair(image, baseline, "baseline")[1]
    figure, axes = panels(1, len(pictures) + 2, height=1.2 * PANEL_INCHES)
    *of_pictures, of_map, of_overlay = axes[0]
    for ax, (name, picture) in zip(of_pictures, pictures.items(), strict=True):
        show_picture(ax, picture, name)
    show_map(of_map, values, "attribution")
    show_picture(of_overlay, scaled_pixels(image, values), "photo x |attribution|")
    if title:
        figure.suptitle(title)
    shown = ", ".join([*pictures, "attribution map", "photo scaled by the map"])
    figure.description = f"{title or 'Attribution'}. From left to right: {shown}. {describe_map(values)}"
    return figure


@in_house_style
def compare_methods(
    images: Mapping[str, Given],
    attributions: Mapping[str, Mapping[str, Given]],
    *,
    baselines: Mapping[str, Given] | None = None,
) -> DescribedFigure:
    """The report's figure 1: one row a photo, its baseline, then the photo scaled by each method's attribution.

    Args:
        images: caption to picture (C, H, W).
        attributions: method to {caption: attributions (C, H, W)}, for the captions of `images`.
        baselines: caption to baseline (C, H, W).

    Raises:
        TypeError: a picture is not a tensor or an array of floats.
        ValueError: captions are missing, shapes differ, or a value is not finite.

    Example:
        >>> photo = torch.rand(3, 8, 8)
        >>> methods = {"gradient x input": {"noise": photo}, "integrated gradients": {"noise": -photo}}
        >>> len(compare_methods({"noise": photo}, methods).axes)
        3
    """
    for name, given in {**attributions, **({"baselines": baselines} if baselines is not None else {})}.items():
        same_captions(given, images, name)
    same_captions(attributions, attributions, "attributions")
    columns = 1 + (baselines is not None) + len(attributions)
    figure, axes = panels(len(images), columns)
    for index, (row, (caption, image)) in enumerate(zip(axes, images.items(), strict=True)):
        shown = {} if baselines is None else {"baseline": _pair(image, baselines[caption], "baseline")[1]}
        shown["photo"] = _picture(image, "image")
        shown |= {method: scaled_pixels(image, values[caption]) for method, values in attributions.items()}
        for ax, (name, picture) in zip(row, shown.items(), strict=True):
            show_picture(ax, picture, name if index == 0 else "")
        row[0].set_ylabel(caption)
    figure.description = (
        f"One row for each of {', '.join(images)}: {'baseline, ' if baselines is not None else ''}photo, "
        f"and the photo scaled by {', then by '.join(attributions)}."
    )
    return figure


@in_house_style
def compare_baselines(
    image: Given, baselines: Mapping[str, Given], attributions: Mapping[str, Given], *, title: str = ""
) -> DescribedFigure:
    """The report's figure 2: one column a baseline, with the baseline, the map, and the photo scaled by the map.

    Args:
        image: (C, H, W), pixels in [0, 1].
        baselines: name to baseline (C, H, W).
        attributions: name to attributions (C, H, W) relative to that baseline.
        title: written above the figure.

    Raises:
        TypeError: a picture is not a tensor or an array of floats.
        ValueError: names are missing, shapes differ, or a value is not finite.

    Example:
        >>> photo = torch.rand(3, 8, 8)
        >>> figure = compare_baselines(photo, {"black": 0 * photo, "white": 1 + 0 * photo}, {"black": photo, "white": -photo})
        >>> len(figure.axes)
        6
    """
    same_captions(attributions, baselines, "attributions")
    figure, axes = panels(3, len(baselines), width=0.8 * PANEL_INCHES, height=0.87 * PANEL_INCHES)
    for column, (name, baseline) in zip(axes.T, baselines.items(), strict=True):
        show_picture(column[0], _pair(image, baseline, f"baseline {name}")[1], name.replace("_", " "))
        show_map(column[1], _pair(image, attributions[name], f"attributions {name}")[1])
        show_picture(column[2], scaled_pixels(image, attributions[name]))
    for ax, label in zip(axes[:, 0], ("baseline", "attribution", "photo x |attr.|"), strict=True):
        ax.set_ylabel(label)
    if title:
        figure.suptitle(title)
    figure.description = (
        f"{title or 'Attributions of one photo'}, one column for each baseline: {', '.join(baselines)}. "
        "From top to bottom: baseline, attribution map, photo scaled by the map. "
        + " ".join(f"{name}: {describe_map(attributions[name])}" for name in baselines)
    )
    return figure


@in_house_style
def map_against(values: Given, expected: Given, *, names: tuple[str, str] = ("map", "expected")) -> DescribedFigure:
    """Two maps of one picture and what lies between them, side by side, on one scale that is symmetric about zero.

    The scale is that of the larger map, so that a map of another size shows as one.

    Args:
        values: attributions (C, H, W).
        expected: attributions (C, H, W) to compare them with.
        names: what the two are called.

    Raises:
        TypeError: one of them is not a tensor or an array of floats.
        ValueError: the shapes differ, or a value is not finite.

    Example:
        >>> figure = map_against(torch.ones(1, 2, 2), torch.zeros(1, 2, 2), names=("yours", "the rule's"))
        >>> figure.description
        "From left to right: yours, which adds up to 4; the rule's, which adds up to 0; the difference. One scale, from -1 to 1."
    """
    values, expected = (channel_sum(given)[None] for given in _pair(values, expected, "expected"))
    limit = max(float(_scale(given[0].abs())) for given in (values, expected))
    figure: DescribedFigure
    figure, axes = panels(1, 3, width=0.8 * PANEL_INCHES, height=PANEL_INCHES)
    for ax, name, given in zip(axes[0], (*names, "difference"), (values, expected, values - expected), strict=True):
        show_map(ax, given, name, limit=limit)
        ax.images[0].set_interpolation("nearest")  # a map is no photo: its pixels are what is compared
    sums = [
        f"{name}, which adds up to {float(given.sum()):.3g}"
        for name, given in zip(names, (values, expected), strict=True)
    ]
    figure.description = (
        f"From left to right: {'; '.join(sums)}; the difference. One scale, from {-limit:.2g} to {limit:.2g}."
    )
    return figure


def show_picture(ax: Axes, image: Given, title: str = "") -> None:
    """Draw a picture (C, H, W), grey where C = 1."""
    image = _picture(image, "image")
    if image.shape[0] not in (1, 3):
        raise ValueError(f"image: a picture to draw has 1 or 3 channels, got {image.shape[0]}.")
    pixels = image.clamp(0, 1).permute(1, 2, 0).numpy()
    ax.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    no_ticks(ax)


def show_map(
    ax: Axes, values: Given, title: str = "", *, limit: float | None = None, colormap: str = SIGNED_COLORMAP
) -> None:
    """Draw attributions (C, H, W) summed over channels, on a scale that is symmetric about zero and stands below.

    The scale ends at the limit; without one, at the 97th percentile of the map's own sizes.
    """
    summed = channel_sum(values)
    limit = float(_scale(summed.abs())) if limit is None else limit
    drawn = ax.imshow(summed.numpy(), cmap=colormap, vmin=-limit, vmax=limit)
    scale = ax.inset_axes((0.0, -0.08, 1.0, 0.05))
    scale.imshow(np.linspace(-1, 1, 256)[None], cmap=colormap, aspect="auto")
    end = float(f"{limit:.1g}")
    scale.set_xticks([0, 127.5, 255], [f"{-end:g}", "0", f"{end:g}"], fontsize=10)
    left, _, right = scale.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")
    scale.set_yticks([])
    scale.grid(False)
    scale.tick_params(length=0, pad=1)
    drawn.axes.set_title(title)
    no_ticks(ax)


def describe_map(values: Given) -> str:
    """Where the positive attribution lies, in words."""
    positive = channel_sum(values).clamp(min=0)
    if not positive.any():
        return "No pixel counts for the class."
    height, width = positive.shape
    row = float((positive.sum(1) * torch.arange(height)).sum() / positive.sum()) / max(height - 1, 1)
    column = float((positive.sum(0) * torch.arange(width)).sum() / positive.sum()) / max(width - 1, 1)
    densest = positive.flatten().sort(descending=True).values.cumsum(0) / positive.sum()
    share = float((densest < 0.5).sum() + 1) / densest.numel()
    return (
        f"Half of the attribution for the class lies on {share:.0%} of the pixels; its centre is {row:.0%} from the top "
        f"and {column:.0%} from the left."
    )


def same_captions(given: Mapping[str, object], expected: Mapping[str, object], name: str) -> None:
    """Raise ValueError unless both have the same, at least one, keys."""
    if not expected or set(given) != set(expected):
        raise ValueError(
            f"{name}: expected one entry for each of {sorted(expected) or 'at least one picture'}, got {sorted(given)}."
        )


def _scale(size: Map) -> Tensor:
    """The 97th percentile of sizes, or their largest where that is 0, or 1 where all are 0."""
    limit = torch.quantile(size.flatten().double(), SCALE_PERCENTILE / 100).to(size)
    limit = limit if limit > 0 else size.max()
    return limit if limit > 0 else torch.ones_like(limit)


def _picture(given: object, name: str) -> Picture:
    tensor = _as_tensor(given) if isinstance(given, np.ndarray) and given.dtype.kind in "fb" else given
    if isinstance(tensor, Tensor) and tensor.dtype == torch.bool:
        tensor = tensor.float()  # a mask
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = str(tensor.dtype) if isinstance(tensor, Tensor | np.ndarray) else type(tensor).__name__
        raise TypeError(
            f"{name}: expected a tensor or an array of floats (C, H, W), got {kind}. Use torch.as_tensor(..., dtype=torch.float32)."
        )
    if tensor.ndim != 3 or tensor.numel() == 0:
        raise ValueError(
            f"{name}: expected the shape (C, H, W), got {tuple(tensor.shape)}. The first of a batch is {name}[0]."
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity. Look at what computed {name}.")
    return tensor.detach().cpu()


def _as_tensor(given: np.ndarray) -> Tensor:
    """An array of whichever floats, byte order and strides."""
    precise = given.astype(np.float64 if given.dtype.itemsize > 8 else given.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.ascontiguousarray(precise))


def _pair(image: object, other: object, name: str = "values") -> tuple[Picture, Picture]:
    image, other = _picture(image, "image"), _picture(other, name)
    if image.shape != other.shape:
        raise ValueError(f"{name}: expected the shape of the image, {tuple(image.shape)}, got {tuple(other.shape)}.")
    return image, other
