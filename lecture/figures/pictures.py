"""Rows of pictures for the slides: along the path, one map displayed in several ways, pixels kept by a map."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from igref.plots import channel_sum, scaled_pixels
from igref.plots.maps import describe_map, show_picture
from igref.plots.style import in_house_style, no_ticks, panels

Picture = Float[Tensor, "channels height width"]
BLOCK = 32
DIVERGING = "RdBu_r"  # from blue over white to red: the zero is seen, with every kind of colour vision


@in_house_style
def path_strip(points: Sequence[Picture], captions: Sequence[str]) -> Figure:
    """Pictures on the way from the baseline to the photo."""
    figure, axes = panels(1, len(points), width=2.3, height=2.6)
    for ax, point, caption in zip(axes[0], points, captions, strict=True):
        show_picture(ax, point, caption)
    figure.description = f"The path, at {', '.join(captions)}."
    return figure


@in_house_style
def below_pictures(
    pictures: Mapping[str, Picture], maps: Sequence[Picture], *, one_scale: bool = False, block: int = BLOCK
) -> Figure:
    """Small pictures, and below each its map, summed over squares and large enough for the back row.

    Args:
        pictures: caption to picture (C, H, W).
        maps: one for each picture, (C, H, W).
        one_scale: the maps share a scale; else each has its own.
        block: side of the squares in pixels.
    """
    figure, axes = panels(2, len(pictures), width=3.8, height=2.8, height_ratios=(1, 2.4))
    summed = [block_sums(values, block) for values in maps]
    limits = [float(one.abs().max()) for one in summed]
    said = []
    for (above, below), one, limit, (caption, picture) in zip(axes.T, summed, limits, pictures.items(), strict=True):
        show_picture(above, picture, caption)
        show_signed(below, one, "", max(limits) if one_scale else limit)
        said.append(f"{caption}: {_describe_blocks(one)}")
    figure.description = f"Pictures and, below each, a map summed over squares of {block} pixels. {' '.join(said)}"
    return figure


@in_house_style
def raw_and_blocks(image: Picture, values: Picture, *, block: int = BLOCK) -> Figure:
    """A photo, the map of its pixels, and the map summed over squares, which the back row can see.

    Args:
        image: (C, H, W).
        values: attributions of the image, (C, H, W).
        block: side of the squares in pixels; it divides height and width.
    """
    figure, axes = panels(1, 3, width=3.8, height=4.6)
    show_picture(axes[0, 0], image, "photo")
    show_signed(axes[0, 1], channel_sum(values), "map, pixel by pixel", float(channel_sum(values).abs().quantile(0.97)))
    summed = block_sums(values, block)
    show_signed(axes[0, 2], summed, f"map, summed over {block} × {block} pixels", float(summed.abs().max()))
    figure.description = (
        f"A photo, its map, and the map summed over squares. {describe_map(values)} {_describe_blocks(summed)}"
    )
    return figure


@in_house_style
def blocks_over(image: Picture, maps: Mapping[str, Picture], *, block: int = BLOCK) -> Figure:
    """Several maps of one photo, each summed over squares on a scale of its own, over the photo in pale grey."""
    figure, axes = panels(1, len(maps), width=4.2, height=4.6)
    pale = 0.55 + 0.45 * image.mean(0).numpy()
    said = []
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        summed = block_sums(values, block)
        show_signed(ax, summed, name, float(summed.abs().max()), over=pale)
        said.append(f"{name}: {_describe_blocks(summed)}")
    figure.description = f"Maps of one photo, summed over squares of {block} pixels. {' '.join(said)}"
    return figure


def block_sums(values: Picture, block: int = BLOCK) -> Tensor:
    """Attributions (C, H, W) summed over channels and over squares: (H / block, W / block); the sum stays what it is."""
    return block**2 * torch.nn.functional.avg_pool2d(channel_sum(values).double()[None], block)[0]


def show_signed(ax: Axes, values: Tensor, title: str, limit: float, over: np.ndarray | None = None) -> None:
    """Signed values from blue, against the class, over white, nothing, to red, for it; the scale stands below."""
    size = 224
    if over is not None:
        ax.imshow(over, cmap="gray", vmin=0, vmax=1, extent=(0, size, size, 0))
    drawn = ax.imshow(
        values, cmap=DIVERGING, vmin=-limit, vmax=limit, extent=(0, size, size, 0), alpha=1 if over is None else 0.7
    )
    scale = ax.inset_axes((0.0, -0.07, 1.0, 0.04))
    scale.imshow(np.linspace(-1, 1, 256)[None], cmap=drawn.cmap, aspect="auto")
    scale.set_xticks([0, 127.5, 255], [f"{-limit:.2g}", "0", f"{limit:.2g}"])
    for tick, side in zip(scale.get_xticklabels(), ("left", "center", "right"), strict=True):
        tick.set_horizontalalignment(side)
    scale.set_yticks([])
    scale.grid(False)
    ax.set_title(title)
    no_ticks(ax)


def _describe_blocks(summed: Tensor) -> str:
    rows, columns = summed.shape
    row, column = divmod(int(summed.argmax()), columns)
    return (
        f"The square that counts most for the class, {float(summed.max()):+.2f}, is {row + 0.5:g} of {rows} from the top and "
        f"{column + 0.5:g} of {columns} from the left; the one that counts most against it has {float(summed.min()):+.2f}."
    )


@in_house_style
def side_by_side(maps: Mapping[str, Picture], *, photo: Picture, block: int | None = None) -> Figure:
    """A photo and maps of it, pixel by pixel or summed over squares, each on its own scale with zero in the middle."""
    figure, axes = panels(1, 1 + len(maps), width=3.8, height=4.6)
    show_picture(axes[0, 0], photo, "photo")
    for ax, (name, values) in zip(axes[0, 1:], maps.items(), strict=True):
        summed = channel_sum(values) if block is None else block_sums(values, block)
        limit = float(summed.abs().quantile(0.97) if block is None else summed.abs().max())
        show_signed(ax, summed, name, limit)
    figure.description = "A photo and its maps. " + " ".join(f"{name}: {describe_map(v)}" for name, v in maps.items())
    return figure


@in_house_style
def only_the_photo(image: Picture, maps: int = 2) -> Figure:
    """The photo of a figure with maps, before the room has seen them: what is still hidden is a question mark."""
    figure, axes = panels(1, 1 + maps, width=3.8, height=4.6)
    show_picture(axes[0, 0], image, "photo")
    for ax in axes[0, 1:]:
        ax.set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
        ax.text(0.5, 0.5, "?", fontsize=90, ha="center", va="center", color="#767676")
        no_ticks(ax)
    figure.description = "The photo alone; its maps are still hidden."
    return figure


@in_house_style
def three_displays(values: Picture) -> Figure:
    """One map, displayed in three ways that look like three different findings."""
    signed = channel_sum(values)
    figure, axes = panels(1, 3, width=3.8, height=4.6)
    show_signed(axes[0, 0], signed, "signed, to 97th percentile", float(signed.abs().quantile(0.97)))
    ways = {
        "size, to the maximum": (signed.abs() / signed.abs().max(), "cividis"),
        "size, to 90th percentile": ((signed.abs() / signed.abs().quantile(0.9)).clamp(max=1), "cividis"),
    }
    for ax, (name, (shown, colormap)) in zip(axes[0, 1:], ways.items(), strict=True):
        ax.imshow(shown, cmap=colormap, vmin=0, vmax=1)
        ax.set_title(name)
        no_ticks(ax)
    figure.description = (
        "The same attributions three times: signed on a symmetric scale; by size up to the maximum, nearly all dark; by size up "
        "to the 90th percentile, nearly all bright."
    )
    return figure


@in_house_style
def any_map_will_do(image: Picture, maps: Mapping[str, Picture]) -> Figure:
    """The photo scaled by several maps, one of them noise: what is seen is the photo."""
    figure, axes = panels(1, len(maps), height=3.0)
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        show_picture(ax, scaled_pixels(image, values), name)
    figure.description = (
        f"The photo scaled by {', by '.join(maps)}. The animal can be made out in each, even for noise."
    )
    return figure


@in_house_style
def kept_pixels(
    forward: Callable[[Tensor], Tensor],
    image: Picture,
    label: int,
    shares: Sequence[float],
    rankings: Mapping[str, Float[Tensor, "height width"]],
) -> Figure:
    """The photo with only its most important pixels left, the others at the photo's mean, and the score of each picture.

    Args:
        forward: (B, C, H, W) -> (B, K) probabilities.
        image: (C, H, W).
        label: whose score is written above the pictures.
        shares: of pixels kept, one column each.
        rankings: name to the importance of each pixel, (H, W); one row each.
    """
    figure, axes = panels(len(rankings), len(shares), width=2.3, height=2.4)
    mean = image.mean((1, 2), keepdim=True)
    said = []
    for row, (name, importance) in zip(axes, rankings.items(), strict=True):
        order = importance.flatten().argsort(descending=True)
        for ax, share in zip(row, shares, strict=True):
            kept = torch.zeros(order.numel(), dtype=torch.bool)
            kept[order[: round(share * order.numel())]] = True
            picture = torch.where(kept.view_as(importance), image, mean)
            with torch.no_grad():
                score = float(forward(picture[None])[0, label])
            show_picture(ax, picture, f"{share:.0%} kept: F = {score:.2f}")
            said.append(f"{name}, {share:.0%} kept: {score:.2f}")
        row[0].set_ylabel(name)
    figure.description = (
        f"The photo with some of its pixels, the rest at the mean colour. Score of the label: {'; '.join(said)}."
    )
    return figure
