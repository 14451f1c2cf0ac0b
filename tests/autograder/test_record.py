"""What a record may say: what the writer writes is read, and what it cannot have written is refused before any work."""

import msgspec
import pytest
import torch

from autograder.judge.mistakes import Mistake
from autograder.problem_sets import TASKS
from autograder.problem_sets.checking import judge
from autograder.student import evidence
from autograder.student.evidence import Evidence
from autograder.student.record import MAX_ENTRIES, MAX_MESSAGE, AnswersRecord, StudyRecord, answer, study_record

STUDY = {"task": "ps1-photo", "values": {}, "names": {}, "types": {}, "dtypes": {}, "missing": []}


def raises_at_length():
    raise type("E" * 200, (Exception,), {})("long " * 1000)


@pytest.mark.parametrize(
    "call", [lambda: torch.ones(2, 3), lambda: (torch.ones(2), 0.1), lambda: None, lambda: "text", raises_at_length]
)
def test_every_answer_is_written_and_read_as_it_is(tmp_path, call):
    record = AnswersRecord("ps1-input-gradient", {"0": answer(call)[0]}, running="1")
    evidence.write(tmp_path, "t", Evidence(record))
    assert msgspec.convert(evidence.read(tmp_path, "t").record, AnswersRecord) == record


def test_every_study_is_written_and_read_as_it_is(tmp_path):
    parts = TASKS["ps2-study"].asks.parts
    work = {f"part {k} " + "x" * 100: k for k in range(2 * MAX_ENTRIES)}
    work |= {"model": "m" * 1000, "n_steps": 10**30, "attributions": {k: torch.ones(2) for k in range(300)}}
    record, arrays = study_record("ps2-study", work, parts)
    evidence.write(tmp_path, "t", Evidence(record, arrays))
    assert msgspec.convert(evidence.read(tmp_path, "t").record, StudyRecord) == record


@pytest.mark.parametrize(
    "record",
    [
        {"answers": []},
        {"answers": {"0": {"status": "well"}}},
        {"answers": {"0": {"status": "returned", "shape": [2.5]}}},
        {"answers": {"0": {"status": "returned", "shape": [-1]}}},
        {"answers": {"0": {"status": "returned", "shape": [1] * 65}}},
        {"answers": {"0": {"status": "raised", "message": "x" * (MAX_MESSAGE + 1)}}},
        {"answers": {"0": {"status": "raised", "error": ["E"]}}},
        {"answers": {}, "running": 3},
        {"answers": {str(k): {"status": "raised"} for k in range(5000)}},
    ],
    ids=lambda record: str(record)[:60],
)
def test_answers_that_submit_does_not_write_are_refused_with_what_was_expected(record):
    verdict = judge("ps1-input-gradient", Evidence({"task": "ps1-input-gradient"} | record), seed=1)
    assert verdict.points == 0 and verdict.mistake == Mistake.EVIDENCE_DAMAGED
    assert "the record is not what submit writes: " in verdict.notes[0] and "- at `$." in verdict.notes[0]


@pytest.mark.parametrize(
    "forged",
    [
        {"values": {"model": []}},
        {"values": {"n" * 81: 1}},
        {"names": {"attributions": ["a"] * (MAX_ENTRIES + 1)}},
        {"names": {"attributions": {"a": 1}}},
        {"missing": "everything"},
        {"images_given": "many"},
        {"images_given": 1.5},
        {"measured_again": [{"name": "a", "image": "first", "status": "returned"}]},
        {"measured_again": {"name": "a"}},
    ],
    ids=lambda forged: str(forged)[:60],
)
def test_studies_that_submit_does_not_write_are_refused_with_what_was_expected(forged):
    verdict = judge("ps1-photo", Evidence(STUDY | forged), seed=1)
    assert verdict.points == 0 and verdict.mistake == Mistake.EVIDENCE_DAMAGED
    assert "the record is not what submit writes: Expected `" in verdict.notes[0]
