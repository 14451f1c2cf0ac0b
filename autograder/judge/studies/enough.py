"""By which other rule a count was called enough, where it is not the count from which on the gap stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from autograder.judge.mistakes import Mistake

OTHER_TOLERANCES = (0.01, 0.02, 0.025, 0.03, 0.04, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 5.0)


def stays(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> int:
    """The smallest count from which on the gaps of one picture, (K,), are within the tolerance; 0 where there is none."""
    enough = 0
    for count, gap in zip(reversed(counts), reversed(gaps.tolist()), strict=True):
        if not gap <= tolerance:
            break
        enough = count
    return enough


def mistake_of_enough(answers: Sequence[float], counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Mistake:
    """The mistake by whose rule the answers follow from the gaps; where rules of several mistakes give them, none is named.

    Args:
        answers: N counts, not all of them right.
        counts: K counts in rising order.
        gaps: (K, N).
        tolerance: the gap that is small enough.
    """
    right = [stays(counts, column, tolerance) for column in gaps.T]
    told = {
        mistake
        for mistake, rule in RULES
        if any(answers)  # that none is enough follows from many rules
        and any(list(given) == list(answers) for given in rule(counts, gaps, tolerance))
    }
    none = [answer for answer, other in zip(answers, right, strict=True) if not other]
    is_right_where_one_is = all(answer == other for answer, other in zip(answers, right, strict=True) if other)
    if any(none) and is_right_where_one_is and not told:
        return Mistake.ENOUGH_OF_NONE
    if Mistake.FIRST_NOT_STAYS in told:
        return Mistake.FIRST_NOT_STAYS  # the commonest
    return told.pop() if len(told) == 1 else Mistake.WRONG_ENOUGH


Answers = Iterator[list[float]]


def _each(counts: Sequence[int], gaps: np.ndarray, of: Callable[[np.ndarray], float]) -> list[float]:
    return [of(column) for column in gaps.T]


def _first(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    yield _each(counts, gaps, lambda g: next((c for c, gap in zip(counts, g, strict=True) if gap <= tolerance), 0))


def _next_only(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """Whether the next larger count is within the tolerance as well, and no further one."""
    small = gaps <= tolerance
    for last in (small[-1:], np.zeros_like(small[-1:]), np.ones_like(small[-1:])):
        both = small & np.concatenate([small[1:], last])
        yield _each(counts, both, lambda good: counts[int(good.argmax())] if good.any() else 0)


def _other_tolerance(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    for other in OTHER_TOLERANCES:
        yield _each(counts, gaps, lambda g, other=other: stays(counts, g, other))


def _last_bad(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """The largest count that is not within the tolerance; what there is where none is."""
    for otherwise in (0, counts[0]):
        yield _each(
            counts,
            gaps,
            lambda g, otherwise=otherwise: max(
                (c for c, gap in zip(counts, g, strict=True) if gap > tolerance), default=otherwise
            ),
        )


def _neighbour(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """The count after the right one, or before it; past the ends the right one, or none. Also only from the first, or only else."""
    right = _each(counts, gaps, lambda g: stays(counts, g, tolerance))
    for step in (1, -1):
        for past in (lambda count: count, lambda count: 0):

            def moved(count: float, step: int = step, past: Callable = past) -> float:
                k = counts.index(int(count)) + step
                return counts[k] if 0 <= k < len(counts) else past(count)

            yield [moved(count) if count else 0 for count in right]
    later = counts[1] if len(counts) > 1 else 0
    yield [later if count == counts[0] else count for count in right]
    yield [0 if count == counts[0] else count for count in right]
    yield [0 if count == counts[-1] else count for count in right]


def _of_all(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """One count for all pictures: by their mean gap, the largest or the median."""
    for of_all in (np.mean, np.max, np.median):
        if one := stays(counts, of_all(gaps, axis=1), tolerance):
            yield [one] * gaps.shape[1]


def _over_pictures(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """As where it is followed from picture to picture, in either order, whether the gaps stay small: along the wrong axis."""
    small = gaps <= tolerance
    for along in (np.cumprod(small, axis=1), np.cumprod(small[:, ::-1], axis=1)[:, ::-1]):
        yield [counts[-k] if k else 0 for k in along.sum(axis=0).tolist()]
        yield _each(counts, 1 - along, lambda g: stays(counts, g, 0.5))


def _largest(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    yield _each(
        counts, gaps, lambda g: max((c for c, gap in zip(counts, g, strict=True) if gap <= tolerance), default=0)
    )


def _smallest_gap(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    yield _each(counts, gaps, lambda g: counts[int(np.argmin(g))])
    yield _each(counts, gaps, lambda g: counts[int(np.argmin(g))] if g.min() <= tolerance else 0)


def _place(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    right = _each(counts, gaps, lambda g: stays(counts, g, tolerance))
    for begin in (0, 1):
        places = [counts.index(int(count)) + begin if count else 0 for count in right]
        yield [float(place) for place in places]
    yield _each(counts, gaps, lambda g: int((g <= tolerance).sum()))


def _in_order_of_text(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """As where the counts are words: "10" before "5"."""
    order = sorted(range(len(counts)), key=lambda k: str(counts[k]))
    yield _each(counts, gaps, lambda g: stays([counts[k] for k in order], g[order], tolerance))
    falling = order[::-1]
    yield _each(counts, gaps, lambda g: stays([counts[k] for k in falling], g[falling], tolerance))


def _falling(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    """As where the counts are gone through from the largest, and the gaps have to stay small towards the smallest."""
    yield _each(counts, gaps, lambda g: stays(counts[::-1], g[::-1], tolerance))


def _without_largest(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    yield _each(counts, gaps, lambda g: stays(counts[:-1], g[:-1], tolerance))
    yield _each(counts, gaps, lambda g: stays(counts[:-1], g[:-1], tolerance) or counts[-1])


def _above(counts: Sequence[int], gaps: np.ndarray, tolerance: float) -> Answers:
    yield _each(counts, gaps, lambda g: stays(counts, -g, -tolerance))
    yield _each(counts, gaps, lambda g: next((c for c, gap in zip(counts, g, strict=True) if gap > tolerance), 0))


RULES: tuple[tuple[Mistake, Callable[[Sequence[int], np.ndarray, float], Answers]], ...] = (
    (Mistake.FIRST_NOT_STAYS, _first),
    (Mistake.ENOUGH_NOT_EVERY_LARGER, _next_only),
    (Mistake.ENOUGH_NOT_EVERY_LARGER, _without_largest),
    (Mistake.ENOUGH_LAST_BAD, _last_bad),
    (Mistake.ENOUGH_OF_A_NEIGHBOUR, _neighbour),
    (Mistake.ENOUGH_LARGEST, _largest),
    (Mistake.ENOUGH_SMALLEST_GAP, _smallest_gap),
    (Mistake.ENOUGH_OF_ALL, _of_all),
    (Mistake.ENOUGH_OVER_PICTURES, _over_pictures),
    (Mistake.ENOUGH_OF_A_PLACE, _place),
    (Mistake.ENOUGH_IN_ANOTHER_ORDER, _in_order_of_text),
    (Mistake.ENOUGH_IN_ANOTHER_ORDER, _falling),
    (Mistake.ENOUGH_REVERSED, _above),
    (Mistake.ENOUGH_BY_ANOTHER_TOLERANCE, _other_tolerance),
)

BY_A_RULE = frozenset({Mistake.ENOUGH_OF_NONE, *(mistake for mistake, _ in RULES)})
OF_THE_RULE = frozenset(
    {
        *(Mistake.WRONG_ENOUGH, Mistake.ENOUGH_NOT_EVERY_LARGER, Mistake.ENOUGH_LAST_BAD),
        *(Mistake.ENOUGH_OF_A_NEIGHBOUR, Mistake.ENOUGH_LARGEST, Mistake.ENOUGH_SMALLEST_GAP, Mistake.ENOUGH_REVERSED),
        Mistake.ENOUGH_OVER_PICTURES,
    }
)
"""What only the function can do wrong that says which count is enough, and not how it is called."""
