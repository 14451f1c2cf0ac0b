"""What every verdict on a function has in common: properties, points, and the sentence that goes with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from autograder.judge.answers import NO_ANSWER, Answer, unfinished
from autograder.judge.errors import explained
from autograder.judge.mistakes import Mistake
from autograder.judge.verdict import Verdict, verdict_of
from autograder.student.evidence import Evidence
from autograder.task import Task

STUB_ERROR = "NotImplementedError"
WITHHELD = "withheld"


def verdict_on_function(
    task: Task,
    function: str,
    evidence: Evidence,
    answers: list[Answer],
    fault: Callable[[Answer], str],
    cause: Callable[[list[Answer]], Mistake | None],
    example: str,
) -> Verdict:
    """The verdict from the answers to a task's probes.

    Args:
        fault: what is wrong with the numbers of an answer, or an empty string; called where there are numbers.
        cause: the mistake behind the answers that failed, or None.
        example: what the function has to give for an easy F, as a sentence, for whom no known mistake explains it.
    """
    faults = {a.probe.name: a.complaint if a.values is None else fault(a) for a in answers}
    failed = [answer for answer in answers if faults[answer.probe.name]]
    mistake = _mistake(answers, failed, cause)
    wrong, seen, expected = {}, {}, {}
    for name in (one.name for one in task.properties if one.name != "form"):
        about = [answer for answer in answers if answer.probe.asks_about == name]
        failures = [f"{a.probe.name}: {faults[a.probe.name]}" for a in about if faults[a.probe.name]]
        wrong[name] = "" if about else "no probe asked about it"
        if failures:
            wrong[name] = f"wrong on {len(failures)} of {len(about)} probes; {failures[0]}"
        seen[name] = f"right on {len(about)} of {len(about)} probes"
        expected[name] = f"right on all {len(about)} probes" if failures else ""
    # The right shape around wrong numbers is worth nothing: zeros have it too. One probe is not enough: with
    # few steps the textbook rules are so coarse that wrong numbers now and then are as near as theirs.
    complaints = [answer.complaint for answer in answers if answer.complaint]
    wrong["form"] = (
        complaints[0]
        if complaints
        else "the right shape, but none of its numbers is right"
        if all(wrong.values())
        else ""
    )
    expected["form"] = "a torch.Tensor of the shape of x, finite" if wrong["form"] else ""
    if mistake == Mistake.NOT_DONE:
        wrong, expected = dict.fromkeys(wrong, "the stub is still there"), {}
    notes = []
    if running := unfinished(evidence, [answer.probe.name for answer in answers]):
        notes.append(f"The process ended while {function} was working on the probe “{running}”.")
    if failed and not mistake:
        notes.append(f"No known mistake explains these answers. {example}")
    notes += dict.fromkeys(filter(None, (explained(answer.complaint) for answer in failed if answer.error)))
    return verdict_of(task, wrong, [mistake], notes, seen=seen, expected=expected)


def _mistake(
    answers: list[Answer], failed: list[Answer], cause: Callable[[list[Answer]], Mistake | None]
) -> Mistake | None:
    if all(answer.complaint == NO_ANSWER for answer in answers):
        return Mistake.EVIDENCE_DAMAGED
    raised = Counter(answer.error for answer in failed if answer.error)
    if failed and len(raised) and sum(raised.values()) == len(answers):
        kind = raised.most_common(1)[0][0]
        if kind == STUB_ERROR:
            return Mistake.NOT_DONE
        return Mistake.WITHHELD if any(WITHHELD in answer.complaint for answer in failed) else Mistake.RAISED
    if failed and all(answer.probe.again for answer in failed):
        return Mistake.NOT_THE_SAME_AGAIN
    if failed:
        return cause(failed)
    return Mistake.WRONG_FORM if any(answer.complaint for answer in answers) else None
