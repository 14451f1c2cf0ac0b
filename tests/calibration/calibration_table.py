"""The table of a calibration: accepted, caught and diagnosed, by set and by kind, with what was missed by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from corpus import SETS
from tests.calibration.judged import Outcome

CAUGHT, CAUGHT_IN_EACH_SET, DIAGNOSED = 0.98, 0.95, 0.90
"""What the grader has to reach: of wrong work that loses points, in all and in each set; of diagnoses that name the fault."""

INTRODUCTION = """\
# How often the grader is wrong

Made by `make calibrate`, which hands in a corpus of right and wrong work and judges it as submissions are judged: by the
evidence that `submit` writes, with the checks that grade a class. The entries are in `corpus/`, a
folder for each set. Most studies are of the kit's digits and of a small
classifier of coloured pictures, some of the photo model, so that hundreds of them take minutes. What is asked of a function
or a measure is drawn from a seed: these entries are handed in with three, and the worst of their verdicts counts.

- **accepted**: correct work that got every automatic point.
- **caught**: wrong work that lost points.
- **diagnosed**: wrong work whose feedback names the fault itself. Entries without a name for their fault are left out.
"""


def as_expected(results: Sequence[Outcome]) -> bool:
    """Whether all correct work is accepted and enough of the wrong work is caught and diagnosed."""
    right, wrong = _split(results)
    by_set = [_share([r for r in wrong if r.set == name], _caught) for name in SETS]
    named = [r for r in wrong if r.named is not None]
    return (
        all(r.accepted for r in right)
        and _share(wrong, _caught) >= CAUGHT
        and min(by_set) >= CAUGHT_IN_EACH_SET
        and _share(named, _diagnosed) >= DIAGNOSED
    )


def table_of(results: Sequence[Outcome]) -> str:
    """The whole page, in Markdown."""
    lines = [
        INTRODUCTION,
        "## By set",
        "",
        "| set | correct | accepted | wrong | caught | diagnosed |",
        "|---|---|---|---|---|---|",
    ]
    for name, title in SETS.items():
        lines.append(_row(title, [r for r in results if r.set == name]))
    lines.append(_row("**all**", results))
    lines += ["", "## Wrong work by kind", "", "| kind | entries | caught | diagnosed |", "|---|---|---|---|"]
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for result in _split(results)[1]:
        kinds["a function of ps1" if result.kind == "function" else result.kind].append(result)
    for kind, of_kind in sorted(kinds.items()):
        named = [r for r in of_kind if r.named is not None]
        lines.append(f"| {kind} | {len(of_kind)} | {_count(of_kind, _caught)} | {_count(named, _diagnosed)} |")
    lines += ["", f"{len(kinds)} kinds, not counting those within the functions of ps1.", "", "## Missed, by name", ""]
    missed = [f"- correct, not accepted: {_name(r)}" for r in results if r.correct and not r.accepted]
    missed += [f"- wrong, not caught: {_name(r)}" for r in results if not r.correct and r.accepted]
    missed += [
        f"- caught, named otherwise: {_name(r)}: {r.mistake or 'no name'}"
        for r in results
        if not r.correct and not r.accepted and r.named is False
    ]
    return "\n".join([*lines, *(missed or ["None."]), ""])


def _row(title: str, results: Sequence[Outcome]) -> str:
    right, wrong = _split(results)
    named = [r for r in wrong if r.named is not None]
    cells = [title, str(len(right)), _count(right, lambda r: r.accepted), str(len(wrong))]
    cells += [_count(wrong, _caught), _count(named, _diagnosed)]
    return "| " + " | ".join(cells) + " |"


def _split(results: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    return [r for r in results if r.correct], [r for r in results if not r.correct]


def _caught(result: Outcome) -> bool:
    return not result.accepted


def _diagnosed(result: Outcome) -> bool:
    return result.named is True


def _share(results: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    return sum(map(holds, results)) / len(results) if results else 1.0


def _count(results: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> str:
    return f"{sum(map(holds, results))} of {len(results)} ({_share(results, holds):.1%})" if results else "none"


def _name(result: Outcome) -> str:
    return f"{result.task}, {result.name}"
