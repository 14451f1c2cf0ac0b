"""ps4: measures of quality, and studies that are scored with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from corpus import studies
from corpus.entries import DIGITS, Entry, function
from corpus.maps import RIGHT_MAPS, WRONG_MAPS
from corpus.models import COLOURS
from corpus.ps4.measures import RIGHT_MEASURES, WRONG_MEASURES


def entries() -> Iterator[Entry]:
    """All of the set's entries."""
    yield from measures()
    yield from scored()


def measures() -> Iterator[Entry]:
    task = "ps4-measure"
    for name, source in RIGHT_MEASURES.items():
        yield Entry(task, "measure", name, function(source, "attribution_quality"), True)
    for name, (source, mistakes) in WRONG_MEASURES.items():
        kind = "measure " + name.partition(":")[0]
        yield Entry(task, kind, name, function(source, "attribution_quality"), False, mistakes)


def scored() -> Iterator[Entry]:
    """ps4's two studies: right ones, wrong maps, and qualities that are not the measure's."""

    def entry(task: str, kind: str, name: str, make: Callable[[], dict], correct: bool, mistakes=()) -> Entry:
        def hand_in() -> tuple[Any, dict[str, Any]]:
            return studies.retention, studies.scored(make())

        return Entry(task, kind, name, hand_in, correct, mistakes)

    for task, of, rules in (
        ("ps4-baselines", studies.of_baselines, ("midpoint", "trapezoid", "gauss_legendre")),
        ("ps4-steps", studies.of_steps, ("trapezoid", "right_rule", "midpoint")),
    ):
        for model in (DIGITS, COLOURS):
            for rule in rules:
                compute = RIGHT_MAPS[rule]
                yield entry(task, "study", f"{rule}, {model}", lambda o=of, m=model, c=compute: o(m, c), True)
            for kind in (
                "no 1/m",
                "no x - x'",
                "Captum's trapezoid",
                "wrong sign",
                "noise",
                "re-scaled to complete",
                "the gradient",
                "a constant",
                "absolute value",
                "only the last batch kept",
                "gradient at the end",
            ):
                compute, mistakes, _ = WRONG_MAPS[kind]
                yield entry(task, kind, f"{kind}, {model}", lambda o=of, m=model, c=compute: o(m, c), False, mistakes)
            yield from _wrong_qualities(task, of, model)


def _wrong_qualities(task: str, of: Callable, model: str) -> Iterator[Entry]:
    def entry(kind: str, mistakes: tuple[str, ...], change: Callable[[dict], dict]) -> Entry:
        def hand_in() -> tuple[Any, dict[str, Any]]:
            study = studies.scored(of(model))
            return studies.retention, study | {"quality": change(study["quality"])}

        return Entry(task, kind, f"{kind}, {model}", hand_in, False, mistakes)

    made_up = ("quality_made_up",)
    yield entry("qualities made up", made_up, lambda q: {n: np.linspace(0.3, 0.9, len(v)) for n, v in q.items()})
    yield entry("qualities of ones", made_up, lambda q: {n: np.ones(len(v)) for n, v in q.items()})
    of_others = ("quality_of_other_maps",)
    yield entry("qualities exchanged", of_others, lambda q: dict(zip(q, list(q.values())[::-1], strict=True)))
    yield entry(
        "a mean in place of qualities",
        (*made_up, "wrong_shape"),
        lambda q: {n: np.array(v.mean()) for n, v in q.items()},
    )
    yield entry("a quality missing", ("missing_part",), lambda q: dict(list(q.items())[1:]))
    yield entry("qualities with NaN", ("not_finite",), lambda q: {n: v * np.nan for n, v in q.items()})
