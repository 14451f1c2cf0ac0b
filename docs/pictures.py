"""Makes the pictures of README.md and of these pages from the real thing: `python -m docs.pictures [NAME ...]`, some minutes."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from igref import integrated_gradients, load_model, load_photos
from igref.plots import attribution_row

FOLDER = Path(__file__).parent / "images"
CLASS = ("dan", "finn", "greta", "hugo", "jonas")  # of the demo's students
PAGE, PROJECTOR = (1000, 700), (1280, 720)


def attribution() -> None:
    """A photo, its map, and the photo scaled by the map."""
    model, photo = load_model(), load_photos()[0]
    image = photo.pixels[None]
    target = int(model.probabilities(image).argmax())
    result = integrated_gradients(model.probabilities, image, 0 * image, target, n_steps=200)
    title = f"“{model.categories[target]}”, {float(result.scores):.0%}: integrated gradients from a black image"
    figure = attribution_row(image[0], result.values[0], baseline=0 * image[0], title=title)
    figure.savefig(FOLDER / "attribution.png")


def course() -> None:
    """What a student is told of a missing factor, and what an instructor sees of the class."""
    from autograder.course.classroom import grade_class
    from autograder.course.commands import nbgrader
    from autograder.course.demo import ASSIGNMENT, STUDENTS, hand_in
    from autograder.course.folder import Course
    from autograder.course.release import make_course
    from autograder.course.report import class_report, write_report

    with tempfile.TemporaryDirectory() as scratch:
        folder = make_course(Path(scratch))
        nbgrader(folder, "generate_assignment", ASSIGNMENT)
        hand_in(folder, tuple(student for student in STUDENTS if student.name in CLASS))
        grade_class(folder, [ASSIGNMENT], Console(), count=2)
        report, *_ = write_report(Course(folder), class_report(Course(folder), ASSIGNMENT))
        feedback = folder / "feedback" / CLASS[0] / ASSIGNMENT / f"{ASSIGNMENT}.html"
        screenshot(feedback, "feedback", above="integrated gradients: 0 of 8 points")
        screenshot(report, "report")


def live() -> None:
    """The page that explains a photo in the browser, with its map."""
    from lecture.live.build import build

    with tempfile.TemporaryDirectory() as scratch:
        screenshot(build(Path(scratch)), "live", explain="coffee", size=PROJECTOR)


def screenshot(page: Path, name: str, *, above: str = "", explain: str = "", size: tuple[int, int] = PAGE) -> None:
    """A window of a page: from its top, or from the text `above` on; on the live page with the map of the photo `explain`."""
    from tests.lecture.browser import launched, opened

    with launched() as browser, opened(browser, page, size) as visit:
        if explain:
            visit.page.wait_for_selector("body[data-said]", timeout=300_000)
            visit.page.evaluate("() => delete document.body.dataset.said")
            visit.page.locator(f"#photos button[title={explain}]").click()
            visit.page.wait_for_selector("body[data-said]", timeout=300_000)
            visit.page.locator("#explain").click()
            visit.page.wait_for_selector("body[data-explained]", timeout=600_000)
        if above:
            visit.page.get_by_text(above).first.evaluate("one => { one.scrollIntoView(); window.scrollBy(0, -120); }")
        visit.page.screenshot(path=FOLDER / f"{name}.png")


PICTURES = {"attribution": attribution, "course": course, "live": live}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
