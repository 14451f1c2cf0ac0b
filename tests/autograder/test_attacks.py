"""A class of attackers, graded once through nbgrader: nobody gains, nobody is lost, nobody else is touched."""

import hashlib
import io
import json
import os
import re
import subprocess
import tempfile
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.folder import Course
from autograder.course.table import show
from autograder.nbgrader_plugin import feedback_pages
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from autograder.sandbox.limits import OwnLimits
from autograder.student import evidence
from autograder.student.evidence import EvidenceError
from tests.autograder import hostile
from tests.autograder.hostile import MARK, NOTEBOOK, hand_in

# What computes is held to computing, on a busy machine too.
LOWER_LIMITS = """
c.Execute.timeout = 10
c.SandboxedExecute.notebook_seconds = 40
c.SandboxedExecute.wall_factor = 4
c.SandboxedExecute.memory = 1500
c.SandboxedExecute.processes = 40
"""
BYSTANDER = "aaron"
CLASS = [one for one in hostile.CLASS if "HOSTILE" in os.environ or one.name in hostile.IN_THE_SUITE]
everyone = pytest.mark.parametrize("student", CLASS, ids=lambda student: student.name)


@pytest.fixture(scope="module")
def course(request, released_course, scheduler):
    """The graded course, its table, and what the printed table looks like."""
    try:
        check_sandbox()
    except SandboxUnavailableError as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    # Not pytest's own folder: one submission is deeper than pytest can remove.
    course = released_course(PS1.id, Path(tempfile.mkdtemp(prefix="attacked-")))
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", str(course)], check=False))
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(LOWER_LIMITS)
    hand_in(course, CLASS)
    _bystander(course)
    before = _fingerprint(course / "submitted" / BYSTANDER)
    screen = Console(file=io.StringIO(), width=200, force_terminal=True)
    table = grade_class(course, [PS1.id], screen, count=2, scheduler=scheduler)[PS1.id]
    show(table, screen)
    assert _fingerprint(course / "submitted" / BYSTANDER) == before
    yield course, {line.student: line for line in table}, screen.file.getvalue()


def _bystander(course: Path) -> None:
    """Someone whose grade another submission would like to change: graded by hand, with a score of their own."""
    folder = course / "submitted" / BYSTANDER / PS1.id
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_bytes((course / "assignments" / PS1.id / NOTEBOOK).read_bytes())


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


def record_of(course: Path, name: str) -> dict:
    return json.loads((course / "autograded" / name / PS1.id / "verdicts.json").read_text())


def page_of(course: Path, name: str) -> str:
    return (course / "feedback" / name / PS1.id / f"{PS1.id}.html").read_text()


@everyone
def test_there_is_a_record_with_the_points_and_the_reason(course, student):
    course, table, _ = course
    record = record_of(course, student.name)
    points = {verdict["task"]: verdict["points"] for verdict in record["verdicts"]}
    assert points["ps1-input-gradient"] == student.gradient_points
    if student.integrated_points >= 0:
        assert points["ps1-integrated-gradients"] == student.integrated_points
        assert student.ended is None or record["ended"] == student.ended
    else:
        # What was finished before the end counts.
        low = 0 if record["ended"] else 8
        assert low <= points["ps1-integrated-gradients"] <= 8, record["detail"]
    assert points["ps1-photo"] == 0
    assert student.reason in json.dumps(record, ensure_ascii=False)
    assert table[student.name].score == sum(points.values())


@everyone
def test_there_is_a_feedback_page_without_active_parts(course, student):
    course, _, _ = course
    page = page_of(course, student.name)
    assert PS1.tasks[0].title in page
    assert active_parts(page) == []


def test_formgrader_shows_no_active_parts(course):
    """formgrader's own page, in the instructor's browser, is written by another template."""
    from nbconvert.exporters import HTMLExporter
    from nbgrader.server_extensions.formgrader import handlers
    from traitlets.config import Config

    from autograder.nbgrader_plugin import configure

    course, _, _ = course
    config = Config()
    configure(config)
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    names = ("student", "assignment", "notebook", "assignment_id", "notebook_id", "submission_id", "base_url", "prefix",
             "first_name", "last_name", "next", "prev", "mathjax_url", "keyword_args")  # fmt: skip
    values = dict.fromkeys(names, "x") | {"index": 1, "total": 1, "late_submission_penalty": 0}
    path = course / "autograded" / "active" / PS1.id / NOTEBOOK
    page, _ = HTMLExporter(config=config).from_filename(str(path), resources={"nbgrader": values, **values})
    assert active_parts(page) == []


def test_the_honest_one_is_not_punished(course):
    course, _, _ = course
    notebook = (course / "autograded" / "honest" / PS1.id / NOTEBOOK).read_text()
    assert "image/png" in notebook
    assert "words on stderr" in notebook
    assert record_of(course, "honest")["ended"] == ""


def test_a_page_that_takes_too_much_shows_points_and_verdicts_and_says_so(course, monkeypatch):
    folder, table, _ = course
    monkeypatch.setattr(feedback_pages, "ONE_NOTEBOOK", OwnLimits(seconds=0, cpu_seconds=60, memory=4096))
    of_the_course = Course(folder)
    feedback_pages.CourseFeedback(coursedir=of_the_course.directory, parent=of_the_course.app).write(PS1.id, "honest")
    page = page_of(folder, "honest")
    assert "Making the whole page was ended: it took more than 0 seconds" in page
    assert "4 of 4 points" in page and "HONEST WORK WENT THROUGH" not in page and active_parts(page) == []
    assert of_the_course.record(PS1.id, "honest") and table["honest"].score == 12


def test_the_spy_finds_nothing(course):
    course, _, _ = course
    notebook = json.loads((course / "autograded" / "spies" / PS1.id / NOTEBOOK).read_text())
    said = "".join("".join(output.get("text", "")) for cell in notebook["cells"] for output in cell.get("outputs", []))
    assert "FOUND []" in said


def test_metadata_gives_no_points(course):
    course, table, _ = course
    assert table["metadata"].max_score == PS1.points
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = {grade.name: grade for grade in gradebook.find_submission_notebook(
            PS1.id, PS1.id, "metadata").grades}  # fmt: skip
        assert set(grades) == {task.id for task in PS1.tasks}


def test_the_rest_of_the_class_is_graded(course):
    course, table, _ = course
    assert table[BYSTANDER].score == 0
    assert "is not written yet" in table[BYSTANDER].diagnosis
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert {student.id for student in gradebook.students} == {BYSTANDER, *(student.name for student in CLASS)}


def test_no_text_of_a_student_steers_the_terminal(course):
    """Names and messages are shown as they are: no markup is obeyed, and no control character gets through."""
    _, table, screen = course
    assert len(table) == len(CLASS) + 1
    assert "[not a tag]" in re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m|[│┃]", "", screen))
    screen = re.sub(r"\x1b\[(\?25[lh]|2K|1A)", "", screen)  # the progress bar's own
    assert not re.search(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a]", screen)


def test_nothing_is_left_behind(course):
    """No process of a submission goes on."""
    import psutil

    course, _, _ = course
    left = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        of_the_grader = any("multiprocessing.forkserver" in part for part in command)  # this process's own
        if (
            any(str(course) in part for part in command)
            and not of_the_grader
            and process.status() != psutil.STATUS_ZOMBIE
        ):
            left.append(command)
    assert left == []


# The page


class _Active(HTMLParser):
    """Collects tags and attributes that act, where they carry the attackers' mark or are of no use in a page."""

    TAGS = ("iframe", "form", "object", "embed", "base", "meta", "button", "animate", "style", "link")

    def __init__(self):
        super().__init__()
        self.found = []
        self.inside = ""

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        for name, value in attributes:
            acts = name.startswith("on") or re.sub(r"\s", "", value or "").lower().startswith(
                ("javascript:", "data:text")
            )
            if (acts or tag in (*self.TAGS, "script")) and MARK in (value or ""):
                self.found.append(f"<{tag} {name}={value!r}>")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in ("script", "style") and MARK in data:
            self.found.append(f"<{self.inside}>{data[:80]}")


def active_parts(page: str) -> list[str]:
    parser = _Active()
    parser.feed(page)
    return parser.found


def test_active_parts_are_seen_by_this_test():
    """The test's own parser finds what it is to find, and passes text about it."""
    from tests.autograder.hostile import ACTIVE_MARKDOWN

    assert all(active_parts(text) for text in ACTIVE_MARKDOWN if not text.startswith(("[", "```")))
    assert active_parts("<p>&lt;script&gt;hostile&lt;/script&gt;</p>") == []


# The evidence


def npz(*members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, content in enumerate(members):
            archive.writestr(f"a{number}.npy", content)
    return file.getvalue()


def npy(header: str, data: bytes = bytes(8)) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def overlapping(copies: int) -> bytes:
    """A zip file whose many entries are all the same bytes."""
    array = io.BytesIO()
    np.lib.format.write_array(array, np.zeros(2 * 2**20))
    content = npz(array.getvalue())
    start, end = content.rfind(b"PK\x01\x02"), content.rfind(b"PK\x05\x06")
    entry = content[start:end]
    entries = b"".join(entry.replace(b"a0.npy", f"{number:02}.npy".encode()) for number in range(copies))
    count = copies.to_bytes(2, "little")
    size = len(entries).to_bytes(4, "little") + start.to_bytes(4, "little")
    return content[:start] + entries + b"PK\x05\x06" + bytes(4) + count + count + size + bytes(2)


def flagged(offset_local: int, offset_central: int, value: int) -> bytes:
    content = bytearray(npz(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}")))
    content[offset_local] |= value
    content[content.find(b"PK\x01\x02") + offset_central] |= value
    return bytes(content)


BAD_ARRAYS = {
    "encrypted": flagged(6, 8, 1),
    "a version of zip to come": flagged(4, 6, 99),
    "a patch": flagged(6, 8, 32),
    "a bracket that does not close": npz(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (")),
    "a string that does not close": npz(npy("'''")),
    "nested": npz(npy("-" * 4000 + "1")),
    "not hashable": npz(npy("{{}: 1}")),
    "booleans for a shape": npz(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}")),
    "a negative shape": npz(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}")),
    "a huge shape": npz(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999999999)}")),
    "objects": npz(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")),
    "text": b"no zip file",
    "nothing": b"",
}


@pytest.mark.parametrize("content", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_a_reason_and_not_a_crash(tmp_path, content):
    (tmp_path / "t.json").write_text("{}")
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(EvidenceError):
        evidence.read(tmp_path, "t")


def test_arrays_that_overlap_do_not_multiply(tmp_path, monkeypatch):
    """Fifty entries of 16 MiB in a file of 16 MiB: more than a file may hold is not read."""
    monkeypatch.setattr(evidence, "MAX_ARRAYS_BYTES", 64 * 2**20)
    (tmp_path / "t.json").write_text("{}")
    (tmp_path / "t.npz").write_bytes(overlapping(50))
    with pytest.raises(EvidenceError):
        evidence.read(tmp_path, "t")


@pytest.mark.parametrize("values", [{"target": float("nan")}, {"n_steps": float("inf")}, {"target": 10**400}, {}])
def test_a_study_of_impossible_numbers_is_judged(values):
    from autograder.problem_sets import checking
    from autograder.student.evidence import Evidence

    picture = np.zeros((3, 64, 64), np.float32)
    arrays = {"image": picture + 0.5, "baseline": picture, "attribution": picture, "gradient_times_input": picture}
    record = {"task": "ps1-photo", "names": {}, "types": {}, "dtypes": {}, "missing": []}
    record["values"] = {"model": "efficientnet_lite0", "target": 1, "n_steps": 20} | values
    if not values:
        record["values"] = {"model": [], "target": {}, "n_steps": "x", "scores": {}}
    assert checking.judge("ps1-photo", Evidence(record, arrays), seed=1).points == 0
