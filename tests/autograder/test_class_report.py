"""The class report, pairs of alike students, and the files for and from learning-management systems."""

import csv
import io
import random
import zipfile

import pytest

from autograder.__main__ import main
from autograder.course import collect as collect_module
from autograder.course.collect import collect
from autograder.course.commands import GradingError, nbgrader
from autograder.course.folder import Course
from autograder.course.learning_systems import Grade, canvas_csv, moodle_csv
from autograder.course.pairs import Passage, alike
from autograder.course.report import ClassReport, Share, class_report, histogram, marked, to_html
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1

CODE = """
def integrated_gradients(forward, x, baseline, target, n_steps):
    # the mean of the gradients
    total = torch.zeros_like(x)
    for k in range(n_steps):
        alpha = (k + 0.5) / n_steps
        point = baseline + alpha * (x - baseline)
        total = total + input_gradient(forward, point, target)
        if not torch.isfinite(total).all():
            raise ValueError("a gradient is not finite")
    return (x - baseline) * total / n_steps


def drawn(values, title):
    figure, axes = plt.subplots(1, 3, figsize=(9, 3))
    for panel, picture in zip(axes, values):
        panel.imshow(picture.sum(0), cmap="seismic")
        panel.set_title(title + str(picture.shape))
    return figure
"""
COPIED = """
def draw(maps, name):
    fig, panels = plt.subplots(1, 3, figsize=(9, 3))
    for one, image in zip(panels, maps):
        one.imshow(image.sum(0), cmap="seismic")   # 把图画出来
        one.set_title(name + str(image.shape))
    return fig

def integrated_gradients(forward, x, baseline, target, n_steps):
    acc = torch.zeros_like(x)
    for i in range(n_steps):
        a = (i + 0.5) / n_steps
        p = baseline + a * (x - baseline)
        acc = acc + input_gradient(forward, p, target)
        if not torch.isfinite(acc).all():
            raise ValueError("oops")
    return (x - baseline) * acc / n_steps
"""
OTHER = """
def integrated_gradients(forward, x, baseline, target, n_steps):
    alphas = torch.linspace(0, 1, n_steps + 1)
    grads = torch.stack([input_gradient(forward, torch.lerp(baseline, x, a), target) for a in alphas])
    weights = torch.full((n_steps + 1,), 1 / n_steps)
    weights[[0, -1]] /= 2
    return (x - baseline) * torch.einsum("k,kchw->chw", weights, grads)
"""
NAMES = {
    "doejane_12345_678910_ps1-attribution.ipynb": "first",
    "doejane_12345_678999_ps1-attribution-1.ipynb": "second",
    "roejohn_LATE_22345_678911_ps1-attribution-1.ipynb": "late",
    "smithann_32345_678912_ps1-attribution.ipynb": "ann",
    "smithann_32345_678913_mycat.jpg": "cat",
    "Müller Jörg_1234567_assignsubmission_file_/ps1-attribution.ipynb": "jörg",
    "Anna Zoe_1234568_assignsubmission_file_ps1-attribution.ipynb": "anna",
    "Bo Li_1234569_assignsubmission_file_/Copy of ps1-attribution (2).ipynb": "bo",
    "Bo Li_1234569_assignsubmission_file_/notes.ipynb": "more",
    "course-ps1/Cy Top_1234570_assignsubmission_file_/ps1-attribution.ipynb": "cy",
    "__MACOSX/._smithann_32345_678912_ps1-attribution.ipynb": "none of anybody's",
    "notes.txt": "left",
}


def test_a_copy_is_found_whatever_its_names_comments_and_order_and_others_are_not():
    (pair,) = alike({"ada": CODE, "ben": COPIED, "cleo": OTHER})
    assert {pair.one.student, pair.other.student} == {"ada", "ben"} and pair.share > 0.7
    assert "<mark>" in marked(pair.one) and "integrated_gradients" in marked(pair.one)


def test_what_the_release_or_many_students_have_is_not_alike():
    assert alike({"ada": CODE, "ben": COPIED}, starter=CODE) == []
    assert alike({f"student {k}": CODE for k in range(11)}) == []


def test_a_page_of_hostile_names_and_code_holds_no_tag_of_theirs():
    evil = "<script>alert(1)</script>\u202e\x1b[2J\n"
    report = ClassReport("ps1", 20, [Grade(evil, "", "", "", 3, 20)], histogram([3], 20), [Share("t", evil, 1, 1)])
    report.remarks, report.by_hand, report.not_graded = [(evil, evil)], {evil: [evil, evil]}, [evil]
    page = to_html(report)
    assert "<script" not in page and "http" not in page and page.count("alert(1)") == 7
    assert not set(page) & set("\u202e\x1b") and "&lt;/script&gt;\n" not in page
    assert "<script" not in marked(Passage("x", evil + evil, ((0, 10), (5, 30))))


@pytest.mark.parametrize(
    ("scores", "counts"), [([0, 20], (1, 0, 0, 0, 1)), ([7.99, 8], (0, 1, 1, 0, 0)), ([], (0, 0, 0, 0, 0))]
)
def test_the_histogram_counts_everybody_once(scores, counts):
    assert tuple(count for _, count in histogram(scores, 20)) == counts


@pytest.mark.parametrize("students", [0, 5, 15, 16, 200])
def test_the_ranges_of_the_histogram_fit_the_class_and_do_not_overlap(students):
    labels = [label for label, _ in histogram([20.0] * students, 20)]
    assert len(labels) == (5 if students <= 15 else 10)
    ends = [label.split(" to under ") for label in labels[:-1]]
    assert [end for _, end in ends] == [label.split(" to ")[0] for label in labels[1:]] and labels[-1].endswith(
        " to 20"
    )


def test_grades_for_canvas_and_moodle_have_their_columns_and_no_formula():
    grades = [
        Grade("doejane_12345", "Jane", "Doe", "", 12.5, 20),
        Grade("kay@example.org", "Alan", "Kay, the third", "", None, 20),
        Grade("=cmd()", "", "", "", 0, 20),
    ]
    canvas = list(csv.DictReader(io.StringIO(canvas_csv("ps1", grades))))
    assert canvas[1] == {
        "Student": "Doe, Jane", "ID": "12345", "SIS User ID": "", "SIS Login ID": "", "Section": "", "ps1": "12.5",
    }  # fmt: skip
    assert canvas[0]["ps1"] == "20" and canvas[2]["ps1"] == "" and canvas[3]["Student"] == "'=cmd()"
    moodle = list(csv.DictReader(io.StringIO(moodle_csv("ps1", grades))))
    assert moodle[0]["Identifier"] == "Participant 12345" and moodle[0]["Grade"] == "12.5"
    assert moodle[1]["Email address"] == "kay@example.org" and moodle[1]["Full name"] == "Alan Kay, the third"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "submissions.zip"
    with zipfile.ZipFile(path, "w") as opened:
        names = list(NAMES)
        random.Random(0).shuffle(names)
        for name in names:
            opened.writestr(zipfile.ZipInfo(name, (2026, 11, 26, 5, 26, 0)), NAMES[name])
    return path


def test_archives_of_canvas_and_moodle_are_collected_the_latest_attempt_of_each(tmp_path, released_course, archive):
    course = Course(released_course(PS1.id, tmp_path / "course"))
    collected = collect(course, "ps1", archive)
    handed = {
        student: (folder / f"{PS1.id}.ipynb").read_text() for student, folder in course.submissions(PS1.id).items()
    }
    assert handed == {
        "doejane_12345": "second", "roejohn_22345": "late", "smithann_32345": "ann",
        "Müller Jörg_1234567": "jörg", "Anna Zoe_1234568": "anna", "Bo Li_1234569": "bo",
        "Cy Top_1234570": "cy",
    }  # fmt: skip
    assert collected.late == ["roejohn_22345"] and collected.left == ["notes.txt"]
    assert (course.submissions(PS1.id)["smithann_32345"] / "mycat.jpg").is_file()
    assert (course.submissions(PS1.id)["Bo Li_1234569"] / "notes.ipynb").is_file()
    assert course.directory.get_existing_timestamp(str(course.submissions(PS1.id)["doejane_12345"])).hour == 5
    (tmp_path / "students.csv").write_text("id,first_name,last_name,email\ndoejane_12345,Jane,Doe,jane@example.org\n")
    nbgrader(course.folder, "db", "student", "import", str(tmp_path / "students.csv"))
    (jane,) = (one for one in class_report(course, "ps1").grades if one.student == "doejane_12345")
    assert (jane.first_name, jane.last_name, jane.email) == ("Jane", "Doe", "jane@example.org")


def test_what_one_student_handed_in_stops_nobody_elses_from_being_collected(
    tmp_path, released_course, monkeypatch, capsys
):
    course = Course(released_course(PS1.id, tmp_path / "course"))
    path = tmp_path / "submissions.zip"
    moodle = "_assignsubmission_file_/"
    (course.folder / "submitted").mkdir(exist_ok=True)
    (course.folder / "submitted" / "fay_9").write_text("a file where her folder has to be")
    with zipfile.ZipFile(path, "w") as opened:
        for name in (
            f"ada_1_2_{PS1.id}.ipynb", f"bob_3_4_{PS1.id}.ipynb", "bob_3_5_a.txt", "bob_3_6_b.txt", f"cyd_5_6_{PS1.id}.ipynb",
            f"dan_7_8_{'n' * 230}.ipynb", f"../../eve_9{moodle}{PS1.id}.ipynb", f"fay_9_9_{PS1.id}.ipynb",
            f"gus_1{moodle}..", f"hal_1{moodle}.", f"hal_1{moodle}/", f"ian_1{moodle}a\n\x1b[31m\u202eb.txt", f"ian_1{moodle}x/..",
            f"nodate_1_9_{PS1.id}.ipynb", f"second_1_9_{PS1.id}.ipynb", f"zoe_8_9_{PS1.id}.ipynb",
        ):  # fmt: skip
            # A date that is none, and one whose second is 62, as some packers write them.
            date = {"nod": (1980, 0, 0, 0, 0, 0), "sec": (2026, 11, 26, 5, 26, 62)}.get(name[:3], (2026, 1, 1, 0, 0, 0))
            opened.writestr(zipfile.ZipInfo(name, date), f"{name[:3]} {'x' * 40}")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"cyd x", b"cyd y", 1))  # not what its checksum says
    monkeypatch.setattr(collect_module, "MAX_FILES", 2)
    assert main(["collect", "ps1", str(path), "--course", str(course.folder)]) == 1
    collected = collect(course, "ps1", path)
    assert collected.students == ["ada_1", "ian_1", "nodate_1", "second_1", "zoe_8"] == [*course.submissions(PS1.id)]
    assert {student: why.split(" (")[0] for student, why in collected.failed.items()} == {
        "bob_3": "3 files of 0 MiB, expected at most 2 of 512 MiB", "cyd_5": "cannot be unpacked",
        "dan_7": "a name of more than 200 bytes", "fay_9": "cannot be written",
    }  # fmt: skip
    assert {name.split("_")[0] for name in collected.left} == {"../../eve", "gus", "hal", "ian"}
    assert not list(tmp_path.glob("**/eve*"))
    stamps = {student: folder / "timestamp.txt" for student, folder in course.submissions(PS1.id).items()}
    assert [student for student, stamp in stamps.items() if not stamp.is_file()] == ["nodate_1"]
    assert [*collected.remarks] == ["nodate_1"] and stamps["second_1"].read_text() == "2026-11-26 05:26:59 UTC\n"
    said = capsys.readouterr().out
    assert all(f"not collected, {student}: " in said for student in collected.failed) and "nodate_1: collected" in said
    assert "\x1b" not in said and "\u202e" not in said
    course.app.log.info("Writing %s", f"ian_1\nforged: all is well\x1b[2J{chr(0x202E)}")
    log = (course.root / "grading.log").read_text()
    assert "\n    forged: all" in log and "\nforged" not in log and not set(log) & set("\x1b\u202e")


def test_an_archive_of_something_else_says_what_was_expected(tmp_path, released_course):
    course = Course(released_course(PS1.id, tmp_path / "course"))
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("../../etc/passwd", "x")
    with pytest.raises(GradingError, match="named as Canvas or Moodle name submissions"):
        collect(course, "ps1", path)
    path.write_text("not a zip")
    with pytest.raises(GradingError, match="cannot be read as a zip archive"):
        collect(course, "ps1", path)
