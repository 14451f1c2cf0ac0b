"""Executes the lecture's notebooks and writes the pages that open without a network, each part only where its sources have changed.

Notebooks run two at a time, what takes longest first; but for the deck, those of one folder one after the other in one kernel.
"""

import os
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

from lecture import handout, mistakes
from lecture.contents import Card, along_the_path, contents, first_figure, the_kits_photos
from lecture.deck import write_deck
from lecture.execution import environment, execute_in_turn
from lecture.live import build as live
from lecture.page import write_page
from lecture.record import BuiltPart, Record

LECTURE = Path(__file__).parent
BUILT = LECTURE / "built"
SLIDES = LECTURE / "slides.ipynb"
REPORT = LECTURE / "report.ipynb"
MINIMAL = LECTURE / "minimal_example.ipynb"
DEMOS = LECTURE / "demos"
EXPLORER = "explorer.html"
KEPT = ".kept"  # in the built folder: executed notebooks, and what everything was made from
MOST_KERNELS = 4  # each takes about a gigabyte

# What parts are made from, besides what stands with them.
IGREF = LECTURE.parent / "igref"
COMPUTING = (IGREF, LECTURE / "execution.py", LECTURE / "assets" / "matplotlibrc")
FIGURES = LECTURE / "figures"
IMPORTED = {  # a demo: what stands beside it
    SLIDES: (FIGURES, LECTURE / "measured"),
    REPORT: (FIGURES, LECTURE / "measured"),
    MINIMAL: (FIGURES,),
}
FRAMES = (LECTURE / "assets", LECTURE / "templates")
SHOWING = (*LECTURE.glob("*.py"), *LECTURE.glob("*.md"), *FRAMES)

ABOUT = {  # where a page does not say by itself what it is for
    "slides.html": ("The slides", "Eighty minutes of ninety, with speaker notes."),
    EXPLORER: ("The explorer", "A photo, a baseline and the path between them, to walk along step by step."),
    "report.html": (
        "The report's results, reproduced",
        "Four figures and one number of the course report, from `igref`.",
    ),
    live.PAGE: (
        "Live: your photo, explained here and now",
        "Drop in a photo of your own; nothing leaves this machine.",
    ),
    mistakes.PAGE: (
        "The most common mistakes",
        "The slides that feedback names, on one page; part of the student kit.",
    ),
    handout.PAGE: ("The handout", "One page to hand out: formula, axioms, traps, and the most common mistakes."),
}

Say = Callable[[str], None]


def notebooks() -> list[Path]:
    """Every notebook of the lecture, those that take longest first."""
    demos = sorted(DEMOS.glob("*.ipynb"))
    return [SLIDES, *demos, REPORT, MINIMAL]


def build(folder: Path = BUILT, say: Say = print) -> None:
    """Everything that is not there as its sources make it."""
    start = perf_counter()
    record = Record(folder / KEPT / "made.json")
    kept = {path: folder / KEPT / path.relative_to(LECTURE) for path in notebooks()}
    parts = {path: _notebook_part(path, file) for path, file in kept.items()}
    stale = [path for path in parts if not record.holds(parts[path])]
    others = {part: job for part, job in _other_parts(folder, say).items() if not record.holds(part)}
    say(
        f"Computing {len(stale)} of {len(parts)} notebooks, and {', '.join(part.name for part in others) or 'no other page'} ..."
    )

    def keep(path: Path, notebook: NotebookNode) -> None:
        kept[path].parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, kept[path])
        record.keep(parts[path])

    def made(part: BuiltPart, job: Callable[[], Any]) -> None:
        job()
        record.keep(part)

    execute_all(stale, say, also={part.name: partial(made, part, job) for part, job in others.items()}, keep=keep)
    executed = {path: nbformat.read(file, as_version=4) for path, file in kept.items()}
    write_pages(executed, folder, say, record)
    say(f"Open {os.path.relpath(folder / 'index.html')} ({perf_counter() - start:.0f} s)")


def kept_notebooks(folder: Path = BUILT) -> dict[Path, NotebookNode]:
    """Notebook file to executed notebook, of those that an earlier build has kept and whose sources are still the same."""
    record = Record(folder / KEPT / "made.json")
    files = {path: folder / KEPT / path.relative_to(LECTURE) for path in notebooks()}
    return {
        path: nbformat.read(file, as_version=4)
        for path, file in files.items()
        if record.holds(_notebook_part(path, file))
    }


def _notebook_part(path: Path, kept: Path) -> BuiltPart:
    imported = tuple(DEMOS.glob("*.py")) if path.parent == DEMOS else IMPORTED.get(path, ())
    return BuiltPart(path.name, (path, *imported, *COMPUTING), (kept,))


def _other_parts(folder: Path, say: Say) -> dict[BuiltPart, Callable[[], Any]]:
    """The pages that no notebook makes, with the job that writes each."""
    explorer = BuiltPart(EXPLORER, (IGREF, LECTURE / "explorer", *FRAMES), (folder / EXPLORER,))
    page = BuiltPart(
        live.PAGE, (IGREF, LECTURE / "live", LECTURE / "explorer" / "packing.py", *FRAMES), (folder / live.PAGE,)
    )
    return {explorer: partial(_build_explorer, folder), page: partial(_build_live, folder, say)}


def execute_all(
    paths: Iterable[Path],
    say: Say = print,
    also: dict[str, Callable[[], Any]] | None = None,
    keep: Callable[[Path, NotebookNode], None] = lambda path, notebook: None,
) -> dict[Path, NotebookNode]:
    """Notebook file to executed notebook, while other jobs are done as well.

    Args:
        paths: the notebooks.
        say: is told when each part is done.
        also: name to other job.
        keep: is given each executed notebook as soon as its part is done.

    Raises `NotebookRunError` when a notebook does not run, and what another job raises.
    """
    in_one_kernel: dict[tuple[Path, bool], list[Path]] = {}
    for path in paths:
        in_one_kernel.setdefault((path.parent, path == SLIDES), []).append(path)
    groups = {_named(group): group for group in in_one_kernel.values()}

    def run(group: list[Path]) -> dict[Path, NotebookNode]:
        executed = dict(zip(group, execute_in_turn(group), strict=True))
        for path, notebook in executed.items():
            keep(path, notebook)
        return executed

    done = _side_by_side({name: partial(run, group) for name, group in groups.items()} | (also or {}), say)
    return {path: done[name][path] for name, group in groups.items() for path in group}


def _named(group: list[Path]) -> str:
    return "demos" if group[0].parent == DEMOS else " and ".join(path.name for path in group)


def _side_by_side(jobs: dict[str, Callable[[], Any]], say: Say) -> dict[str, Any]:
    """Run jobs that spend their time in processes of their own, and say when each is done."""
    done: dict[str, Any] = {}
    with ThreadPoolExecutor(max(1, min(MOST_KERNELS, os.cpu_count() or 1, len(jobs)))) as pool:
        running = {pool.submit(_timed, job): name for name, job in jobs.items()}
        try:
            for future in as_completed(running):
                done[running[future]], seconds = future.result()
                say(f"  {len(done)} of {len(jobs)}: {running[future]} in {seconds:.0f} s")
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def write_pages(
    executed: dict[Path, NotebookNode], folder: Path, say: Say = print, record: Record | None = None
) -> None:
    """The deck, one page a notebook, and a page that leads to all of them; pages that the record holds stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, notebook in executed.items():
        target = _page_of(path, folder)
        made = (target, folder / handout.PAGE, folder / mistakes.PAGE) if path == SLIDES else (target,)
        part = BuiltPart(target.name, (folder / KEPT / path.relative_to(LECTURE), *SHOWING), made)
        if record and record.holds(part):
            continue
        if path == SLIDES:
            say(f"  {write_deck(notebook, target)} slides in {target.name}")
            mistakes.write_mistakes(notebook, folder)
            printed = handout.write_handout(notebook, folder)
            say(
                f"  {handout.PDF if printed else handout.PAGE}: one page"
                + ("" if printed else ", to be printed from a browser")
            )
        else:
            write_page(notebook, target)
        if record:
            record.keep(part)
    (folder / "index.html").write_text(contents(_cards(executed, folder)), encoding="utf-8")


def _page_of(path: Path, folder: Path) -> Path:
    return folder / path.relative_to(LECTURE).with_suffix(".html")


def _build_explorer(folder: Path) -> None:
    """In a process of its own, with one thread, beside the kernels."""
    command = "import sys, pathlib, lecture.explorer.build as explorer; explorer.build(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, str(folder)], cwd=LECTURE.parent, env=environment(), check=True)


def _build_live(folder: Path, say: Say) -> None:
    """Without npm, everything but this page is built; what is missing is said."""
    try:
        live.build(folder)
    except live.RuntimeMissingError as missing:
        (folder / live.PAGE).unlink(missing_ok=True)  # one that other sources made
        say(str(missing))


def _timed(job: Callable[[], Any]) -> tuple[Any, float]:
    start = perf_counter()
    return job(), perf_counter() - start


def _cards(executed: dict[Path, NotebookNode], folder: Path) -> dict[str, list[Card]]:
    """Heading to the pages under it."""
    cards = {
        EXPLORER: Card(EXPLORER, *ABOUT[EXPLORER], along_the_path()),
        live.PAGE: Card(live.PAGE, *ABOUT[live.PAGE], the_kits_photos()),
    }
    for path, notebook in executed.items():
        page = _page_of(path, folder).relative_to(folder).as_posix()
        heading, *rest = notebook.cells[0].source.splitlines()
        title, sentence = ABOUT.get(page, (heading.lstrip("# "), "".join(rest[1:2])))
        cards[page] = Card(page, title, sentence, first_figure(notebook, title))
        if path == SLIDES:
            about, sentence = ABOUT[handout.PAGE]
            cards[handout.PAGE] = Card(
                handout.PAGE, about, sentence, first_figure(handout.illustrations(notebook), about)
            )
            about, sentence = ABOUT[mistakes.PAGE]
            figure = first_figure(mistakes.cells_about_mistakes(notebook), about)
            cards[mistakes.PAGE] = Card(mistakes.PAGE, about, sentence, figure)
    groups = {
        "In the room": [page for page in ("slides.html", live.PAGE, EXPLORER, handout.PAGE) if page in cards],
        "Demos": sorted(page for page in cards if page.startswith("demos/")),
    }
    groups["To read"] = sorted(cards.keys() - {page for pages in groups.values() for page in pages})
    return {heading: [cards[page] for page in pages if (folder / page).exists()] for heading, pages in groups.items()}
