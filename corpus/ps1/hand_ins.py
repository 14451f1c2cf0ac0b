"""ps1: functions, and the study of one image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from corpus import studies
from corpus.entries import DIGITS, PHOTOS, Entry, function, study
from corpus.maps import RIGHT_MAPS, WRONG_MAPS, ZERO
from corpus.models import COLOURS
from corpus.ps1.mutants import MUTANTS
from corpus.ps1.styles import STYLES


def entries() -> Iterator[Entry]:
    """All of the set's entries."""
    yield from functions()
    yield from photos()


def functions() -> Iterator[Entry]:
    for style in STYLES:
        yield Entry(style.task, "function", style.name, function(style.source, style.function), True)
    for mutant in MUTANTS:
        mistakes = None if mutant.mistake is None else (mutant.mistake,) if mutant.mistake else None
        yield Entry(mutant.task, "function", mutant.name, function(mutant.source, mutant.function), False, mistakes)


def photos() -> Iterator[Entry]:
    def right(name: str, model: str = COLOURS, **arguments: Any) -> Entry:
        return Entry("ps1-photo", "study", name, study(lambda: studies.photo(model, **arguments)), True)

    def wrong(kind: str, mistakes: tuple[str, ...], model: str = COLOURS, **arguments: Any) -> Entry:
        return Entry("ps1-photo", kind, kind, study(lambda: studies.photo(model, **arguments)), False, mistakes)

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
