"""Whether the qualities that a study states are what its measure gave when it was asked again, and what else they are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import ROUNDING, STATED_QUALITY
from autograder.student.record import INSTEAD, MeasuredRecord

Measured = dict[tuple[str, int], float]
"""What the measure gave, by the name of the maps and the picture."""
FEWEST = 3
"""So many qualities, at least, that are off have to follow a rule before it is named."""
FEWEST_OF_A_MEASURE, NEARLY_ALL, ALIKE = 10, 0.9, 0.7
"""So many qualities, and such a share of all, are off where they are of another measure, and correlate so much with this one's.
Numbers drawn at random reach it for ten once in eighty times, and for twenty once in three thousand."""
DECIMALS = (0, 1, 2, 3, 4)
FEWEST_INSTEAD = 2
"""And so many of those that a measure was asked about in another form."""
OF_INSTEAD = dict(
    zip(
        INSTEAD,
        (
            *(Mistake.QUALITY_OF_MAGNITUDES, Mistake.QUALITY_OF_REVERSED, Mistake.QUALITY_OF_TOP_CLASS),
            *[Mistake.QUALITY_OF_ANOTHER_TARGET] * 2,
            *[Mistake.QUALITY_OF_ANOTHER_PICTURE] * 9,
            *[Mistake.QUALITY_OF_OTHER_SCORES] * 2,
            *[Mistake.QUALITY_OF_ANOTHER_TARGET] * 2,
        ),
        strict=True,
    )
)


def scale_of(values: Measured) -> float:
    """The spread of a measure's numbers, in units of which it is judged."""
    return float(np.ptp(list(values.values()))) if values else 0.0


def agrees(stated: float, value: float, scale: float) -> bool:
    """Whether a stated quality is what the measure gives, but for digits that were rounded. Units do not matter."""
    return abs(stated - value) <= STATED_QUALITY * max(scale, abs(value))


def mistake_of_qualities(stated: dict[str, np.ndarray], again: list[MeasuredRecord], values: Measured) -> Mistake:
    """What the stated qualities are, where some are not what the measure gives for their maps.

    Args:
        stated: of each name, one number a picture.
        again: all answers of the measure, with what it gave for the map in other forms where the map's was not as stated.
        values: the finite ones of them.
    """
    scale = scale_of(values)
    off = {at: float(stated[at[0]].ravel()[at[1]]) for at in values}
    off = {at: given for at, given in off.items() if not agrees(given, values[at], scale)}
    for form, mistake in OF_INSTEAD.items():
        told = [(entry, entry.instead[form]) for entry in again if form in entry.instead]
        if len(told) >= min(FEWEST_INSTEAD, len(off)) and all(
            value is not None and agrees(float(stated[entry.name].ravel()[entry.image]), value, scale)
            for entry, value in told
        ):
            return mistake
    if len(off) < FEWEST:
        return Mistake.QUALITY_MADE_UP
    rules = (
        (Mistake.QUALITY_ROUNDED, _rounded),
        (Mistake.QUALITY_OF_OTHER_MAPS, _of_other_maps),
        (Mistake.QUALITY_AVERAGED, _averaged),
        (Mistake.QUALITY_IN_ANOTHER_ORDER, _in_another_order),
        (Mistake.QUALITY_IN_ANOTHER_ORDER, _read_the_other_way),
        (Mistake.QUALITY_RESCALED, _rescaled),
        (Mistake.QUALITY_AS_RANKS, _ranks),
        (Mistake.QUALITY_OF_ANOTHER_MEASURE, _go_with_the_measure),
    )
    return next((mistake for mistake, holds in rules if holds(stated, off, values)), Mistake.QUALITY_MADE_UP)


def _rounded(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether all, also those that are near enough, are the measure's numbers with so few decimals."""
    given = np.array([float(stated[name].ravel()[n]) for name, n in values])
    of_measure = np.array(list(values.values()))
    return any(np.allclose(given, of_measure.round(k), rtol=ROUNDING, atol=0) for k in DECIMALS)


def _of_other_maps(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether, for each name with qualities that are off, they are those of the maps under one other name."""
    scale = scale_of(values)

    def are_of(name: str, other: str) -> bool:
        known = [(given, values[other, n]) for (of, n), given in off.items() if of == name and (other, n) in values]
        return bool(known) and all(agrees(given, value, scale) for given, value in known)

    return all(any(are_of(name, other) for other in stated if other != name) for name in {name for name, _ in off})


def _averaged(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether every picture has the mean of all, under each name or under all."""
    if any(np.ptp(stated[name].astype(np.float64)) > 0 for name, _ in off):
        return False
    scale = scale_of(values)
    groups = [
        ([values[at] for at in values if at[0] == name], float(stated[name].ravel()[0]))
        for name in {at[0] for at in off}
    ]
    whole = all(len(group) == stated[next(iter(stated))].size for group, _ in groups)
    return whole and all(agrees(given, float(np.mean(group)), scale) for group, given in groups)


def _in_another_order(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether, under each name, the numbers are right but stand beside other pictures."""
    scale = scale_of(values)
    for name in {name for name, _ in off}:
        given = np.sort(stated[name].astype(np.float64).ravel())
        measured = np.sort([value for (of, _), value in values.items() if of == name])
        if given.size != measured.size or not all(agrees(a, b, scale) for a, b in zip(given, measured, strict=True)):
            return False
    return True


def _read_the_other_way(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether a list that went picture by picture was read name by name, or the other way round."""
    scale, n_images = scale_of(values), stated[next(iter(stated))].size
    in_order = list(stated), sorted(stated, key=lambda name: (len(name), name))
    for names in in_order:
        picture_by_picture = [(name, n) for n in range(n_images) for name in names]
        name_by_name = [(name, n) for name in names for n in range(n_images)]
        for written, read in ((picture_by_picture, name_by_name), (name_by_name, picture_by_picture)):
            came_from = dict(zip(read, written, strict=True))
            known = [(given, values[came_from[at]]) for at, given in off.items() if came_from[at] in values]
            if len(known) >= FEWEST and all(agrees(given, value, scale) for given, value in known):
                return True
    return False


def _rescaled(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether they are the measure's numbers on another scale: one for all, for each name, or for each picture."""
    for group_of in (lambda at: None, lambda at: at[0], lambda at: at[1]):
        groups = list(_groups(stated, values, group_of))
        if groups and all(_is_line(given, value) for given, value in groups):
            return True
    return False


def _groups(stated: dict[str, np.ndarray], values: Measured, group_of) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    groups: dict[object, list[tuple[float, float]]] = {}
    for at, value in values.items():
        groups.setdefault(group_of(at), []).append((float(stated[at[0]].ravel()[at[1]]), value))
    for pairs in groups.values():
        if len(pairs) >= FEWEST:
            given, value = np.array(pairs).T
            yield given, value


def _ranks(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether they are places in the order of the measure's numbers, under each name; also places in the order of those."""
    for name in {name for name, _ in off}:
        given = stated[name].astype(np.float64).ravel()
        measured = np.array([values.get((name, n), np.nan) for n in range(given.size)])
        if np.isnan(measured).any() or not (np.sort(given) - given.min() == np.arange(given.size)).all():
            return False
        order = [np.argsort(one) for one in (measured, -measured)]
        if not any((given - given.min() == places).all() for one in order for places in (one, np.argsort(one))):
            return False
    return True


def _go_with_the_measure(stated: dict[str, np.ndarray], off: Measured, values: Measured) -> bool:
    """Whether nearly all are off and follow what the measure gives, as those of the same measure with other settings do."""
    if len(off) < max(FEWEST_OF_A_MEASURE, NEARLY_ALL * len(values)):
        return False
    given, value = np.array([(given, values[at]) for at, given in off.items()]).T
    if not np.isfinite(given).all() or np.ptp(given) == 0 or np.ptp(value) == 0:
        return False
    return float(np.corrcoef(given, value)[0, 1]) > ALIKE


def _is_line(given: np.ndarray, value: np.ndarray) -> bool:
    if np.ptp(given) == 0 or np.ptp(value) == 0:
        return False
    correlation = float(np.corrcoef(given, value)[0, 1])
    return math.isfinite(correlation) and correlation > 1 - STATED_QUALITY**2
