"""What every verdict on a function has in common: properties, points, and the sentence that goes with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from autograder.assignments import Task
from autograder.checks.answers import NO_ANSWER, Answer, unfinished
from autograder.evidence import Evidence
from autograder.feedback import MISTAKES, PROPERTIES
from autograder.verdict import Finding, Verdict

STUB_ERROR = "NotImplementedError"
WITHHELD = "withheld"


def verdict_on_function(
    task: Task,
    function: str,
    evidence: Evidence,
    answers: list[Answer],
    fault: Callable[[Answer], str],
    cause: Callable[[list[Answer]], str],
) -> Verdict:
    """The verdict from the answers to a task's probes.

    Args:
        fault: what is wrong with the numbers of an answer, or an empty string; called where there are numbers.
        cause: the name of the mistake behind the answers that failed, or an empty string.
    """
    faults = {a.probe.name: a.complaint if a.values is None else fault(a) for a in answers}
    failed = [answer for answer in answers if faults[answer.probe.name]]
    wrong_on = {answer.probe.asks_about for answer in failed}
    any_property = any(name not in wrong_on for name in task.properties if name != "form")
    mistake = _mistake(answers, failed, cause)
    findings = []
    for name, points in task.properties.items():
        if name == "form":
            # The right shape around wrong numbers is worth nothing: zeros have it too. One probe is not enough: with
            # few steps the textbook rules are so coarse that wrong numbers now and then are as near as theirs.
            complaints = [answer.complaint for answer in answers if answer.complaint]
            holds = any_property and not complaints
            seen = complaints[0] if complaints else ("yes" if holds else "yes, around wrong numbers")
            expected = "" if holds else "a torch.Tensor of the shape of x, finite"
        else:
            about = [answer for answer in answers if answer.probe.asks_about == name]
            wrong = [f"{a.probe.name}: {faults[a.probe.name]}" for a in about if faults[a.probe.name]]
            holds = bool(about) and not wrong
            seen = wrong[0] if wrong else f"right on {len(about)} of {len(about)} probes"
            expected = "" if holds else f"right on all {len(about)} probes, wrong on {len(wrong)}"
        findings.append(Finding(name, PROPERTIES[name], points, holds, seen, expected))
    if mistake == "not_done":
        findings = [replace(finding, seen="the stub is still there", expected="") for finding in findings]
    text, remedy = MISTAKES.get(mistake, ("", ""))
    notes = []
    if (running := unfinished(evidence)) in faults:
        notes.append(f"The process ended while {function} was working on the probe “{running}”.")
    if failed and not mistake:
        notes.append(
            "No known mistake explains these answers. Try your function on F(x) = w · x, where it has to give w · x "
            "element by element, then on a function whose integral you can do by hand."
        )
    return Verdict(task.id, task.title, tuple(findings), text, remedy, mistake, tuple(notes))


def _mistake(answers: list[Answer], failed: list[Answer], cause: Callable[[list[Answer]], str]) -> str:
    if all(answer.complaint == NO_ANSWER for answer in answers):
        return "evidence_damaged"
    raised = Counter(answer.error for answer in failed if answer.error)
    if failed and len(raised) and sum(raised.values()) == len(answers):
        kind = raised.most_common(1)[0][0]
        if kind == STUB_ERROR:
            return "not_done"
        return "withheld" if any(WITHHELD in answer.complaint for answer in failed) else "raised"
    if failed and all(answer.probe.again for answer in failed):
        return "not_the_same_again"
    if failed:
        return cause(failed)
    return "wrong_form" if any(answer.complaint for answer in answers) else ""
