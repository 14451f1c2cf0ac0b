"""The whole attack corpus, graded as a class: nobody gains a point or gets at anything, nobody is lost, nobody else is touched.

`make test` grades the class of `tests/autograder/test_attacks.py`; the rest is graded by `make hostile`.
"""

import io
import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.release import KIT
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from tests.autograder.hostile import NOTEBOOK
from tests.autograder.hostile import hand_in as hand_in_all
from tests.autograder.test_attacks import (
    BYSTANDER,
    LOWER_LIMITS,
    _bystander,
    _fingerprint,
    active_parts,
    page_of,
    record_of,
)
from tests.hostile.attacks import CORPUS, MORE
from tests.hostile.attacks.attack import SECRET, TOKEN
from tests.hostile.attacks.games import GAMES
from tests.hostile.outcome import outside, says_that_it_won
from tests.hostile.payloads import PAYLOADS
from tests.hostile.test_damage import DAMAGED
from tests.hostile.test_evidence_fuzz import ARRAYS, BYTES, RECORDS
from tests.hostile.test_evidence_fuzz import IN_THE_SUITE as SHARE_IN_THE_SUITE

LARGEST_NOTEBOOK = 32 << 20
WHOLE = "HOSTILE" in os.environ
whole_corpus = pytest.mark.skipif(not WHOLE, reason="takes minutes: make hostile")
everyone = pytest.mark.parametrize("attack", MORE if WHOLE else MORE[:1], ids=lambda attack: attack.name)
IN_THE_SUITE = ("game-few-numbers", "game-25-to-59", "game-above-100", "game-a-pixel", "game-classes", "game-float64")


@pytest.fixture(scope="module")
def graded(request, released_course):
    """The course, its table, and the folder that nobody should reach."""
    try:
        check_sandbox()
    except SandboxUnavailableError as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    scratch = Path(tempfile.mkdtemp(prefix="attacked-"))
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", str(scratch)], check=False))
    course = released_course(PS1.id, scratch / "course")
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(LOWER_LIMITS)
    with outside(scratch / "outside") as places, pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN, SECRET)
        hand_in_all(course, MORE, places)
        _bystander(course)
        before = _fingerprint(course / "submitted" / BYSTANDER)
        screen = Console(file=io.StringIO(), width=200)
        table = grade_class(course, [PS1.id], screen, count=2)[PS1.id]
        assert _fingerprint(course / "submitted" / BYSTANDER) == before
        yield course, {line.student: line for line in table}, scratch / "outside"


def test_there_are_many_of_many_kinds():
    kinds = Counter(attack.group for attack in CORPUS if attack.group != "nothing")
    assert sum(kinds.values()) >= 80 and len(kinds) >= 14
    assert len({attack.name for attack in CORPUS}) == len(CORPUS)
    page = (KIT / "docs" / "attacks.md").read_text()
    assert f"{sum(kinds.values())} attacks of {len(kinds)} kinds" in page
    assert [attack.name for attack in CORPUS if attack.group != "nothing" and f"| {attack.name} |" not in page] == []


def test_the_figures_of_the_threat_model_are_those_of_the_corpora():
    """What stands under "Measured" in SECURITY.md; the page stays one page."""
    kinds = {attack.group for attack in CORPUS if attack.group != "nothing"}
    count = sum(attack.group != "nothing" for attack in CORPUS)
    text = (KIT / "SECURITY.md").read_text()
    fuzzed = round(SHARE_IN_THE_SUITE * (BYTES + RECORDS + ARRAYS))
    inputs = BYTES + RECORDS + ARRAYS
    for words in (
        f"| attacks of {len(kinds)} kinds | {count} of {count}: ",
        f"| {len(DAMAGED)} of {len(DAMAGED)} | `tests/hostile/test_damage.py` |",
        f"| {len(PAYLOADS)} of {len(PAYLOADS)} | `tests/hostile/test_payloads.py` |",
        f"| {fuzzed} of {fuzzed} in `make test`; `make hostile` tries {inputs:,} |",
    ):
        assert words in text, words
    assert len(text.split()) < 1100


@pytest.mark.parametrize("game", [one for one in GAMES if one.name in IN_THE_SUITE], ids=lambda game: game.name)
def test_a_game_with_the_questions_is_not_paid_in_full(hand_in, game):
    for seed in (1, 2) if WHOLE else (1,):
        verdict = hand_in(game.gradient + game.source, "ps1-integrated-gradients", seed)
        assert verdict.points <= game.deserved, [finding.seen for finding in verdict.findings]


@whole_corpus
@everyone
def test_no_point_is_gained_and_none_of_others_work_is_lost(graded, attack):
    course, table, _ = graded
    record = record_of(course, attack.name)
    points = {verdict["task"]: verdict["points"] for verdict in record["verdicts"]}
    assert points["ps1-integrated-gradients"] <= attack.deserved, record["verdicts"]
    # What was finished before the attack counts, whatever it did to its process.
    assert points["ps1-input-gradient"] == attack.gradient_points, (record["ended"], record["detail"])
    assert points["ps1-photo"] == 0
    assert table[attack.name].score == sum(points.values()) and table[attack.name].max_score == PS1.points


@whole_corpus
@everyone
def test_it_gets_at_nothing(graded, attack):
    course, _, beside = graded
    notebook = course / "autograded" / attack.name / PS1.id / NOTEBOOK
    assert not says_that_it_won(notebook)
    assert notebook.stat().st_size < LARGEST_NOTEBOOK
    assert not (beside / attack.name).exists()


@whole_corpus
@everyone
def test_its_page_does_not_act(graded, attack):
    assert active_parts(page_of(graded[0], attack.name)) == []


@whole_corpus
def test_others_are_graded_and_nothing_goes_on(graded):
    import psutil

    course, table, beside = graded
    assert table[BYSTANDER].score == 0 and "is not written yet" in table[BYSTANDER].diagnosis
    assert sorted(path.name for path in beside.iterdir()) == ["secret.txt", "socket"]
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    others = [command for command in commands if not any("multiprocessing.forkserver" in part for part in command)]
    assert not [command for command in others if any(str(course) in part for part in command)]
