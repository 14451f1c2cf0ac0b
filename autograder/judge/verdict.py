"""What the grader says about one task: the faults of its properties, the verdict that comes of them, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from autograder.judge.map_picture import MapPicture, WrongMap
from autograder.judge.mistakes import Mistake, remedy_of
from autograder.judge.slides import Slide, slide_of
from autograder.student.plain_text import writable
from autograder.task import Task

NOT_VERIFIED = "Not verified: this part waits for your instructor, who sees this note and may give the points."
CELL = "text-align: left; vertical-align: top"
"""The style of the table's cells, written into each: Jupyter Lab would put their text to the right."""


@dataclass(frozen=True)
class Finding:
    """One property of the work: whether it holds, what was seen and what was expected.

    `mistakes` are the names of the likely mistakes behind a fault; empty where none is known.
    """

    name: str
    title: str
    points: float
    holds: bool
    seen: str
    expected: str = ""
    mistakes: tuple[str, ...] = ()

    @property
    def earned(self) -> float:
        return self.points if self.holds else 0.0


class Cause(NamedTuple):
    """A likely cause, as a clause, and what to try."""

    text: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """The points for one task and the reasons for them.

    `cause` is the likely mistake and `remedy` what to try; both empty where nothing is wrong. `mistakes` are the causes'
    short names, the most costly first, and `mistake` is the first of them, for tables; `slide` is the lecture's slide
    about it. `picture` shows a wrong map of a study. In a notebook a verdict shows as a table; as plain text it is the number of
    points, which is what nbgrader reads. `slides_at` is the address of the
    page of slides, where a student has it. Where faults differ in their causes, the causes are numbered, and each fault says which
    are its own.
    """

    task: str
    title: str
    findings: tuple[Finding, ...]
    cause: str = ""
    remedy: str = ""
    mistake: str = ""
    mistakes: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    picture: MapPicture | None = None
    slides_at: str = ""

    @property
    def points(self) -> float:
        return sum(finding.earned for finding in self.findings)

    @property
    def max_points(self) -> float:
        return sum(finding.points for finding in self.findings)

    @property
    def slide(self) -> Slide | None:
        return slide_of(self.mistake)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The likely causes of the work's faults, then those of a single one."""
        known = [Mistake(name) for name in self._known()]  # type: ignore[call-arg]  # looked up by its value
        causes = [Cause(one.cause, remedy_of(one, self.task)) for one in known]
        if self.cause and len(self.mistakes) < 2:
            causes[:1] = [Cause(self.cause, self.remedy)]  # which may say more than the mistake does
        return tuple(causes)

    @property
    def is_numbered(self) -> bool:
        """Whether a reader has to be told which fault has which cause."""
        return len(self.causes) > 1 or len({one.mistakes for one in self.findings if not one.holds}) > 1

    def causes_of(self, finding: Finding) -> str:
        """Which causes a fault has: "cause 1", "causes 1 and 2"; empty where none is known."""
        numbers = [str(self._known().index(name) + 1) for name in finding.mistakes]
        return f"cause{'s' * (len(numbers) > 1)} {' and '.join(numbers)}" if numbers else ""

    def _known(self) -> list[str]:
        return list(dict.fromkeys([*self.mistakes, *(name for one in self.findings for name in one.mistakes)]))

    def __repr__(self) -> str:
        return f"{self.points:.2f}"

    def _repr_html_(self) -> str:
        return to_html(self)

    def faults(self) -> list[str]:
        """What does not hold, a line each; one line where it is the same all over, as in work that is not there."""
        if len({(one.seen, one.holds) for one in self.findings}) == 1 and not self.points:
            return [self.findings[0].seen]
        return [
            f"{one.title}: {one.seen}"
            + (f"; expected: {one.expected}" if one.expected else "")
            + (f" ({known})" if self.is_numbered and (known := self.causes_of(one)) else "")
            for one in self.findings
            if not one.holds
        ]

    def advice(self) -> list[str]:
        """The likely causes, what to try, the lecture's slide about the first, and the notes, a line each."""
        told = [
            line
            for number, cause in enumerate(self.causes, 1)
            for line in (f"Likely cause{f' {number}' if self.is_numbered else ''}: {cause.text}.", cause.remedy)
        ]
        address = f": {self.slides_at}#{self.slide}" if self.slides_at else "."
        slide = f"In the lecture: the slide “{self.slide.heading}”{address}" if self.slide else ""
        return [*filter(None, [*told, slide]), *self.notes]

    def as_text(self) -> str:
        """The verdict for a reader of plain text: points, advice, and what does not hold."""
        lines = [f"{self.title}: {self.points:g} of {self.max_points:g} points", *self.advice()]
        return "\n".join([*lines, *(f"✗ {fault}" for fault in self.faults())])

    def as_record(self) -> dict[str, Any]:
        """Everything but the picture in plain values, for a JSON file."""
        values = writable(asdict(self))
        del values["picture"], values["slides_at"]
        return values | {"points": self.points, "max_points": self.max_points}


def verdict_of(
    task: Task,
    faults: Mapping[str, str],
    mistakes: Sequence[Mistake | None] = (),
    notes: Sequence[str] = (),
    *,
    seen: Mapping[str, str] | None = None,
    expected: Mapping[str, str] | None = None,
    behind: Mapping[str, Sequence[Mistake]] | None = None,
    picture: MapPicture | None = None,
) -> Verdict:
    """The verdict on a task from what is wrong with each of its properties; an empty fault, and it holds.

    Args:
        faults: the fault of every property, by name.
        mistakes: the likely causes, as far as they are known, the most costly first.
        seen: what to say of a property that holds, in place of "yes".
        expected: what was expected of a property.
        behind: the mistakes behind the fault of a property; all of them, where this is not given.
        picture: a wrong map beside what was recomputed.
    """
    seen, expected = seen or {}, expected or {}
    known = tuple(dict.fromkeys(one for one in mistakes if one))
    findings = tuple(
        Finding(
            one.name,
            one.title,
            one.points,
            not fault,
            fault or seen.get(one.name, "yes"),
            expected.get(one.name, ""),
            tuple(known if behind is None else behind.get(one.name, ())) if fault else (),
        )
        for one in task.properties
        for fault in [faults[one.name]]
    )
    return Verdict(
        task.id,
        task.title,
        findings,
        cause="; and ".join(one.cause for one in known),
        remedy=" ".join(remedy_of(one, task.id) for one in known),
        mistake=known[0] if known else "",
        mistakes=known,
        notes=tuple(notes),
        picture=picture,
    )


class Fault(NamedTuple):
    """What is wrong with one property: what was seen, and the mistake behind it, where that is known."""

    seen: str
    mistake: Mistake | None = None


NO_FAULT = Fault("")


class UngradableError(Exception):
    """A part of a study cannot be graded; `mistake` names why and the message says what was seen."""

    def __init__(self, mistake: Mistake, message: str) -> None:
        super().__init__(message)
        self.mistake = mistake


class NotVerifiedError(UngradableError):
    """The grader cannot run the model that a study names, which need not be the student's fault."""


class Faults:
    """The first fault of each property of a task, and the mistakes behind them in the order they were found."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.seen: dict[str, str] = {one.name: "" for one in task.properties}
        self.notes: list[str] = []
        self.wrong_map: WrongMap | None = None
        self._behind: dict[str, tuple[Mistake, ...]] = {}
        self.mistakes: list[Mistake] = []

    def add(self, fault: Fault, *names: str) -> None:
        """Note a fault of some properties; nothing where it is none. Each keeps the first."""
        if fault.seen:
            new = [name for name in names if not self.seen[name]]
            self.seen |= dict.fromkeys(new, fault.seen)
            self._behind |= dict.fromkeys(new, (fault.mistake,) if fault.mistake else ())
            self.mistakes += [fault.mistake] if fault.mistake else []

    def come_from(self, mistake: Mistake, *names: str) -> None:
        """Put one mistake behind the faults of several properties: what they have in common says more than each."""
        self._behind |= dict.fromkeys(names, (mistake,))
        self.mistakes.insert(0, mistake)

    @contextmanager
    def noted(self, *names: str) -> Iterator[None]:
        """What cannot be graded in this block is a fault of these properties; of all of them, where none is named.

        Where the model cannot be run, nothing can be graded: that goes on to the block of all of them.
        """
        try:
            yield
        except UngradableError as error:
            not_verified = isinstance(error, NotVerifiedError)
            if not_verified and names:
                raise
            self.add(Fault(str(error), error.mistake), *(names or self.seen))
            self.notes += [NOT_VERIFIED] * not_verified

    def verdict(self) -> Verdict:
        """The verdict. The first mistake is the cause, and the first wrong map is drawn."""
        picture = self.wrong_map.draw() if self.wrong_map else None
        return verdict_of(self.task, self.seen, self.mistakes[:1], self.notes, behind=self._behind, picture=picture)


def to_html(verdict: Verdict) -> str:
    """The verdict as an HTML fragment. Everything that came from a student is escaped."""
    return writable(_page().render(verdict=verdict, cell=CELL))


@cache
def _page() -> Template:
    templates = Environment(
        loader=PackageLoader("autograder.judge"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return templates.get_template("verdict.html.jinja")
