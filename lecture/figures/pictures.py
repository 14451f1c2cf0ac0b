"""Rows of pictures for the slides: along the path, one map displayed in several ways, pixels kept by a map."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from igref.plots import channel_sum, scaled_pixels
from igref.plots.maps import SCALE_PERCENTILE, describe_map, show_picture
from igref.plots.style import DescribedFigure, in_house_style, no_ticks, panels

Picture = Float[Tensor, "channels height width"]
BLOCK = 32
WIDE = 12.5  # inches of a slide tagged `wide`: four maps of 300 pixels
OF_MAPS, OF_NUMBERS = 3.8, 0.12  # inches of height that a row of them takes, and what stands below it
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
def map_pairs(
    pictures: Mapping[str, Picture],
    maps: Sequence[Picture],
    *,
    height: float = 5.5,
    one_scale: bool = False,
    over: Picture | None = None,
    block: int = BLOCK,
) -> DescribedFigure:
    """Two maps, each pixel by pixel and beside that summed over squares, below a small picture that says whose they are.

    Args:
        pictures: caption to picture (C, H, W), two of them.
        maps: one for each picture, (C, H, W).
        height: in inches; the pictures get what the maps leave.
        one_scale: the maps share their scales; else each has its own.
        over: a photo (C, H, W) that is seen through the squares.
        block: side of the squares in pixels.
    """
    figure = DescribedFigure(figsize=(WIDE, height), layout="constrained")
    # Some room below for the numbers of the scales, which the layout does not see.
    figure.get_layout_engine().set(w_pad=0.03, rect=(0, OF_NUMBERS / height, 1, 1 - OF_NUMBERS / height))
    grid = figure.add_gridspec(
        2, 5, width_ratios=(1, 1, 0.05, 1, 1), height_ratios=(height - OF_NUMBERS - OF_MAPS, OF_MAPS)
    )
    limits = [scale_ends(values, block) for values in maps]
    if one_scale:
        limits = [tuple(map(max, zip(*limits, strict=True)))] * len(maps)
    for k, (caption, picture) in enumerate(pictures.items()):
        first = 3 * k  # columns: a gap is between the pairs
        show_picture(figure.add_subplot(grid[0, first : first + 2]), picture, caption)
        both = [figure.add_subplot(grid[1, column]) for column in (first, first + 1)]
        show_both(both, maps[k], block, limits[k], over)
    figure.description = f"Two pictures and, below each, {_describe_both(pictures, maps, block)}"
    return figure


@in_house_style
def maps_in_columns(
    pictures: Mapping[str, Picture],
    maps: Sequence[Picture],
    *,
    block: int = BLOCK,
    explained: Sequence[Picture] | None = None,
) -> DescribedFigure:
    """For a page: small pictures and, below each, its map pixel by pixel, and below that summed over squares.

    Args:
        pictures: caption to picture (C, H, W); three fit on a page.
        maps: one for each picture, (C, H, W).
        block: side of the squares in pixels.
        explained: the photo that each map is of, (C, H, W): then one row more has it scaled by the map, as in the course report.
    """
    rows = (1, 2.4, 2.4) if explained is None else (1, 2.4, 2.4, 2.4)
    figure, axes = panels(len(rows), len(pictures), width=3.4, height=3.4, height_ratios=rows)
    figure.get_layout_engine().set(h_pad=0.14)  # the scale below a map takes some of it
    for (above, *scaled, of_pixels, of_squares), values, (caption, picture), photo in zip(
        axes.T, maps, pictures.items(), explained or [None] * len(maps), strict=True
    ):
        show_picture(above, picture, caption)
        for ax in scaled:
            show_picture(ax, scaled_pixels(photo, values), "photo x |attribution|")
        show_both([of_pixels, of_squares], values, block, scale_ends(values, block))
    scaled_too = "" if explained is None else "the photo scaled by the size of its map, "
    figure.description = f"{len(maps)} pictures and, below each, {scaled_too}{_describe_both(pictures, maps, block)}"
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
    show_both(axes[0, 1:], values, block, scale_ends(values, block))
    figure.description = f"A photo, {_describe_both({'It': image}, [values], block)}"
    return figure


def show_both(
    axes: Sequence[Axes], values: Picture, block: int, limits: tuple[float, float], over: Picture | None = None
) -> None:
    """One map on two axes: pixel by pixel, and summed over squares, through which a photo may be seen."""
    of_pixels, of_squares = axes
    show_signed(of_pixels, channel_sum(values), "pixel by pixel", limits[0])
    show_signed(of_squares, block_sums(values, block), f"summed over {block} × {block}", limits[1], over)


def scale_ends(values: Picture, block: int) -> tuple[float, float]:
    """Where the colours of a map end: pixel by pixel at a percentile of the sizes, summed over squares at the largest."""
    ends_at = torch.quantile(channel_sum(values).abs(), SCALE_PERCENTILE / 100)
    return float(ends_at), float(block_sums(values, block).abs().max())


def block_sums(values: Picture, block: int = BLOCK) -> Tensor:
    """Attributions (C, H, W) summed over channels and over squares: (H / block, W / block); the sum stays what it is."""
    return block**2 * torch.nn.functional.avg_pool2d(channel_sum(values).double()[None], block)[0]


def show_signed(ax: Axes, values: Tensor, title: str, limit: float, over: Picture | None = None) -> None:
    """Signed values from blue, against the class, over white, nothing, to red, for it; the scale stands below."""
    size = 224
    if over is not None:
        pale = 0.55 + 0.45 * over.mean(0).numpy()
        ax.imshow(pale, cmap="gray", vmin=0, vmax=1, extent=(0, size, size, 0))
    drawn = ax.imshow(
        values, cmap=DIVERGING, vmin=-limit, vmax=limit, extent=(0, size, size, 0), alpha=1 if over is None else 0.7
    )
    scale = ax.inset_axes((0.0, -0.07, 1.0, 0.04))
    scale.imshow(np.linspace(-1, 1, 256)[None], cmap=drawn.cmap, aspect="auto")
    scale.set_xticks(
        [127.5, 255], ["0", f"±{limit:.2g}"]
    )  # one end says both: next to each other two would run together
    scale.get_xticklabels()[-1].set_horizontalalignment("right")
    scale.set_yticks([])
    scale.grid(False)
    ax.set_title(title)
    no_ticks(ax)


def _describe_both(pictures: Mapping[str, Picture], maps: Sequence[Picture], block: int) -> str:
    said = (
        f"{caption}: {describe_map(values)} {_describe_blocks(block_sums(values, block))}"
        for caption, values in zip(pictures, maps, strict=True)
    )
    return f"its map pixel by pixel, and summed over squares of {block} pixels. {' '.join(said)}"


def _describe_blocks(summed: Tensor) -> str:
    rows, columns = summed.shape
    row, column = divmod(int(summed.argmax()), columns)
    return (
        f"The square that counts most for the class, {float(summed.max()):+.2f}, is {row + 0.5:g} of {rows} from the top and "
        f"{column + 0.5:g} of {columns} from the left; the one that counts most against it has {float(summed.min()):+.2f}."
    )


@in_house_style
def side_by_side(maps: Mapping[str, Picture], *, photo: Picture) -> Figure:
    """A photo and maps of it, pixel by pixel, each on its own scale with zero in the middle."""
    figure, axes = panels(1, 1 + len(maps), width=3.8, height=4.6)
    show_picture(axes[0, 0], photo, "photo")
    for ax, (name, values) in zip(axes[0, 1:], maps.items(), strict=True):
        show_signed(ax, channel_sum(values), name, scale_ends(values, BLOCK)[0])
    figure.description = "A photo and its maps. " + " ".join(f"{name}: {describe_map(v)}" for name, v in maps.items())
    return figure


@in_house_style
def still_asked(figure: Figure) -> Figure:
    """A figure before the room has guessed: its photos alone, each in its place, and a question mark for all else."""
    for ax in figure.axes:
        if any(image.get_array().ndim == 3 for image in ax.get_images()):
            continue
        for part in (ax, *ax.child_axes):
            part.tick_params(colors="none")  # drawn in no colour they keep their room
            for shown in (part.title, part.xaxis.label, part.yaxis.label, *part.texts, *part.spines.values()):
                shown.set_color("none")
            for shown in (*part.get_images(), *part.patches):
                shown.set_visible(False)
        ax.text(0.5, 0.5, "?", fontsize=60, ha="center", va="center", color="#767676", transform=ax.transAxes)
    figure.description = "The pictures alone; the answer is still hidden."
    return figure


@in_house_style
def three_displays(values: Picture) -> Figure:
    """One map, displayed in three ways that look like three different findings."""
    signed = channel_sum(values)
    figure, axes = panels(1, 3, width=3.8, height=4.6)
    show_signed(axes[0, 0], signed, f"signed, to {SCALE_PERCENTILE:.0f}th percentile", scale_ends(values, BLOCK)[0])
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
