"""The questions as data: what comes back is what was drawn, and nothing else lies on the student's side."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.judge.probes import PROBES, write_questions
from autograder.problem_sets import TASKS
from autograder.student import questions
from autograder.task import Function

ASKED = {task.asks.probes: task for task in TASKS.values() if isinstance(task.asks, Function)}
SEED = 0xABCDEF012345


@pytest.fixture(scope="module", params=ASKED)
def handed_over(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    task = ASKED[request.param]
    write_questions(folder, task, SEED)
    return PROBES[request.param](SEED), questions.read(folder, task.id), task, folder


def test_every_kind_of_probes_is_asked_by_a_task():
    assert ASKED.keys() == PROBES.keys()


def test_the_arguments_come_back_as_they_were_drawn(handed_over):
    probes, asked, task, _ = handed_over
    assert len(asked) == len(probes)
    for probe, question in zip(probes, asked, strict=True):
        assert list(question) == list(task.asks.arguments)
        for name, value in question.items():
            drawn = getattr(probe, name)
            if isinstance(drawn, torch.Tensor):
                assert torch.equal(value, drawn) and value.dtype == drawn.dtype
            elif name == "network":
                assert torch.equal(value(question["x"][None]), drawn(probe.x[None]))
            else:
                assert value == drawn and type(value) is int


def test_what_questions_share_is_shared_again(handed_over):
    probes, asked, task, _ = handed_over
    for name in {"x", "network"} & set(task.asks.arguments):
        for k, one in enumerate(probes):
            for n, other in enumerate(probes):
                same = getattr(one, name) is getattr(other, name)
                assert (asked[k][name] is asked[n][name]) == same


def test_nothing_but_arguments_lies_there(handed_over):
    """Neither the seed in any form that it is used in, nor a name, nor what a probe asks about."""
    probes, _, task, folder = handed_over
    record = json.loads((folder / f"{task.id}.json").read_text())
    assert record.keys() == {"networks", "questions"}
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    words = {word for p in probes for word in (p.name, getattr(p, "asks_about", ""), getattr(p, "of", "")) if word}
    own = {word for one in record["networks"] for word in (one["architecture"], *one["parts"])}
    own |= {*record, *task.asks.arguments}
    assert not [word for word in words - own if json.dumps(word).encode() in kept]
    assert str(SEED).encode() not in kept and SEED.to_bytes(8, "little") not in kept


def test_an_answer_is_known_by_its_number_alone(tmp_path: Path):
    """Everything that a student's process writes and reads about probes comes without importing what draws them."""
    code = (
        "import sys, autograder.student.submit\n"
        "assert not [name for name in sys.modules if name.startswith('autograder.judge')], sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_questions_are_read_as_carefully_as_evidence(tmp_path: Path):
    with pytest.raises(questions.evidence.EvidenceError, match="there is no"):
        questions.read(tmp_path, "ps1-input-gradient")


def test_a_value_that_has_no_form_is_refused(tmp_path: Path):
    with pytest.raises(KeyError):
        questions.write(tmp_path, "task", [{"x": np.float64}])
