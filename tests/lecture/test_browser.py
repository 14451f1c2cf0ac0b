"""The lecture in a browser: nothing from elsewhere, and on no slide anything cut off, covered, small or pale."""

import re
from dataclasses import dataclass

import pytest

from lecture.figures.frame import PIXELS_PER_INCH, SHARPNESS, SMALLEST_TEXT
from tests.lecture.browser import LEAST_CONTRAST, LEAST_TEXT_PX, SIZES, TYPEFACES, Visit, launched, opened


# Not for the whole session: while Playwright runs, other tests cannot start an event loop.
@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


SLIDE = ".slides section.present:not(.stack)"
FIGURES = "(slide) => [...document.querySelectorAll(slide + ' img')].map((i) => [i.alt.slice(0, 60), i.width, i.naturalWidth])"
FRAME = """() => {
    const { left, top, right, bottom } = document.querySelector(".slides").getBoundingClientRect();
    const [width, height] = [innerWidth, innerHeight];
    return { left: Math.max(left, 0), top: Math.max(top, 0), right: Math.min(right, width), bottom: Math.min(bottom, height) };
}"""


@dataclass(frozen=True)
class Walk:
    """What a walk through all slides of the deck, at one size, has found.

    Attributes:
        visit: the page, on its last slide.
        wrong: measure to {slide: what is wrong there}, without the slides where nothing is.
        figures: alternative text, width in pixels of the slide, and width of the file, of each figure.
    """

    visit: Visit
    wrong: dict[str, dict[str, list[str]]]
    figures: list[tuple[str, int, int]]


@pytest.fixture(scope="module", params=SIZES.values(), ids=SIZES)
def walk(request, built_lecture, browser):
    with opened(browser, built_lecture.folder / "slides.html", request.param) as visit:
        page = visit.page
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        # Everything that a slide will show, at once.
        page.evaluate("() => Reveal.configure({fragments: false, transition: 'none', autoAnimate: false})")
        page.evaluate("() => document.fonts.ready.then(() => true)")
        frame = page.evaluate(FRAME)
        assert frame["right"] - frame["left"] > 0.8 * request.param[0]
        measures = {
            "outside": (SLIDE, frame),
            "covered": (SLIDE, ".controls button, .slide-number"),
            "smallText": (".reveal", LEAST_TEXT_PX),
            "paleText": (".reveal", LEAST_CONTRAST),
            "pictures": (SLIDE,),
            "rawEquations": (SLIDE,),
        }
        found: dict[str, dict[str, list[str]]] = {name: {} for name in measures}
        figures = []
        total = page.evaluate("() => Reveal.slide(0, 0) ?? Reveal.getTotalSlides()")
        for number in range(1, total + 1):
            page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
            heading = page.locator(SLIDE).locator("h1, h2, h3").first.text_content()
            for name, (of, *arguments) in measures.items():
                if wrong := visit.measure(name, *arguments, of=of):
                    found[name][f"slide {number}, {heading.strip()}"] = wrong
            figures += page.evaluate(FIGURES, SLIDE)
            assert page.evaluate("() => Reveal.isLastSlide()") == (number == total)
            page.evaluate("() => Reveal.next()")
        assert total > 20
        yield Walk(visit, found, figures)


def test_deck_asks_for_nothing(walk):
    assert walk.visit.errors == []
    assert walk.visit.failed == []
    assert walk.visit.blocked == []


def test_slides_fit_their_frame(walk):
    assert walk.wrong["outside"] == {}


def test_arrows_cover_nothing(walk):
    assert walk.wrong["covered"] == {}


def test_slides_are_readable_from_the_back_row(walk):
    assert walk.wrong["smallText"] == {}
    assert walk.wrong["paleText"] == {}


def test_texts_of_figures_are_readable_from_the_back_row(walk):
    """They are pixels: they have the size that the frame of the figures gives them, unless a style shrinks the figure."""
    assert len(walk.figures) > 10
    drawn = SMALLEST_TEXT / 72 * PIXELS_PER_INCH * SHARPNESS
    shown = {alt: drawn * width / natural for alt, width, natural in walk.figures}
    assert {alt: size for alt, size in shown.items() if size < LEAST_TEXT_PX} == {}


def test_pictures_have_words(walk):
    assert walk.wrong["pictures"] == {}


def test_equations_are_drawn(walk):
    assert walk.wrong["rawEquations"] == {}
    assert walk.visit.page.locator(".slides math").count() > 10


def test_every_page_opens_without_a_network(built_lecture, browser):
    first, *others = sorted(built_lecture.folder.rglob("*.html"))
    assert len(others) > 5
    with opened(browser, first, SIZES["1280x720"]) as visit:
        for page in (first, *others):
            if page != first:
                visit.page.set_viewport_size(dict(zip(("width", "height"), SIZES["1280x720"], strict=True)))
                visit.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
                visit.open(page)
            visit.page.wait_for_load_state("load")
            assert (visit.errors, visit.failed, visit.blocked) == ([], [], []), page.name
            assert visit.measure("pictures") == [], page.name
            assert visit.typefaces() <= TYPEFACES, page.name
            visit.page.emulate_media(reduced_motion="reduce")
            assert visit.measure("moving") == [], page.name
            if page.name != "slides.html":
                visit.page.set_viewport_size({"width": 390, "height": 844})
                assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 390, page.name
                visit.page.emulate_media(color_scheme="dark")
                assert visit.measure("paleText", LEAST_CONTRAST) == [], page.name


PRINTED = """([least, leastPx]) => [...document.querySelectorAll(".pdf-page")].flatMap((sheet) => {
    const { left, top, right, bottom } = sheet.getBoundingClientRect();
    const slide = sheet.querySelector("section");
    const heading = slide.querySelector("h1, h2").textContent.trim();
    const inside = parseFloat(getComputedStyle(slide).paddingLeft) >= 40 ? [] : ["no margin"];
    const ground = getComputedStyle(slide).printColorAdjust === "exact" ? [] : ["its ground is left out on paper"];
    const cut = measures.outside(slide, { left, top, right, bottom });
    const covered = [...slide.querySelectorAll(".question.frames > div + div")]
        .filter((answer) => answer.getBoundingClientRect().top < answer.previousElementSibling.getBoundingClientRect().bottom - 1)
        .map((answer) => `it covers its question: ${answer.textContent.trim()}`);
    const small = measures.smallText(sheet, leastPx);
    const wrong = [...inside, ...ground, ...cut, ...covered, ...small, ...measures.paleText(slide, least)];
    return wrong.map((sentence) => `${heading}: ${sentence}`);
})"""


def test_the_printed_deck_is_whole(built_lecture, browser):
    """With ?print-pdf, as lecture/README.md says: each slide whole, on a page of its own, questions beside answers."""
    with opened(browser, built_lecture.folder / "slides.html", SIZES["1280x720"], "?print-pdf") as visit:
        visit.page.wait_for_function("window.Reveal && Reveal.isReady()")
        visit.page.wait_for_selector(".pdf-page")
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate(PRINTED, [LEAST_CONTRAST, LEAST_TEXT_PX]) == []
        total = visit.page.evaluate("() => document.querySelectorAll('.slides section').length")
        assert visit.page.evaluate("() => document.querySelectorAll('.pdf-page').length") == total
        printed = visit.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == total
