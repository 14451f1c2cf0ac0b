"""The grader's command line: `python -m autograder --help`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder", description="Grade Integrated Gradients.")
    commands = parser.add_subparsers(dest="command", required=True)
    grade = commands.add_parser("grade", help="grade what is new of a class, on all cores or on a Dask cluster")
    grade.add_argument("assignments", nargs="+", metavar="psN", help="for example ps1-attribution, or ps1 for short")
    grade.add_argument("--students", nargs="+", metavar="STUDENT", help="only these (default: everybody)")
    grade.add_argument("--again", action="store_true", help="also what is graded already and has not changed")
    replay = commands.add_parser("replay", help="judge again from kept evidence: whose points would change, and why")
    replay.add_argument("assignment", metavar="psN")
    replay.add_argument("students", nargs="*", metavar="STUDENT", help="only these (default: everybody)")
    replay.add_argument("--apply", action="store_true", help="change the points; without it nothing is written")
    report = commands.add_parser("report", help="one page about the class, and grades for Canvas and Moodle")
    report.add_argument("assignment", metavar="psN")
    collect = commands.add_parser("collect", help="take the submissions out of an archive of Canvas or Moodle")
    collect.add_argument("assignment", metavar="psN")
    collect.add_argument("archive", type=Path)
    for command in (grade, replay, report, collect):
        command.add_argument("--course", type=Path, default=Path(), help="the course folder (default: this one)")
    for command in (grade, replay):
        command.add_argument(
            "--scheduler", default="", metavar="tcp://...", help="a Dask scheduler whose workers do the work"
        )
    demo = commands.add_parser("demo", help="grade a small class of made-up students in a scratch folder")
    for command in (grade, replay, demo):
        command.add_argument("--workers", type=int, default=os.cpu_count(), help="submissions at the same time")
    check = commands.add_parser("check", help="run one notebook as the grader would: its points, and what to fix first")
    check.add_argument("notebook")
    commands.add_parser(
        "release", help="make assignments/ from solutions/, and what else is made of them, such as the tables in docs/"
    )
    new = commands.add_parser("new-set", help="write the skeleton of another problem set")
    new.add_argument("name", help="its id, for example ps5-saliency")
    new.add_argument("--title", default="", help="what it is about, in a few words")
    commands.add_parser("student-kit", help="make the wheels and the zip that students get, in dist/")
    options = parser.parse_args(arguments)

    from autograder.course.commands import GradingError, InterruptedGradingError
    from autograder.course.student_kit import StudentKitError
    from autograder.sandbox.bubblewrap import SandboxUnavailableError

    console = Console()
    try:
        return COMMANDS[options.command](options, console)
    except InterruptedGradingError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(130)  # at once: the engine's own end would wait for workers that have been ended
    except (GradingError, StudentKitError, SandboxUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _check(options: argparse.Namespace, console: Console) -> int:
    from autograder import check

    return check.main([options.notebook])


def _release(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.release import release, write_locked_cells, write_tables

    for path in [*release(), write_locked_cells(), *write_tables()]:
        console.print(path, soft_wrap=True)
    return 0


def _new_set(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.new_set import new_set

    for path in new_set(options.name, options.title):
        console.print(path, soft_wrap=True)
    return 0


def _student_kit(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.release import KIT
    from autograder.course.student_kit import student_kit
    from autograder.judge.slides import PAGE

    for path in student_kit():
        console.print(path, soft_wrap=True)
    if not (KIT / "lecture" / "built" / PAGE).is_file():
        console.print("Without the slides about mistakes: for those, run `make lecture` first.")
    return 0


def _leave_judging_to_workers() -> None:
    """This process reads submissions and makes pages; what judging needs is not loaded for that."""
    from autograder.sandbox.bounded import preload

    preload("autograder.nbgrader_plugin.preloaded")


def _demo(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.demo import grade_made_up_class
    from autograder.course.table import show
    from autograder.sandbox.bubblewrap import check_sandbox

    check_sandbox()
    _leave_judging_to_workers()
    table = grade_made_up_class(console, options.workers)
    show(table, console)
    return 0 if all(result.is_whole for result in table) else 1


def _grade(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.classroom import grade_class
    from autograder.course.table import show

    _leave_judging_to_workers()
    tables = grade_class(
        options.course,
        options.assignments,
        console,
        count=options.workers,
        students=options.students,
        again=options.again,
        scheduler=options.scheduler,
    )
    for table in tables.values():
        show(table, console)
    return 0 if all(result.is_whole for table in tables.values() for result in table) else 1


def _replay(options: argparse.Namespace, console: Console) -> int:
    from autograder.course import replay
    from autograder.course.folder import Course
    from autograder.student.plain_text import printable

    _leave_judging_to_workers()
    course = Course(options.course)
    replayed = replay.replay(
        course, options.assignment, options.students, count=options.workers, scheduler=options.scheduler
    )
    replay.show(replayed, console)
    if not replayed.changes:
        return 0
    if not options.apply:
        console.print("Nothing has been changed. With --apply it is.")
        return 0
    failed = replay.apply(course, replayed)
    console.print(
        f"Changed: {len(replayed.changed) - len(failed)} submissions. `grade` makes their feedback pages anew."
    )
    for student, why in failed.items():
        console.print(f"  {printable(f'not changed, {student}: {why}')}", markup=False)
    return 1 if failed else 0


def _report(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.folder import Course
    from autograder.course.report import class_report, write_report

    course = Course(options.course)
    for path in write_report(course, class_report(course, options.assignment)):
        console.print(path, soft_wrap=True)
    return 0


def _collect(options: argparse.Namespace, console: Console) -> int:
    from autograder.course.collect import collect
    from autograder.course.folder import Course
    from autograder.student.plain_text import printable

    collected = collect(Course(options.course), options.assignment, options.archive)
    console.print(f"Collected the work of {len(collected.students)} students, {len(collected.late)} of them late.")
    said = [
        *(f"late: {student}" for student in collected.late),
        *(f"{student}: {remark}" for student, remark in collected.remarks.items()),
        *(f"left, not named as a submission: {name}" for name in collected.left),
        *(f"not collected, {student}: {why}" for student, why in collected.failed.items()),
    ]
    for line in said:
        console.print(f"  {printable(line)}", markup=False, soft_wrap=True)
    return 1 if collected.failed else 0


COMMANDS = {
    "check": _check,
    "grade": _grade,
    "demo": _demo,
    "replay": _replay,
    "report": _report,
    "collect": _collect,
    "release": _release,
    "new-set": _new_set,
    "student-kit": _student_kit,
}


if __name__ == "__main__":
    sys.exit(main())
