"""Work from the field: functions and measures as people publish them, with verdicts that were written down beforehand.

Each file of `corpus/psN/field/` holds one answer cell. It is handed in with several seeds: the points have to be the same with all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.judge.mistakes import Mistake
from corpus.entries import Entry, function
from tests.calibration.judged import verdict_on

FOLDER = Path(__file__).resolve().parents[2] / "corpus"
SEEDS = (11, 12, 13)
CORRECT, FORM, WRONG, UNCLEAR = "correct", "form", "wrong", "unclear"
GIVEN = """
def input_gradient(forward, x, target):
    point = x.detach()[None].requires_grad_()
    return torch.autograd.grad(forward(point)[0, target], point)[0][0]
"""
# What the authors call a fault, and what the grader may call it. What two names say equally well is listed with both.
NAMES: dict[str, set[Mistake]] = {
    "softmax_inside": {Mistake.SOFTMAX_INSIDE, Mistake.LOSS_DIFFERENTIATED},
    "sigmoid_inside": {Mistake.SIGMOID_INSIDE},
    "log_inside": {Mistake.LOG_PROBABILITY, Mistake.LOSS_DIFFERENTIATED},
    "loss": {
        Mistake.LOSS_DIFFERENTIATED,
        Mistake.LOG_PROBABILITY,
        Mistake.SOFTMAX_INSIDE,
        Mistake.GRADIENT_SIGN_REVERSED,
    },
    "gradient_wrt_x": {Mistake.GRADIENT_WRT_INPUT},
    "times_alpha": {Mistake.GRADIENT_WRT_INPUT},
    "first_row_only": {Mistake.FIRST_ROW_ONLY, Mistake.GRADIENT_AT_BASELINE},
    "last_batch_only": {Mistake.LAST_BATCH_ONLY},
    "never_asks": {Mistake.NETWORK_NOT_ASKED},
    "gradient_at_x_only": {
        *(Mistake.GRADIENT_TIMES_DIFFERENCE, Mistake.GRADIENT_TIMES_INPUT, Mistake.GRADIENT_AT_INPUT),
    },
    "gradients_pile_up": {Mistake.GRADIENTS_PILE_UP},
    "top_class_each_point": {Mistake.TOP_CLASS_AT_EACH_POINT, Mistake.TOP_CLASS},
    "top_class_at_end": {Mistake.TOP_CLASS},
    "all_classes": {Mistake.ALL_CLASSES},
    "class_zero": {Mistake.FIRST_CLASS},
    "path_from_zero": {Mistake.PATH_FROM_ZERO, Mistake.PATH_FROM_ZERO_TIMES_DIFFERENCE},
    "baseline_plus_alpha_x": {Mistake.PATH_BEYOND_INPUT},
    "times_x": {
        Mistake.TIMES_INPUT,
        Mistake.GRADIENT_TIMES_INPUT,
        Mistake.PATH_FROM_ZERO,
        Mistake.INPUT_TIMES_GRADIENT,
    },
    "no_difference": {Mistake.DIFFERENCE_MISSING, Mistake.GRADIENT_AT_INPUT, Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED},
    "sign_reversed": {Mistake.SIGN_REVERSED, Mistake.GRADIENT_SIGN_REVERSED, Mistake.LOSS_DIFFERENTIATED},
    "squared_gradients": {Mistake.SQUARED},
    "n_plus_1_terms": {Mistake.ONE_TERM_TOO_MANY},
    "inverse_n_minus_1": {Mistake.WEIGHTS_DO_NOT_ADD_UP},
    "short_trapezoid": {Mistake.TRAPEZOID_WEIGHTS},
    "not_averaged": {Mistake.NOT_AVERAGED, Mistake.NEITHER_AVERAGED_NOR_MULTIPLIED},
    "twice": {Mistake.TWICE},
    "averaged_twice": {Mistake.AVERAGED_TWICE},
    "fixed_steps": {Mistake.STEPS_IGNORED},
    "absolute": {Mistake.ABSOLUTE_VALUE},
    "positive_only": {Mistake.POSITIVE_PART_ONLY},
    "min_max": {Mistake.MIN_MAX, Mistake.RESCALED_FOR_DISPLAY},
    "divided_by_max": {Mistake.NORMALISED},
    "divided_by_sum": {Mistake.NORMALISED},
    "unit_norm": {Mistake.NORMALISED},
    "standardised": {Mistake.RESCALED_FOR_DISPLAY},
    "percentile_clip": {Mistake.CLIPPED_AT_PERCENTILE},
    "blur": {Mistake.BLURRED},
    "channel_sum": {Mistake.CHANNELS_SUMMED, Mistake.CHANNELS_AVERAGED},
    "channel_mean": {Mistake.CHANNELS_AVERAGED, Mistake.CHANNELS_SUMMED},
    "channel_max": {Mistake.CHANNELS_AVERAGED, Mistake.CHANNELS_SUMMED},
    "pair": {Mistake.SEVERAL_RETURNED},
    "numpy": {Mistake.NOT_A_TENSOR},
    "flat": {Mistake.FLATTENED},
    "channels_last": {Mistake.CHANNELS_LAST},
    "batch_of_one": {Mistake.BATCH_OF_ONE},
    "list": {Mistake.NOT_A_TENSOR},
    "requires_grad": set(),
    "float64": set(),
    "tuple_of_one": {Mistake.BATCH_OF_ONE, Mistake.SEVERAL_RETURNED},
}
TARGET_IGNORED = "one"
"""What the authors say of a measure that loses for one property, and the text did not say for which: now it does, for form."""


@dataclass(frozen=True)
class FieldEntry:
    """One hand-in: what its author expects, the faults in the author's words, the properties that a measure is to lose."""

    task: str
    name: str
    source: str
    expected: str
    parts: tuple[str, ...]
    loses: frozenset[str]
    what: str

    @property
    def set(self) -> str:
        return self.task.partition("-")[0]

    def entry(self) -> Entry:
        """The same as an entry of the corpus."""
        name = "attribution_quality" if self.task == "ps4-measure" else self.task.removeprefix("ps1-").replace("-", "_")
        return Entry(self.task, "field", self.name, function(GIVEN + self.source, name), self.expected == CORRECT)


@dataclass(frozen=True)
class Found:
    """What came out: the properties that were lost with each seed, and the names that the feedback gave."""

    of: FieldEntry
    lost: tuple[frozenset[str], ...]
    mistakes: tuple[str, ...]

    @property
    def steady(self) -> bool:
        return len(set(self.lost)) == 1

    @property
    def as_expected(self) -> bool:
        return all(self._is_expected(lost) for lost in self.lost)

    def _is_expected(self, lost: frozenset[str]) -> bool:
        if self.of.expected == UNCLEAR:
            return True
        if self.of.loses:
            return lost == frozenset({"form"} if TARGET_IGNORED in self.of.loses else self.of.loses)
        return {CORRECT: not lost, FORM: lost <= {"form"}, WRONG: bool(lost)}[self.of.expected]

    @property
    def named(self) -> bool | None:
        """Whether the feedback names a part of what is wrong, and nothing that is not; None where there is nothing to name."""
        if not self.of.parts or self.of.expected != WRONG:
            return None
        right = set().union(*(NAMES.get(part, set()) for part in self.of.parts))
        return bool(self.mistakes) and {*self.mistakes} <= right


def files() -> list[Path]:
    return sorted(FOLDER.glob("*/field/*.txt"))


def read(path: Path) -> FieldEntry:
    """A hand-in from its file."""
    head, *parts = re.split(r"^%%cell (\S+)\n", path.read_text(), flags=re.MULTILINE)
    said = dict(re.findall(r"^# (expect|what|parts|loses|source): (.*)$", head, flags=re.MULTILINE))
    return FieldEntry(
        task=parts[0].removesuffix("-answer"),
        name=path.stem,
        source=parts[1],
        expected=said["expect"].split()[0],
        parts=_words(said, "parts"),
        loses=frozenset(_words(said, "loses")),
        what=said["what"],
    )


def _words(said: dict[str, str], key: str) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[ ,]+", said.get(key, ""))))


def judge(path: Path, seeds: Sequence[int] = SEEDS) -> Found:
    """Hand it in with each seed."""
    of = read(path)
    verdicts = [verdict_on(of.entry(), seed) for seed in seeds]
    lost = tuple(frozenset(one.name for one in verdict.findings if not one.holds) for verdict in verdicts)
    return Found(of, lost, verdicts[0].mistakes)


def table_of(results: Sequence[Found]) -> str:
    """The section about work from the field, in Markdown."""
    lines = [
        "",
        "## Work from the field",
        "",
        INTRODUCTION,
        "| set | what | hand-ins | as expected | same points with all seeds |",
    ]
    lines += ["|---|---|---|---|---|"]
    for name in dict.fromkeys(found.of.set for found in results):
        for expected in (CORRECT, FORM, WRONG, UNCLEAR):
            some = [f for f in results if f.of.set == name and f.of.expected == expected]
            if some:
                right, steady = (sum(getattr(f, what) for f in some) for what in ("as_expected", "steady"))
                lines.append(f"| {name} | {expected} | {len(some)} | {right} | {steady} |")
    for what, some in (
        ("single faults", [f for f in results if f.named is not None and len(f.of.parts) == 1]),
        ("compounds", [f for f in results if f.named is not None and len(f.of.parts) > 1]),
    ):
        named = sum(bool(found.named) for found in some)
        lines += ["", f"Of {len(some)} {what}, {named} were named: at least one part, and none that is not there."]
    lines += ["", "Judged otherwise than expected, unsteady, or not named:", ""]
    lines += [f"- {line}" for found in results if (line := _miss(found))]
    return "\n".join([*lines, ""])


def _miss(found: Found) -> str:
    faults = [] if found.as_expected else [f"lost {', '.join(sorted(max(found.lost, key=len))) or 'nothing'}"]
    faults += [] if found.steady else ["other points with another seed"]
    faults += ["named " + (", ".join(found.mistakes) or "nothing")] if found.named is False else []
    return f"{found.of.set} {found.of.name} ({found.of.expected}): {'; '.join(faults)}" if faults else ""


INTRODUCTION = """\
What libraries, tutorials, courses and papers do, written anew by an author who knew the notebooks and a description in words
of what people publish, and nothing of the checks. The expected verdicts were written down before the grader saw the work.
*Form* is right work in another form, which may lose the point for form alone.
"""
