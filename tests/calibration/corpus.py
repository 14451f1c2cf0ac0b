"""Every entry of the corpus: a hand-in, whether it is right, and the diagnosis that names its fault."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "autograder"))

import corpus_studies as studies
from corpus_maps import (
    COLOURED,
    RIGHT_MAPS,
    TOP_CLASS,
    WRONG_MAPS,
    ZERO,
    Job,
    midpoint,
    right_rule,
    trapezoid,
)
from corpus_measures import RIGHT_MEASURES, WRONG_MEASURES
from corpus_models import COLOURS, Material, material
from mutants import MUTANTS
from styles import STYLES

DIGITS, PHOTOS = "digits_cnn", "efficientnet_lite0"
SETS = {"ps1": "ps1-attribution", "ps2": "ps2-baselines", "ps3": "ps3-steps", "ps4": "ps4-quality"}


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
        return self.task[:3]


def corpus() -> list[Entry]:
    """All entries, in the order of the sets."""
    return [*_functions(), *_photos(), *_baselines(), *_steps(), *_measures(), *_scored()]


def _function(source: str, name: str) -> Callable:
    def make() -> tuple[Any, dict[str, Any]]:
        namespace: dict[str, Any] = {"torch": torch, "np": np}
        exec(compile(source, "<student>", "exec"), namespace)
        return namespace[name], {}

    return make


def _study(make: Callable[[], dict[str, Any]]) -> Callable:
    return lambda: (None, make())


def _functions() -> Iterator[Entry]:
    for style in STYLES:
        yield Entry(style.task, "function", style.name, _function(style.source, style.function), True)
    for mutant in MUTANTS:
        mistakes = None if mutant.mistake is None else (mutant.mistake,) if mutant.mistake else None
        yield Entry(mutant.task, "function", mutant.name, _function(mutant.source, mutant.function), False, mistakes)


def _photos() -> Iterator[Entry]:
    def right(name: str, model: str = COLOURS, **arguments: Any) -> Entry:
        return Entry("ps1-photo", "study", name, _study(lambda: studies.photo(model, **arguments)), True)

    def wrong(kind: str, mistakes: tuple[str, ...], model: str = COLOURS, **arguments: Any) -> Entry:
        return Entry("ps1-photo", kind, kind, _study(lambda: studies.photo(model, **arguments)), False, mistakes)

    for rule, compute in RIGHT_MAPS.items():
        yield right(f"photo, {rule}", compute=compute)
    yield right("photo, logits", scores="logits", which=1)
    yield right("photo, real model", model=PHOTOS, n=20)
    yield right("photo, digits", model=DIGITS, which=2)
    for kind, (compute, mistakes, needs) in WRONG_MAPS.items():
        if ZERO not in needs and kind not in ("float16", "baseline after normalisation"):
            yield wrong(kind, _in_ps1(mistakes), compute=compute)


def _in_ps1(mistakes: tuple[str, ...]) -> tuple[str, ...]:
    return (*mistakes, "missing_part") if "not_finite" in mistakes else mistakes


def _wrong_studies(task: str, of: Callable[..., dict]) -> Iterator[Entry]:
    """The kinds of wrong maps, in studies of digits and of colours."""
    for model in (DIGITS, COLOURS):
        for kind, (compute, mistakes, needs) in WRONG_MAPS.items():
            if COLOURED in needs and model != COLOURS:
                continue
            name = f"{kind}, {model}"
            yield Entry(task, kind, name, _study(lambda m=model, c=compute, n=needs: of(m, c, n)), False, mistakes)
        kind, compute, mistakes = TOP_CLASS
        yield Entry(
            task, kind, f"{kind}, {model}", _study(lambda m=model, c=compute: of(m, c, ("second",))), False, mistakes
        )


def _changed(task: str, kind: str, mistakes: tuple[str, ...] | None, make: Callable[[], dict]) -> Entry:
    return Entry(task, kind, kind, _study(make), False, mistakes)


def _with_images(change: Callable, model: str = COLOURS) -> Callable[[Material], Material]:
    m = material(model)
    images = change(m.images)
    with torch.no_grad():
        order = m.model.logits(images).argsort(dim=1, descending=True)
    return Material(m.model, images, order[:, 0], order[:, 1])


def _wrong_images(task: str, of: Callable[[Material], dict]) -> Iterator[Entry]:
    """Studies whose images are not what is asked for; their maps are right."""

    def entry(kind: str, mistakes: tuple[str, ...], make: Callable[[], dict]) -> Entry:
        return Entry(task, kind, kind, _study(make), False, mistakes)

    yield entry("nine images", ("too_few_images",), lambda: of(_with_images(lambda x: x[:9])))
    same = ("images_repeated", "one_map_for_all")
    yield entry("one image ten times", same, lambda: of(_with_images(lambda x: x[:1].repeat(10, 1, 1, 1))))
    yield entry("an image twice", same, lambda: of(_with_images(lambda x: torch.cat([x[:9], x[:1]]))))
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


def _right_studies(task: str, of: Callable[..., dict]) -> Iterator[Entry]:
    """Correct studies in many styles: rules, models, counts of images, scores, types."""

    def right(name: str, make: Callable[[], dict]) -> Entry:
        return Entry(task, "study", name, _study(make), True)

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


def _baselines() -> Iterator[Entry]:
    task = "ps2-study"
    yield from _right_studies(task, studies.of_baselines)
    for names in (("black", "maximum distance"), ("black", "noise"), ("black", "blurred", "maximum distance", "noise")):
        yield Entry(
            task, "study", f"from {names}", _study(lambda n=names: studies.of_baselines(COLOURS, names=n)), True
        )
    for n in (20, 100, 300):
        yield Entry(task, "study", f"{n} steps", _study(lambda n=n: studies.of_baselines(DIGITS, n=n)), True)
    yield Entry(
        task,
        "study",
        "real model",
        _study(lambda: studies.of_baselines(PHOTOS, n=20, names=("black", "noise"))),
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

    yield from _wrong_studies(task, of)
    yield from _wrong_images(task, lambda m: studies.of_baselines(COLOURS, material_of=m))
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

    yield _changed(
        task,
        "two equal baselines",
        ("equal_baselines",),
        lambda: with_baselines(lambda b: b | {"maximum distance": b["noise"]}),
    )
    yield _changed(
        task,
        "a re-scaled twin",
        ("twin_baselines",),
        lambda: with_baselines(lambda b: b | {"maximum distance": 0.5 + 0.4 * b["noise"]}),
    )
    yield _changed(
        task,
        "the input as a baseline",
        ("baseline_is_input",),
        lambda: with_baselines(lambda b: b | {"noise": images()}),
    )
    yield _changed(
        task,
        "the input, darker",
        ("baseline_is_rescaled_input",),
        lambda: with_baselines(lambda b: b | {"noise": 0.5 * images()}),
    )
    yield _changed(
        task,
        "two baselines of one's own",
        ("too_few_baselines",),
        lambda: with_baselines(lambda b: {name: b[name] for name in ("black", "noise", "blurred")}),
    )
    yield _changed(
        task,
        "white and grey as one's own",
        ("too_few_baselines",),
        lambda: with_baselines(
            lambda b: {"black": b["black"], "noise": b["noise"], "blurred": b["blurred"], "white": 1 - b["black"]}
        ),
    )
    yield _changed(task, "no maps from black", ("no_blank_baseline",), lambda: base(names=("noise", "blurred")))
    yield _changed(task, "maps from black only", ("no_variety",), lambda: base(names=("black",)))
    yield _changed(
        task,
        "maps from black and nearly black",
        ("no_variety",),
        lambda: with_baselines(lambda b: b | {"nearly": 0.02 * b["noise"]}, names=("black", "nearly")),
    )

    def mixed(change: Callable[[dict], dict]) -> Callable[[], dict]:
        return lambda: (s := base()) | {"attributions": change(s["attributions"])}

    yield _changed(
        task,
        "two baselines' maps exchanged",
        ("map_of_another_baseline",),
        mixed(lambda a: a | {"noise": a["blurred"], "blurred": a["noise"]}),
    )
    yield _changed(
        task, "a map copied between baselines", ("map_of_another_baseline",), mixed(lambda a: a | {"noise": a["black"]})
    )
    yield _changed(
        task,
        "one map for all images",
        ("one_map_for_all",),
        mixed(lambda a: {k: v[:1].expand(v.shape).clone() for k, v in a.items()}),
    )
    yield _changed(
        task,
        "maps in another order",
        ("map_of_another_image",),
        mixed(lambda a: {k: v.roll(1, 0) for k, v in a.items()}),
    )
    yield _changed(task, "maps for nine images", ("wrong_shape",), mixed(lambda a: {k: v[:9] for k, v in a.items()}))
    yield _changed(
        task,
        "logits not said to be logits",
        ("other_scores",),
        lambda: base(scores="logits") | {"scores": "probabilities"},
    )
    yield _changed(
        task, "made-up predictions", ("wrong_predictions",), lambda: base(predictions=(material(COLOURS).top + 1) % 5)
    )
    yield _changed(
        task,
        "targets in place of predictions",
        ("wrong_predictions",),
        lambda: base(targets=material(COLOURS).second, predictions=material(COLOURS).second),
    )
    yield _changed(task, "no maps at all", ("missing_part",), lambda: base() | {"attributions": None})
    yield _changed(
        task, "a class that is not there", ("wrong_class_index",), lambda: base() | {"targets": torch.full((10,), 7)}
    )
    yield _changed(task, "half a step", ("wrong_counts",), lambda: base() | {"n_steps": 50.5})


def _steps() -> Iterator[Entry]:
    task = "ps3-study"

    def right_at(model: str, compute: Callable = trapezoid, **changed: Any) -> dict:
        return studies.of_steps(model, compute, **changed)

    yield from _right_studies(task, right_at)
    for steps in ((5, 20, 50, 100, 200), (3, 7, 15, 40, 90, 200, 250), (5, 10, 15, 20, 30, 50, 100, 150, 200)):
        yield Entry(task, "study", f"counts {steps}", _study(lambda s=steps: right_at(DIGITS, steps=s)), True)
    grey = torch.full((3, 24, 24), 0.5)
    yield Entry(task, "study", "from grey", _study(lambda: right_at(COLOURS, baseline=grey)), True)
    yield Entry(
        task,
        "study",
        "rounded gaps, signed",
        _study(lambda: (s := right_at(COLOURS)) | {"gaps": {n: -np.round(g.numpy(), 3) for n, g in s["gaps"].items()}}),
        True,
    )

    def of(model: str, compute: Callable, needs: tuple[str, ...]) -> dict:
        m = material(model)
        targets = m.second if "second" in needs else m.top
        noise = torch.rand(m.images[0].shape, generator=torch.Generator().manual_seed(2))
        baseline = noise if ZERO in needs else torch.zeros_like(m.images[0])
        return studies.of_steps(model, compute, targets=targets, baseline=baseline)

    yield from _wrong_studies(task, of)
    yield from _wrong_images(task, lambda m: studies.of_steps(COLOURS, material_of=m))
    yield from _wrong_tables()


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

    yield _changed(task, "four counts", ("too_few_counts",), lambda: base(steps=(5, 20, 50, 200)))
    yield _changed(task, "counts up to 100", ("counts_out_of_range",), lambda: base(steps=(5, 10, 20, 50, 100)))
    yield _changed(task, "counts from 10", ("counts_out_of_range",), lambda: base(steps=(10, 20, 50, 100, 200)))
    yield _changed(
        task,
        "one map for all counts",
        ("other_step_count",),
        mixed(lambda a: dict.fromkeys(a, a[200]), lambda g: dict.fromkeys(g, g[200])),
    )
    yield _changed(
        task,
        "two counts exchanged",
        ("other_step_count",),
        mixed(lambda a: a | {5: a[200], 200: a[5]}, lambda g: g | {5: g[200], 200: g[5]}),
    )
    yield _changed(
        task,
        "all maps of a few steps",
        ("other_step_count",),
        lambda: base(wrong=lambda j: right_rule(Job(j.forward, j.x, j.x0, j.target, 5)), wrong_at=(20, 50, 100, 200)),
    )
    yield _changed(
        task,
        "maps in another order",
        ("map_of_another_image",),
        mixed(lambda a: {n: v.roll(1, 0) for n, v in a.items()}),
    )
    yield _changed(
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
            ("a made-up table: 1/n", made_up, lambda n, g: torch.full_like(g, 1 / n)),
            ("a made-up table: zeros", made_up, lambda n, g: torch.zeros_like(g)),
            (
                "a made-up table: random",
                made_up,
                lambda n, g: torch.tensor(np.random.default_rng(n).uniform(0, 0.3, len(g))),
            ),
            ("a table that falls too nicely", made_up, lambda n, g: g.max() * 5 / n + 0 * g),
            ("gaps of the next image", made_up, lambda n, g: g.roll(1)),
            ("one mean gap for all", made_up, lambda n, g: g.mean().expand(len(g)).clone()),
        ):
            yield Entry(task, kind, f"{kind}, {model}", _study(tables(change)), False, mistakes)
        yield Entry(
            task,
            "gaps not relative",
            f"gaps not relative, {model}",
            _study(lambda m=model: _absolute_gaps(base(m), m)),
            False,
            ("gaps_not_relative", "gaps_made_up"),
        )
        for kind, mistakes, enough in (
            ("enough: always 200", ("wrong_enough",), lambda s: torch.full((10,), 200)),
            ("enough: always 5", ("wrong_enough", "first_not_stays"), lambda s: torch.full((10,), 5)),
            ("enough: at 20 %", ("wrong_enough", "first_not_stays"), lambda s: studies.enough_of(s["gaps"], 0.3)),
        ):
            yield Entry(
                task,
                kind,
                f"{kind}, {model}",
                _study(lambda m=model, e=enough: (s := base(m)) | {"enough": e(s)}),
                False,
                mistakes,
            )
    yield _changed(task, "no gaps", ("missing_part",), lambda: base() | {"gaps": None})
    yield _changed(
        task,
        "gaps of five counts of six",
        ("missing_part",),
        lambda: (s := base()) | {"gaps": dict(list(s["gaps"].items())[:5])},
    )
    yield _changed(
        task, "made-up predictions", ("wrong_predictions",), lambda: base(predictions=(material(COLOURS).top + 1) % 5)
    )
    yield _changed(
        task,
        "the input as baseline",
        ("baseline_is_input", "wrong_shape"),
        lambda: base() | {"baseline": material(COLOURS).images},
    )
    yield _changed(
        task,
        "counts as words",
        ("wrong_counts",),
        lambda: (s := base()) | {"attributions": {f"n{n}": v for n, v in s["attributions"].items()}},
    )
    yield _changed(
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


def _measures() -> Iterator[Entry]:
    task = "ps4-measure"
    for name, source in RIGHT_MEASURES.items():
        yield Entry(task, "measure", name, _function(source, "attribution_quality"), True)
    for name, (source, mistakes) in WRONG_MEASURES.items():
        kind = "measure " + name.partition(":")[0]
        yield Entry(task, kind, name, _function(source, "attribution_quality"), False, mistakes)


def _scored() -> Iterator[Entry]:
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
                "PAIR's ends",
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
    yield entry("qualities exchanged", made_up, lambda q: dict(zip(q, list(q.values())[::-1], strict=True)))
    yield entry(
        "a mean in place of qualities",
        (*made_up, "wrong_shape"),
        lambda q: {n: np.array(v.mean()) for n, v in q.items()},
    )
    yield entry("a quality missing", ("missing_part",), lambda q: dict(list(q.items())[1:]))
    yield entry("qualities with NaN", ("not_finite",), lambda q: {n: v * np.nan for n, v in q.items()})
