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
    grade = commands.add_parser("grade", help="grade a class: nbgrader autograde and generate_feedback, in parallel")
    grade.add_argument("assignment", help="for example ps1-attribution")
    grade.add_argument("--course", type=Path, default=Path(), help="the course folder (default: this one)")
    demo = commands.add_parser("demo", help="grade a small class of made-up students in a scratch folder")
    for command in (grade, demo):
        command.add_argument("--jobs", type=int, default=os.cpu_count(), help="submissions at the same time")
    commands.add_parser("release", help="make assignments/ from solutions/, and the tables in docs/")
    new = commands.add_parser("new-set", help="write the skeleton of another problem set")
    new.add_argument("name", help="its id, for example ps5-saliency")
    new.add_argument("--title", default="", help="what it is about, in a few words")
    commands.add_parser("student-kit", help="make the wheels and the zip that students get, in dist/")
    options = parser.parse_args(arguments)

    from autograder.course import classroom
    from autograder.course import demo as demonstration
    from autograder.course.new_set import new_set
    from autograder.course.release import release, write_tables
    from autograder.course.student_kit import StudentKitError, student_kit
    from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox

    console = Console()
    try:
        writing = {
            "release": lambda: [*release(), *write_tables()],
            "new-set": lambda: new_set(options.name, options.title),
            "student-kit": student_kit,
        }
        if options.command in writing:
            for path in writing[options.command]():
                console.print(path, soft_wrap=True)
            return 0
        check_sandbox()
        if options.command == "demo":
            table = demonstration.grade_made_up_class(console, options.jobs)
        else:
            table = classroom.grade_class(options.course.resolve(), options.assignment, options.jobs, console)
        classroom.show(table, console)
    except (classroom.GradingError, StudentKitError, SandboxUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if any(result.score is None for result in table) else 0


if __name__ == "__main__":
    sys.exit(main())
