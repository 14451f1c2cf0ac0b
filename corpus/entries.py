"""What an entry of the corpus is, and the kinds of right and wrong studies that several sets share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from corpus.maps import COLOURED, RIGHT_MAPS, TOP_CLASS, WRONG_MAPS, midpoint, trapezoid
from corpus.models import COLOURS, Material, material

DIGITS, PHOTOS = "digits_cnn", "efficientnet_lite0"


@dataclass(frozen=True)
class Entry:
    """One hand-in. `make` gives the arguments of submit; `mistakes` are the diagnoses that name the fault.

    A correct entry has no mistakes and gets full points; `mistakes` of None means that no name fits.
    """

    task: str
    kind: str
    name: str
    make: Callable[[], tuple[Any, dict[str, Any]]]
    correct: bool
    mistakes: tuple[str, ...] | None = ()

    @property
    def set(self) -> str:
        return self.task.partition("-")[0]


def function(source: str, name: str) -> Callable:
    def make() -> tuple[Any, dict[str, Any]]:
        namespace: dict[str, Any] = {"torch": torch, "np": np}
        exec(compile(source, "<student>", "exec"), namespace)
        return namespace[name], {}

    return make


def study(make: Callable[[], dict[str, Any]]) -> Callable:
    return lambda: (None, make())


def wrong_studies(task: str, of: Callable[..., dict]) -> Iterator[Entry]:
    """The kinds of wrong maps, in studies of digits and of colours."""
    for model in (DIGITS, COLOURS):
        for kind, (compute, mistakes, needs) in WRONG_MAPS.items():
            if COLOURED in needs and model != COLOURS:
                continue
            name = f"{kind}, {model}"
            yield Entry(task, kind, name, study(lambda m=model, c=compute, n=needs: of(m, c, n)), False, mistakes)
        kind, compute, mistakes = TOP_CLASS
        yield Entry(
            task, kind, f"{kind}, {model}", study(lambda m=model, c=compute: of(m, c, ("second",))), False, mistakes
        )


def changed(task: str, kind: str, mistakes: tuple[str, ...] | None, make: Callable[[], dict]) -> Entry:
    return Entry(task, kind, kind, study(make), False, mistakes)


def with_images(change: Callable, model: str = COLOURS) -> Callable[[Material], Material]:
    m = material(model)
    images = change(m.images)
    with torch.no_grad():
        order = m.model.logits(images).argsort(dim=1, descending=True)
    return Material(m.model, images, order[:, 0], order[:, 1])


def wrong_images(task: str, of: Callable[[Material], dict]) -> Iterator[Entry]:
    """Studies whose images are not what is asked for; their maps are right."""

    def entry(kind: str, mistakes: tuple[str, ...], make: Callable[[], dict]) -> Entry:
        return Entry(task, kind, kind, study(make), False, mistakes)

    yield entry("nine images", ("too_few_images",), lambda: of(with_images(lambda x: x[:9])))
    same = ("images_repeated", "one_map_for_all")
    yield entry("one image ten times", same, lambda: of(with_images(lambda x: x[:1].repeat(10, 1, 1, 1))))
    yield entry("an image twice", same, lambda: of(with_images(lambda x: torch.cat([x[:9], x[:1]]))))
    yield entry(
        "images in 0 to 255",
        ("image_out_of_range",),
        lambda: (s := of(material(COLOURS))) | {"images": s["images"] * 255},
    )
    yield entry(
        "normalised images",
        ("image_normalised",),
        lambda: (s := of(material(COLOURS))) | {"images": (s["images"] - 0.5) / 0.25},
    )
    yield entry(
        "channels last", ("wrong_shape",), lambda: (s := of(material(COLOURS))) | {"images": s["images"].movedim(1, 3)}
    )
    yield entry("no such model", ("unknown_model",), lambda: of(material(COLOURS)) | {"model": "resnet51"})
    yield entry(
        "no images", ("missing_part",), lambda: {k: v for k, v in of(material(COLOURS)).items() if k != "images"}
    )


def right_studies(task: str, of: Callable[..., dict]) -> Iterator[Entry]:
    """Correct studies in many styles: rules, models, counts of images, scores, types."""

    def right(name: str, make: Callable[[], dict]) -> Entry:
        return Entry(task, "study", name, study(make), True)

    for rule, compute in RIGHT_MAPS.items():
        yield right(f"{rule}, colours", lambda c=compute: of(COLOURS, c))
    for rule in ("midpoint", "trapezoid", "right_rule", "loop"):
        yield right(f"{rule}, digits", lambda c=RIGHT_MAPS[rule]: of(DIGITS, c))
    yield right("logits", lambda: of(COLOURS, midpoint, scores="logits"))
    yield right("second class", lambda: of(COLOURS, trapezoid, targets=material(COLOURS).second))
    yield right("40 images", lambda: of(COLOURS, midpoint, material_of=material(COLOURS, 40)))
    yield right("13 digits", lambda: of(DIGITS, midpoint, material_of=material(DIGITS, 13)))
    yield right("arrays of NumPy", lambda: _converted(of(COLOURS, midpoint), lambda t: t.numpy()))
    yield right("float64", lambda: _converted(of(COLOURS, midpoint), lambda t: t.double()))
    yield right("lists of tensors", lambda: _converted(of(COLOURS, midpoint), list))


def _converted(study: dict[str, Any], convert: Callable) -> dict[str, Any]:
    """A study with every batch of pictures and maps in another form."""

    def of(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: of(value) for name, value in part.items()}
        return convert(part) if isinstance(part, torch.Tensor) and part.ndim == 4 else part

    return {name: of(part) for name, part in study.items()}
