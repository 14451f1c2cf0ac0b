"""Figures for finding out why a network is wrong: what it says about two versions of a picture, and why."""

from collections.abc import Mapping, Sequence

from igref.plots.maps import (
    Given,
    _picture,
    describe_map,
    same_captions,
    scaled_pixels,
    show_map,
    show_picture,
)
from igref.plots.style import COLORS, PANEL_INCHES, DescribedFigure, in_house_style, panels


@in_house_style
def top_classes_of_pictures(
    images: Mapping[str, Given], top_classes: Mapping[str, Sequence[tuple[str, float]]], *, label: str | None = None
) -> DescribedFigure:
    """The report's figure 3: each picture over the bars of its most probable classes.

    Args:
        images: caption ("original", "zoomed") to picture (C, H, W).
        top_classes: caption to (category, probability), the most probable first: `igref.images.top_classes`.
        label: the right category; its bar is dark, the others are light.

    Raises:
        TypeError: a picture is not a tensor or an array of floats.
        ValueError: captions are missing, or a picture is not (C, H, W).

    Example:
        >>> import torch
        >>> figure = top_classes_of_pictures({"original": torch.rand(3, 8, 8)}, {"original": [("tabby", 0.7), ("lynx", 0.1)]})
        >>> figure.description
        'original: tabby 70%, lynx 10%.'
    """
    same_captions(top_classes, images, "top_classes")
    figure, axes = panels(2, len(images), width=1.5 * PANEL_INCHES, height=PANEL_INCHES, height_ratios=(3, 2))
    for (above, below), (caption, image) in zip(axes.T, images.items(), strict=True):
        show_picture(above, _picture(image, "image"), caption)
        names, shares = zip(*top_classes[caption], strict=True)
        colors = [COLORS[1] if name == label or label is None else "#9ecae1" for name in names]
        bars = below.barh(range(len(names)), shares, color=colors, edgecolor="black", linewidth=0.6)
        below.bar_label(bars, [_said(*top) for top in top_classes[caption]], padding=4)
        below.set(xlim=(0, 1.6), yticks=[], xticks=[0, 0.5, 1], xlabel="probability")
        below.spines["bottom"].set_bounds(0, 1)
        below.invert_yaxis()
        below.grid(False)
    figure.description = (
        "; ".join(f"{caption}: " + ", ".join(_said(*top) for top in top_classes[caption]) for caption in images) + "."
    )
    return figure


@in_house_style
def attributions_of_pictures(images: Mapping[str, Given], attributions: Mapping[str, Given]) -> DescribedFigure:
    """The report's figure 4: one row for each version of a picture, with its map and its pixels scaled by the map.

    Args:
        images: caption ("original: tabby", "zoomed: lynx") to picture (C, H, W).
        attributions: caption to attributions (C, H, W).

    Raises:
        TypeError: a picture is not a tensor or an array of floats.
        ValueError: captions are missing, shapes differ, or a value is not finite.

    Example:
        >>> import torch
        >>> photo = torch.rand(3, 8, 8)
        >>> len(attributions_of_pictures({"original": photo, "zoomed": photo}, {"original": photo, "zoomed": photo}).axes)
        6
    """
    same_captions(attributions, images, "attributions")
    figure: DescribedFigure
    figure, axes = panels(len(images), 3, height=1.12 * PANEL_INCHES)
    for index, (row, (caption, image)) in enumerate(zip(axes, images.items(), strict=True)):
        overlay = scaled_pixels(image, attributions[caption])
        show_picture(row[0], _picture(image, "image"), "photo" if index == 0 else "")
        show_map(row[1], attributions[caption], "attribution" if index == 0 else "")
        show_picture(row[2], overlay, "photo x |attribution|" if index == 0 else "")
        row[0].set_ylabel(caption)
    figure.description = "One row a picture: photo, attribution map, photo scaled by the map. " + " ".join(
        f"{caption}: {describe_map(attributions[caption])}" for caption in images
    )
    return figure


def _said(category: str, share: float) -> str:
    return f"{category} {share:.0%}" if share >= 0.01 else f"{category} < 1%"
