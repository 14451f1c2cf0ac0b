"""ps2: studies of several baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from corpus import studies
from corpus.entries import DIGITS, PHOTOS, Entry, changed, right_studies, study, wrong_images, wrong_studies
from corpus.maps import ZERO, midpoint
from corpus.models import COLOURS, material


def entries() -> Iterator[Entry]:
    task = "ps2-study"
    yield from right_studies(task, studies.of_baselines)
    for names in (("black", "maximum distance"), ("black", "noise"), ("black", "blurred", "maximum distance", "noise")):
        yield Entry(task, "study", f"from {names}", study(lambda n=names: studies.of_baselines(COLOURS, names=n)), True)
    for n in (20, 100, 300):
        yield Entry(task, "study", f"{n} steps", study(lambda n=n: studies.of_baselines(DIGITS, n=n)), True)
    yield Entry(
        task,
        "study",
        "real model",
        study(lambda: studies.of_baselines(PHOTOS, n=20, names=("black", "noise"))),
        True,
    )

    def of(model: str, compute: Callable, needs: tuple[str, ...]) -> dict:
        targets = material(model).second if "second" in needs else material(model).top
        wrong_everywhere = ZERO not in needs
        return studies.of_baselines(
            model,
            compute if wrong_everywhere else midpoint,
            wrong=None if wrong_everywhere else compute,
            targets=targets,
        )

    yield from wrong_studies(task, of)
    yield from wrong_images(task, lambda m: studies.of_baselines(COLOURS, material_of=m))
    yield from _wrong_choices()


def _wrong_choices() -> Iterator[Entry]:
    """ps2's own faults: in the choice of baselines, and in which map belongs to which."""
    task = "ps2-study"

    def base(**changed: Any) -> dict:
        return studies.of_baselines(COLOURS, **changed)

    def with_baselines(change: Callable[[dict], dict], **changed: Any) -> dict:
        return base(baselines=change(studies.baselines_of(material(COLOURS).images)), **changed)

    def images() -> torch.Tensor:
        return material(COLOURS).images

    yield changed(
        task,
        "two equal baselines",
        ("equal_baselines",),
        lambda: with_baselines(lambda b: b | {"maximum distance": b["noise"]}),
    )
    yield changed(
        task,
        "a re-scaled twin",
        ("twin_baselines",),
        lambda: with_baselines(lambda b: b | {"maximum distance": 0.5 + 0.4 * b["noise"]}),
    )
    yield changed(
        task,
        "the input as a baseline",
        ("baseline_is_input",),
        lambda: with_baselines(lambda b: b | {"noise": images()}),
    )
    yield changed(
        task,
        "the input, darker",
        ("baseline_is_rescaled_input",),
        lambda: with_baselines(lambda b: b | {"noise": 0.5 * images()}),
    )
    yield changed(
        task,
        "two baselines of one's own",
        ("too_few_baselines",),
        lambda: with_baselines(lambda b: {name: b[name] for name in ("black", "noise", "blurred")}),
    )
    yield changed(
        task,
        "white and grey as one's own",
        ("too_few_baselines",),
        lambda: with_baselines(
            lambda b: {"black": b["black"], "noise": b["noise"], "blurred": b["blurred"], "white": 1 - b["black"]}
        ),
    )
    yield changed(task, "no maps from black", ("no_blank_baseline",), lambda: base(names=("noise", "blurred")))
    yield changed(task, "maps from black only", ("no_variety",), lambda: base(names=("black",)))
    yield changed(
        task,
        "maps from black and nearly black",
        ("no_variety",),
        lambda: with_baselines(
            lambda b: b | {"nearly": 0.02 * b["maximum distance"].roll(1, 0)}, names=("black", "nearly")
        ),
    )

    def mixed(change: Callable[[dict], dict]) -> Callable[[], dict]:
        return lambda: (s := base()) | {"attributions": change(s["attributions"])}

    yield changed(
        task,
        "two baselines' maps exchanged",
        ("map_of_another_baseline",),
        mixed(lambda a: a | {"noise": a["blurred"], "blurred": a["noise"]}),
    )
    yield changed(
        task,
        "a map copied between baselines",
        ("map_of_another_baseline", "path_from_zero"),
        mixed(lambda a: a | {"noise": a["black"]}),
    )
    yield changed(
        task,
        "one map for all images",
        ("one_map_for_all",),
        mixed(lambda a: {k: v[:1].expand(v.shape).clone() for k, v in a.items()}),
    )
    yield changed(
        task,
        "maps in another order",
        ("map_of_another_image",),
        mixed(lambda a: {k: v.roll(1, 0) for k, v in a.items()}),
    )
    yield changed(
        task,
        "maps in an order of their own",
        ("map_of_another_image",),
        mixed(lambda a: {k: v.roll(3, 0) for k, v in a.items()}),
    )
    yield changed(task, "maps for nine images", ("wrong_shape",), mixed(lambda a: {k: v[:9] for k, v in a.items()}))
    yield changed(
        task,
        "logits not said to be logits",
        ("other_scores",),
        lambda: base(scores="logits") | {"scores": "probabilities"},
    )
    yield changed(
        task, "made-up predictions", ("wrong_predictions",), lambda: base(predictions=(material(COLOURS).top + 1) % 5)
    )
    yield changed(
        task,
        "targets in place of predictions",
        ("wrong_predictions", "predictions_are_targets"),
        lambda: base(targets=material(COLOURS).second, predictions=material(COLOURS).second),
    )
    yield changed(task, "no maps at all", ("missing_part",), lambda: base() | {"attributions": None})
    yield changed(
        task, "a class that is not there", ("wrong_class_index",), lambda: base() | {"targets": torch.full((10,), 7)}
    )
    yield changed(task, "half a step", ("wrong_counts",), lambda: base() | {"n_steps": 50.5})
