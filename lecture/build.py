"""Executes every notebook of the lecture and writes the pages that open without a network.

Notebooks run two at a time, the six demos one after the other in one kernel; what takes longest starts first.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
from nbformat import NotebookNode

from lecture.deck import write_deck
from lecture.execution import environment, execute_in_turn
from lecture.live import build as live
from lecture.page import html_page, write_page

LECTURE = Path(__file__).parent
BUILT = LECTURE / "built"
SLIDES = LECTURE / "slides.ipynb"
DEMOS = LECTURE / "demos"
EXPLORER = "explorer.html"
OTHER_PAGES = {EXPLORER: "The explorer: drag along the path", live.PAGE: "Live: your photo, explained here and now"}
MOST_KERNELS = 4  # each takes about a gigabyte

Say = Callable[[str], None]


def notebooks() -> list[Path]:
    """Every notebook of the lecture, those that take longest first."""
    demos = sorted(DEMOS.glob("*.ipynb"))
    return [SLIDES, *demos, LECTURE / "report.ipynb", LECTURE / "minimal_example.ipynb"]


def execute_all(
    paths: Iterable[Path], say: Say = print, also: dict[str, Callable[[], Any]] | None = None
) -> dict[Path, NotebookNode]:
    """Notebook file to executed notebook, while other jobs are done as well.

    Raises `NotebookError` when a notebook does not run, and what another job raises.
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault("demos" if path.parent == DEMOS else path.name, []).append(path)
    done = _side_by_side((also or {}) | {name: partial(execute_in_turn, group) for name, group in groups.items()}, say)
    return {path: notebook for name, group in groups.items() for path, notebook in zip(group, done[name], strict=True)}


def _side_by_side(jobs: dict[str, Callable[[], Any]], say: Say) -> dict[str, Any]:
    """Run jobs that spend their time in processes of their own, and say when each is done."""
    done = {}
    with ThreadPoolExecutor(max(1, min(MOST_KERNELS, os.cpu_count() or 1, len(jobs)))) as pool:
        running = {pool.submit(_timed, job): name for name, job in jobs.items()}
        try:
            for future in as_completed(running):
                done[running[future]], seconds = future.result()
                say(f"  {len(done)} of {len(jobs)}: {running[future]} in {seconds:.0f} s")
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def write_pages(executed: dict[Path, NotebookNode], folder: Path, say: Say = print) -> None:
    """The deck, one page a notebook, and a page that leads to all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, notebook in executed.items():
        target = folder / path.relative_to(LECTURE).with_suffix(".html")
        if path == SLIDES:
            say(f"  {write_deck(notebook, target)} slides in {target.name}")
        else:
            write_page(notebook, target)
    contents = _contents(executed, {page: title for page, title in OTHER_PAGES.items() if (folder / page).exists()})
    (folder / "index.html").write_text(contents, encoding="utf-8")


def build(folder: Path = BUILT, say: Say = print) -> None:
    """Everything, from nothing."""
    start = perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say("Running the lecture's notebooks, computing the explorer's data, and packing the live page ...")
    others = {EXPLORER: partial(_build_explorer, folder), live.PAGE: partial(_build_live, folder, say)}
    executed = execute_all(notebooks(), say, also=others)
    write_pages(executed, folder, say)
    say(f"Open {os.path.relpath(folder / 'index.html')} ({perf_counter() - start:.0f} s)")


def _build_explorer(folder: Path) -> None:
    """In a process of its own, with one thread, beside the kernels."""
    command = "import sys, pathlib, lecture.explorer.build as explorer; explorer.build(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, str(folder)], cwd=LECTURE.parent, env=environment(), check=True)


def _build_live(folder: Path, say: Say) -> None:
    """Without npm, everything but this page is built; what is missing is said."""
    try:
        live.build(folder)
    except live.RuntimeMissingError as missing:
        say(str(missing))


def _timed(job: Callable[[], Any]) -> tuple[Any, float]:
    start = perf_counter()
    return job(), perf_counter() - start


def _contents(executed: dict[Path, NotebookNode], other_pages: dict[str, str]) -> str:
    items = dict(other_pages)
    for path in executed:
        heading = _heading(path)
        items[path.relative_to(LECTURE).with_suffix(".html").as_posix()] = "The slides" if path == SLIDES else heading
    order = sorted(items, key=lambda page: (page != "slides.html", page not in OTHER_PAGES, page))
    links = "\n".join(f'<li><a href="{page}">{items[page]}</a></li>' for page in order)
    return html_page(
        "Integrated Gradients: the lecture", f"<h1>Integrated Gradients: the lecture</h1>\n<ul>{links}</ul>"
    )


def _heading(path: Path) -> str:
    return nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
