"""Parts of the photos by name, and what a map gives to each: what is said about a map is computed from it."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from igref.plots import channel_sum

# Photo of 224 x 224 pixels to part to boxes (top, left, bottom, right).
REGIONS: dict[str, dict[str, tuple[tuple[int, int, int, int], ...]]] = {
    "cat": {
        "eyes": ((50, 32, 112, 100), (74, 168, 124, 212)),
        "stripes on the forehead": ((0, 90, 52, 190),),
        "nose and mouth": ((170, 116, 224, 176),),
    },
    "zoomed cat": {"eye": ((0, 0, 104, 90),), "fur": ((0, 96, 224, 224), (112, 0, 224, 96))},
    "turned man": {"head and camera": ((44, 20, 104, 128),), "legs of the tripod": ((92, 104, 208, 224),)},
    "clock": {"disc": ((66, 62, 168, 186),)},
    "man": {"coat": ((100, 40, 200, 100),), "sky": ((0, 0, 60, 80),)},
}


def net(values: Float[Tensor, "channels height width"], picture: str) -> dict[str, float]:
    """The sum of a map over each part of a picture, and over the rest."""
    summed = channel_sum(values).double()
    found = {
        part: float(sum(summed[top:bottom, left:right].sum() for top, left, bottom, right in boxes))
        for part, boxes in REGIONS[picture].items()
    }
    return found | {"the rest": float(summed.sum()) - sum(found.values())}


def mean_size(values: Float[Tensor, "channels height width"], picture: str, part: str) -> float:
    """The mean size of a map's values in a part of a picture."""
    summed = channel_sum(values).abs()
    (top, left, bottom, right), *_ = REGIONS[picture][part]
    return float(summed[top:bottom, left:right].mean())


def in_words(parts: Mapping[str, float]) -> str:
    """The largest first: "nose and mouth +0.43, eyes −0.01"; no line ends between a part and its number.

    >>> in_words({"eyes": -0.011, "nose": 0.43}).replace("\N{NO-BREAK SPACE}", " ")
    'nose +0.43, eyes −0.01'
    """
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{part}\N{NO-BREAK SPACE}{value:+.2f}".replace("-", "−") for part, value in ordered)


def for_and_against(values: Float[Tensor, "channels height width"]) -> tuple[float, float]:
    """The sums of the positive and of the negative attributions, all channels and pixels."""
    return float(values.double().clamp(min=0).sum()), float(values.double().clamp(max=0).sum())
