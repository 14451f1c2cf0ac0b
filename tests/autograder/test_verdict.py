"""Verdicts as people and nbgrader see them, and the names that all parts of the grader share."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import autograder
from autograder.judge.mistakes import Mistake, remedy_of
from autograder.judge.verdict import Fault, Faults, Finding, Verdict
from autograder.problem_sets import PROBLEM_SETS, TASKS
from autograder.problem_sets.checking import judge, nothing_to_judge
from autograder.student.evidence import Evidence
from autograder.task import Function, Study

HOSTILE = "</td><script>alert(1)</script><img src=x onerror='alert(1)'> & \" ' {{x}} ]]>"
AUTOMATIC = [task.id for task in TASKS.values() if task.automatic]
KIT = Path(autograder.__file__).parents[1]


def verdict(**changed) -> Verdict:
    findings = (
        Finding("form", "the form", 1.5, True, "yes"),
        Finding("linear", "exact", 2, False, "a relative error of 1", "rounding"),
    )
    return Verdict(**{"task": "ps1-x", "title": "a task", "findings": findings} | changed)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


class TestPoints:
    def test_are_those_of_the_properties_that_hold(self):
        assert (verdict().points, verdict().max_points) == (1.5, 3.5)

    def test_are_zero_without_properties(self):
        assert (verdict(findings=()).points, verdict(findings=()).max_points) == (0, 0)


class TestText:
    @pytest.mark.parametrize(("points", "text"), [(0, "0.00"), (0.5, "0.50"), (1, "1.00"), (8, "8.00"), (1.25, "1.25")])
    def test_is_the_number_that_nbgrader_reads(self, points, text):
        full = verdict(findings=(Finding("form", "", points, True, ""),))
        assert repr(full) == str(full) == text and float(repr(full)) == full.points

    def test_is_read_by_nbgrader_as_the_score(self):
        from nbgrader.utils import determine_grade

        data = {"text/plain": repr(verdict()), "text/html": verdict()._repr_html_()}
        cell = new_code_cell("submit()", outputs=[new_output("execute_result", data=data, execution_count=None)])
        cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 3.5, "grade_id": "a", "task": False}
        assert determine_grade(cell) == (1.5, 3.5)

    def test_of_nothing_earned_is_no_points_and_not_all_of_them(self):
        from nbgrader.utils import determine_grade

        zero = verdict(findings=(Finding("form", "", 2, False, ""),))
        data = {"text/plain": repr(zero)}
        cell = new_code_cell("submit()", outputs=[new_output("execute_result", data=data, execution_count=None)])
        cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 2, "grade_id": "a", "task": False}
        assert determine_grade(cell) == (0, 2)

    def test_every_verdict_can_give_is_exact_to_two_digits(self):
        for task in TASKS.values():
            for one in task.properties:
                assert float(f"{one.points:.2f}") == one.points


class TestHtml:
    PLACES = ("title", "cause", "remedy", "notes", "finding title", "seen", "expected")

    @pytest.mark.parametrize("place", PLACES)
    def test_escapes_what_comes_from_a_student(self, place):
        texts = {name: HOSTILE if name == place else "plain" for name in self.PLACES}
        finding = Finding("form", texts["finding title"], 1, False, texts["seen"], texts["expected"])
        shown = verdict(
            findings=(finding,),
            title=texts["title"],
            cause=texts["cause"],
            remedy=texts["remedy"],
            notes=(texts["notes"],),
        )._repr_html_()
        page = Elements(shown)
        assert page.tags <= {"div", "h4", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
        assert {name for name, _ in page.attributes} <= {"class", "style"}
        assert HOSTILE in page.text

    def test_shows_points_findings_and_advice(self):
        text = Elements(verdict(cause="the cause", remedy="the remedy", notes=("a note",))._repr_html_()).text
        text = text.replace("\xa0", " ").replace("the cause.", "the cause")
        for part in ("a task: 1.5 of 3.5 points", "Likely cause: the cause", "Try: the remedy", "a note", "✓", "✗"):
            assert part in text
        assert "0 of 2" in text and "a relative error of 1" in text and "rounding" in text

    def test_gives_no_advice_where_nothing_is_wrong(self):
        assert "Likely cause" not in verdict()._repr_html_()

    @pytest.mark.parametrize("task", AUTOMATIC)
    def test_of_a_hostile_record_is_escaped(self, task):
        raised = {"status": "raised", "error": HOSTILE, "message": HOSTILE}
        record = (
            {"answers": {"0": raised, "1": raised}, "running": HOSTILE}
            if isinstance(TASKS[task].asks, Function)
            else {
                "values": {"model": HOSTILE, "scores": HOSTILE, "target": HOSTILE, "n_steps": HOSTILE},
                "names": {},
                "types": {"images": HOSTILE},
                "dtypes": {},
                "missing": [HOSTILE],
            }
        )
        verdict = judge(task, Evidence({"task": task} | record), 1, 0)
        assert verdict.mistake != Mistake.EVIDENCE_DAMAGED  # it was read as what `submit` writes
        shown = verdict._repr_html_()
        assert "script" not in Elements(shown).tags and "img" not in Elements(shown).tags

    @pytest.mark.parametrize("text", ["\ud800", "\x00", "\u202e", "a\r\nb", "\ufffe"])
    def test_can_be_written_into_a_notebook_whatever_a_student_wrote(self, tmp_path, text):
        data = {"text/html": nothing_to_judge("ps1-photo", "raised", text)._repr_html_()}
        cell = new_code_cell(outputs=[new_output("display_data", data=data)])
        nbformat.write(new_notebook(cells=[cell]), str(tmp_path / "graded.ipynb"))


class TestCauses:
    """Whoever reads of several faults is told which has which cause."""

    FINDINGS = (
        Finding("form", "the form", 1, False, "a list", mistakes=("not_a_tensor",)),
        Finding("linear", "exact", 2, False, "wrong", mistakes=("times_input", "absolute_value")),
        Finding("steps", "steps", 1, False, "too few"),
        Finding("again", "the same again", 1, True, "yes"),
    )

    def several(self):
        return verdict(findings=self.FINDINGS, mistakes=("times_input", "absolute_value"), mistake="times_input")

    def test_are_numbered_and_each_fault_says_which_are_its_own(self):
        text = Elements(self.several()._repr_html_()).text
        for number, name in enumerate(("times_input", "absolute_value", "not_a_tensor"), 1):
            assert f"Likely cause {number}: {Mistake(name).cause}." in " ".join(text.split())
            assert Mistake(name).remedy in text
        assert "a list (cause 3)" in text and "wrong (causes 1 and 2)" in text
        assert "too few (" not in text and "yes (" not in text

    def test_are_numbered_in_plain_text_too(self):
        text = self.several().as_text()
        assert f"Likely cause 2: {Mistake.ABSOLUTE_VALUE.cause}." in text
        assert "✗ exact: wrong (causes 1 and 2)" in text and "✗ steps: too few\n" in f"{text}\n"

    def test_one_cause_of_every_fault_needs_no_number(self):
        findings = [Finding(name, name, 1, False, "wrong", mistakes=("times_input",)) for name in ("form", "linear")]
        one = verdict(findings=tuple(findings), mistakes=("times_input",), cause=Mistake.TIMES_INPUT.cause)
        text = " ".join(Elements(one._repr_html_()).text.split())
        assert f"Likely cause: {Mistake.TIMES_INPUT.cause}." in text and "(cause" not in text

    def test_one_cause_of_some_faults_alone_is_named_beside_them(self):
        findings = (Finding("form", "the form", 1, False, "a list", mistakes=("not_a_tensor",)), self.FINDINGS[2])
        text = verdict(findings=findings, mistakes=("not_a_tensor",)).as_text()
        assert "✗ the form: a list (cause 1)" in text and "✗ steps: too few\n" in f"{text}\n"

    def test_of_a_study_are_those_of_each_property(self):
        task = TASKS["ps1-photo"]
        faults = Faults(task)
        faults.add(Fault("late", Mistake.WRONG_SHAPE), "map")
        faults.add(Fault("later", Mistake.TIMES_INPUT), "map", "product")
        found = {one.name: one.mistakes for one in faults.verdict().findings}
        assert (found["map"], found["product"]) == ((Mistake.WRONG_SHAPE,), (Mistake.TIMES_INPUT,))
        assert faults.verdict().mistakes == (Mistake.WRONG_SHAPE,)  # the first is the diagnosis


class TestRecord:
    def test_is_json_with_the_points(self):
        record = json.loads(json.dumps(verdict(cause="c", mistake="raised", notes=("n",)).as_record()))
        assert (record["points"], record["max_points"], record["mistake"], record["notes"]) == (
            1.5,
            3.5,
            "raised",
            ["n"],
        )
        assert [finding["holds"] for finding in record["findings"]] == [True, False]


class TestNothingToJudge:
    @pytest.mark.parametrize("task", AUTOMATIC)
    @pytest.mark.parametrize(
        "mistake", ["not_done", "kernel_died", "out_of_time", "not_reached", "unreadable", "evidence_damaged"]
    )
    def test_is_no_points_of_all_with_the_reason(self, task, mistake):
        empty = nothing_to_judge(task, mistake, "what happened")
        assert empty.points == 0 and empty.max_points == TASKS[task].points
        assert (empty.cause, empty.remedy) == (Mistake(mistake).cause, Mistake(mistake).remedy) and empty.notes == (
            "what happened",
        )


class TestMistakes:
    def test_are_all_used_somewhere(self):
        code = "".join(p.read_text() for p in (KIT / "autograder").rglob("*.py") if p.name != "mistakes.py")
        used = {*re.findall(r"\bMistake\.([A-Z_]+)", code), *re.findall(r'"([a-z_]+)"', code)}
        assert [one for one in Mistake if one.name not in used and one.value not in used] == []

    def test_are_called_by_their_names(self):
        assert [one for one in Mistake if one.value != one.name.lower()] == []

    def test_a_name_that_is_none_is_an_error_and_not_silence(self):
        with pytest.raises(ValueError, match="raisd"):
            nothing_to_judge("ps1-photo", "raisd")

    def test_have_a_cause_and_a_remedy_in_plain_words(self):
        for one in Mistake:
            assert len(one.cause) > 12 and len(one.remedy) > 20, one
            assert not one.cause.endswith(".") and one.remedy.endswith("."), one

    def test_no_remedy_changes_what_is_put_back_when_a_notebook_is_graded(self):
        """The cells that call submit are locked: no part of theirs can be added, left out or passed in another way."""
        studies = {task: TASKS[task].asks for task in AUTOMATIC if isinstance(TASKS[task].asks, Study)}
        parts = {part for asks in studies.values() for part in (*asks.parts, "forward")}
        told = {(one, task): remedy_of(one, task) for one in Mistake for task in AUTOMATIC}
        passed = re.compile(rf"[Pp]ass ({'|'.join(parts)})\b|\b({'|'.join(parts)})=")
        assert {one for one, text in told.items() if passed.search(text)} == set()
        for task in studies:
            there = "scores=scores" in self.handed_in(task)
            assert ("set scores" in remedy_of(Mistake.OTHER_SCORES, task)) == there, task

    def handed_in(self, task: str) -> str:
        """The locked cell of a task."""
        notebook = next(one.id for one in PROBLEM_SETS.values() if task in {each.id for each in one.tasks})
        cells = nbformat.read(KIT / "assignments" / notebook / f"{notebook}.ipynb", 4).cells
        return next(cell.source for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == task)


class TestTasks:
    def test_have_a_check_that_gives_a_verdict_where_they_are_graded_automatically(self):
        for task in TASKS.values():
            assert bool(task.check) == bool(task.asks) == task.automatic == (not task.by_hand)
            if task.automatic:
                verdict = judge(task.id, Evidence({}), seed=1)
                assert [finding.title for finding in verdict.findings] == [one.title for one in task.properties]

    def test_of_ps1_are_worth_the_chapters_20_points(self):
        assert PROBLEM_SETS["ps1-attribution"].points == 20

    @pytest.mark.parametrize("folder", ["solutions", "assignments"])
    @pytest.mark.parametrize("assignment", PROBLEM_SETS.values(), ids=lambda assignment: assignment.id)
    def test_are_the_graded_cells_of_the_notebooks(self, folder, assignment):
        cells = nbformat.read(KIT / folder / assignment.id / f"{assignment.id}.ipynb", as_version=4).cells
        nbgrader = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
        graded = {cell.grade_id: cell.points for cell in nbgrader if cell.grade}
        automatic = {task.id for task in assignment.tasks if task.automatic}
        assert graded == {task.id: task.points for task in assignment.tasks}
        for cell in cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") in automatic:
                assert f'"{cell.metadata.nbgrader.grade_id}"' in cell.source and cell.metadata.nbgrader.locked

    def test_have_no_notebook_that_is_not_an_assignment(self):
        found = {path.parent.name for path in (KIT / "solutions").glob("*/*.ipynb")}
        assert found == PROBLEM_SETS.keys()
