"""ps3: studies of step counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from corpus import studies
from corpus.entries import DIGITS, Entry, changed, right_studies, study, wrong_images, wrong_studies
from corpus.maps import ZERO, Job, right_rule, trapezoid
from corpus.models import COLOURS, material


def entries() -> Iterator[Entry]:
    task = "ps3-study"

    def right_at(model: str, compute: Callable = trapezoid, **changed: Any) -> dict:
        return studies.of_steps(model, compute, **changed)

    yield from right_studies(task, right_at)
    for steps in ((5, 20, 50, 100, 200), (3, 7, 15, 40, 90, 200, 250), (5, 10, 15, 20, 30, 50, 100, 150, 200)):
        yield Entry(task, "study", f"counts {steps}", study(lambda s=steps: right_at(DIGITS, steps=s)), True)
    grey = torch.full((3, 24, 24), 0.5)
    yield Entry(task, "study", "from grey", study(lambda: right_at(COLOURS, baseline=grey)), True)
    yield Entry(
        task,
        "study",
        "rounded gaps",
        study(lambda: (s := right_at(COLOURS)) | {"gaps": {n: np.round(g.numpy(), 3) for n, g in s["gaps"].items()}}),
        True,
    )

    def of(model: str, compute: Callable, needs: tuple[str, ...]) -> dict:
        m = material(model)
        targets = m.second if "second" in needs else m.top
        noise = torch.rand(m.images[0].shape, generator=torch.Generator().manual_seed(2))
        baseline = noise if ZERO in needs else torch.zeros_like(m.images[0])
        return studies.of_steps(model, compute, targets=targets, baseline=baseline)

    yield from wrong_studies(task, of)
    yield from wrong_images(task, lambda m: studies.of_steps(COLOURS, material_of=m))
    yield from _wrong_tables()


def _first_small(gaps: dict[int, torch.Tensor], tolerance: float = 0.05) -> torch.Tensor:
    """The smallest count within the tolerance, whatever comes after it."""
    counts, table = torch.tensor(sorted(gaps)), torch.stack([gaps[n] for n in sorted(gaps)]) <= tolerance
    return torch.where(table.any(0), counts[table.int().argmax(0)], 0)


def _wrong_tables() -> Iterator[Entry]:
    """ps3's own faults: in the counts, in which map belongs to which, in the table of gaps."""
    task = "ps3-study"

    def base(model: str = COLOURS, **changed: Any) -> dict:
        return studies.of_steps(model, **changed)

    def mixed(change: Callable[[dict], dict], gaps: Callable | None = None) -> Callable[[], dict]:
        def make() -> dict:
            study = base()
            study["attributions"] = change(study["attributions"])
            if gaps is not None:
                study["gaps"] = gaps(study["gaps"])
            return study

        return make

    yield changed(task, "four counts", ("too_few_counts",), lambda: base(steps=(5, 20, 50, 200)))
    yield changed(task, "counts up to 100", ("counts_out_of_range",), lambda: base(steps=(5, 10, 20, 50, 100)))
    yield changed(task, "counts from 10", ("counts_out_of_range",), lambda: base(steps=(10, 20, 50, 100, 200)))
    yield changed(
        task,
        "one map for all counts",
        ("other_step_count",),
        mixed(lambda a: dict.fromkeys(a, a[200]), lambda g: dict.fromkeys(g, g[200])),
    )
    yield changed(
        task,
        "two counts exchanged",
        ("other_step_count",),
        mixed(lambda a: a | {5: a[200], 200: a[5]}, lambda g: g | {5: g[200], 200: g[5]}),
    )
    yield changed(
        task,
        "all maps of a few steps",
        ("other_step_count",),
        lambda: base(wrong=lambda j: right_rule(Job(j.forward, j.x, j.x0, j.target, 5)), wrong_at=(20, 50, 100, 200)),
    )
    yield changed(
        task,
        "maps in another order",
        ("map_of_another_image",),
        mixed(lambda a: {n: v.roll(1, 0) for n, v in a.items()}),
    )
    yield changed(
        task,
        "maps in an order of their own",
        ("map_of_another_image",),
        mixed(lambda a: {n: v.roll(3, 0) for n, v in a.items()}),
    )
    yield changed(
        task,
        "one map for all images",
        ("one_map_for_all",),
        mixed(lambda a: {n: v[:1].expand(v.shape).clone() for n, v in a.items()}),
    )
    for model in (DIGITS, COLOURS):

        def tables(change: Callable, model: str = model) -> Callable[[], dict]:
            return lambda: (s := base(model)) | {"gaps": {n: change(n, g) for n, g in s["gaps"].items()}}

        made_up = ("gaps_made_up",)
        for kind, mistakes, change in (
            ("gaps in percent", ("gaps_in_percent",), lambda n, g: 100 * g),
            ("gaps with their sign", ("gaps_with_sign",), lambda n, g: -g if n < 20 else g),
            ("a made-up table: 1/n", made_up, lambda n, g: torch.full_like(g, 1 / n)),
            ("a made-up table: zeros", made_up, lambda n, g: torch.zeros_like(g)),
            (
                "a made-up table: random",
                made_up,
                lambda n, g: torch.tensor(np.random.default_rng(n).uniform(0, 0.3, len(g))),
            ),
            ("a table that falls too nicely", made_up, lambda n, g: g.max() * 5 / n + 0 * g),
            ("gaps of the next image", ("gaps_in_another_order",), lambda n, g: g.roll(1)),
            ("one mean gap for all", ("gaps_of_the_batch",), lambda n, g: g.mean().expand(len(g)).clone()),
        ):
            yield Entry(task, kind, f"{kind}, {model}", study(tables(change)), False, mistakes)
        yield Entry(
            task,
            "gaps not relative",
            f"gaps not relative, {model}",
            study(lambda m=model: _absolute_gaps(base(m), m)),
            False,
            ("gaps_not_relative", "gaps_made_up"),
        )
        for kind, mistakes, enough in (
            ("enough: always 200", ("wrong_enough",), lambda s: torch.full((10,), 200)),
            ("enough: always 5", ("wrong_enough", "enough_by_another_tolerance"), lambda s: torch.full((10,), 5)),
            (
                "enough: at 30 %",
                ("wrong_enough", "first_not_stays", "enough_by_another_tolerance"),
                lambda s: studies.enough_of(s["gaps"], 0.3),
            ),
        ):
            yield Entry(
                task,
                kind,
                f"{kind}, {model}",
                study(lambda m=model, e=enough: (s := base(m)) | {"enough": e(s)}),
                False,
                mistakes,
            )
    yield changed(task, "the first small gap", ("first_not_stays",), lambda: base() | {"enough_steps": _first_small})
    yield changed(task, "no gaps", ("missing_part",), lambda: base() | {"gaps": None})
    yield changed(
        task,
        "gaps of five counts of six",
        ("missing_part",),
        lambda: (s := base()) | {"gaps": dict(list(s["gaps"].items())[:5])},
    )
    yield changed(
        task, "made-up predictions", ("wrong_predictions",), lambda: base(predictions=(material(COLOURS).top + 1) % 5)
    )
    yield changed(
        task,
        "the input as baseline",
        ("baseline_is_input", "wrong_shape"),
        lambda: base() | {"baseline": material(COLOURS).images},
    )
    yield changed(
        task,
        "counts as words",
        ("wrong_counts",),
        lambda: (s := base()) | {"attributions": {f"n{n}": v for n, v in s["attributions"].items()}},
    )
    yield changed(
        task,
        "logits not said to be logits",
        ("other_scores",),
        lambda: base(scores="logits") | {"scores": "probabilities"},
    )


def _absolute_gaps(study: dict[str, Any], model: str) -> dict[str, Any]:
    m = material(model)
    with torch.no_grad():
        at = [
            m.model.probabilities(x)[torch.arange(10), study["targets"]]
            for x in (m.images, study["baseline"].expand_as(m.images))
        ]
    return study | {"gaps": {n: g * (at[0] - at[1]).abs() for n, g in study["gaps"].items()}}
