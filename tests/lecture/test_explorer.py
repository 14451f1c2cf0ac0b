"""The explorer in a browser: its numbers are igref's, every control works, nothing is cut off, small or pale."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

import igref
from lecture.explorer.along_path import TOLERANCE
from lecture.explorer.build import build
from lecture.figures.pictures import DIVERGING
from tests.lecture.browser import LEAST_CONTRAST, LEAST_MAP_PX, LEAST_TEXT_PX, SIZES, TYPEFACES, Visit, launched, opened

INTERVALS = 20
PHOTOS, BASELINES = ("coffee", "flower"), ("black", "maximum_distance")
WHOLE_WINDOW = "({left: 0, top: 0, right: innerWidth, bottom: innerHeight})"


@pytest.fixture(scope="module")
def explorer_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("explorer") / "built"
    return build(folder, photos=PHOTOS, baselines=BASELINES, intervals=INTERVALS)


# Not for the whole session: while Playwright runs, other tests cannot start an event loop.
@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture(scope="module", params=SIZES.values(), ids=SIZES)
def explorer_at_size(request, explorer_file, browser) -> Iterator[Visit]:
    with opened(browser, explorer_file, request.param) as visit:
        visit.page.wait_for_selector("body[data-shown]")
        yield visit


@pytest.fixture(scope="module")
def explorer_page(explorer_file, browser) -> Iterator[Visit]:
    with opened(browser, explorer_file, SIZES["1280x720"]) as visit:
        visit.page.wait_for_selector("body[data-shown]")
        yield visit


AS_OPENED = ("coffee", "black", "8", "right", "10")
RESET = """([rule, ...sliders]) => {
    document.activeElement.blur();
    const put = (id, value) => {
        const control = document.getElementById(id);
        control.value = value;
        for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
    };
    for (const id of ["photo-0", "baseline-0"]) document.getElementById(id).click();
    for (const box of document.querySelectorAll("#own-scale:checked, #summed:checked")) box.click();
    put("rule", rule);
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const [alpha, steps] = sliders;
        put("steps", JSON.parse(document.getElementById("data").textContent).stepCounts[rule].indexOf(Number(steps)));
        put("alpha", alpha);
        done();
    })));
}"""


@pytest.fixture
def explorer(explorer_page) -> Iterator[Visit]:
    """One page for all tests, which takes a second to open: each finds it as it was opened."""
    explorer_page.page.evaluate(RESET, [AS_OPENED[3], AS_OPENED[2], AS_OPENED[4]])
    assert shown(explorer_page)["state"].split() == list(AS_OPENED)
    yield explorer_page
    assert not explorer_page.errors
    assert not explorer_page.failed
    assert not explorer_page.blocked


def shown(visit: Visit) -> dict[str, str]:
    """What each picture, chart and number of the explorer shows now, after it had the time to."""
    visit.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    visit.page.wait_for_function("document.body.dataset.shown === document.body.dataset.chosen")
    return visit.page.evaluate(
        """() => Object.fromEntries([
            ...["between", "gradient", "map"].map((id) => [id, document.getElementById(id).toDataURL()]),
            ...["along", "convergence", "gap", "sum", "here"].map((id) => [id, document.getElementById(id).innerHTML]),
            ["state", document.body.dataset.shown],
        ])"""
    )


def pixels(visit: Visit, canvas: str) -> np.ndarray:
    """What a canvas shows, height x width x 3, in 0 to 255."""
    url = visit.page.evaluate("(id) => document.getElementById(id).toDataURL()", canvas)
    return np.asarray(Image.open(BytesIO(b64decode(url.partition(",")[2]))).convert("RGB"))


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def states_of_explorer(visit: Visit) -> Iterator[str]:
    """The explorer at the ends and in the middle of its path, for every photo and baseline."""
    visit.page.evaluate("() => document.activeElement.blur()")
    for _ in PHOTOS:
        for _ in BASELINES:
            for key in ("Home", "End", "ArrowLeft"):
                visit.page.keyboard.press(key)
                yield shown(visit)["state"]
            visit.page.keyboard.press("b")
        visit.page.keyboard.press("p")


@dataclass(frozen=True)
class Walk:
    """What a walk through the states of the explorer, at one size, has found.

    Attributes:
        visit: the page, in its last state.
        states: all of them, in turn.
        wrong: measure to {state: what is wrong there}, without the states where nothing is.
        credited: photo to what the page says at its foot while it is shown.
    """

    visit: Visit
    states: list[str]
    wrong: dict[str, dict[str, list[str]]]
    credited: dict[str, str]


@pytest.fixture(scope="module")
def walk(explorer_at_size) -> Walk:
    measures = {
        "outside": (explorer_at_size.page.evaluate(WHOLE_WINDOW),),
        "smallText": (LEAST_TEXT_PX,),
        "paleText": (LEAST_CONTRAST,),
        "pictures": (),
    }
    found = Walk(explorer_at_size, [], {name: {} for name in measures}, {})
    for state in states_of_explorer(explorer_at_size):
        found.states.append(state)
        found.credited[state.split()[0]] = explorer_at_size.page.text_content("#approximation")
        for name, arguments in measures.items():
            if wrong := explorer_at_size.measure(name, *arguments):
                found.wrong[name][state] = wrong
    return found


def test_is_one_file_that_asks_for_nothing(walk, explorer_file):
    assert [path.name for path in explorer_file.parent.iterdir()] == ["explorer.html"]
    assert len(walk.states) == 12
    assert walk.visit.errors == []
    assert walk.visit.failed == []
    assert walk.visit.blocked == []


def test_fits_its_window(walk):
    assert walk.wrong["outside"] == {}
    inside = "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    assert walk.visit.page.evaluate(inside) == [0, 0]


def test_is_readable_from_the_back_row(walk):
    assert walk.wrong["smallText"] == {}
    assert walk.wrong["paleText"] == {}
    assert walk.visit.typefaces() <= TYPEFACES
    walk.visit.page.emulate_media(color_scheme="dark")
    assert walk.visit.measure("paleText", LEAST_CONTRAST) == []
    assert walk.visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(22, 25, 28)"
    walk.visit.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    assert walk.visit.measure("moving") == []
    walk.visit.page.emulate_media(reduced_motion="no-preference")


def test_has_words_for_its_pictures(walk):
    assert walk.wrong["pictures"] == {}
    label = walk.visit.page.get_attribute("#map", "aria-label")
    assert "of the pixels" in label


def test_says_whose_the_photo_is(walk):
    """Some may only be shown with their author's name."""
    sources = {photo.name: photo.source for photo in igref.load_photos()}
    assert set(walk.credited) == set(PHOTOS)
    assert all(sources[name] in said for name, said in walk.credited.items())


def test_alpha_moves_everything_but_the_result(explorer):
    before = shown(explorer)
    explorer.page.locator("#alpha").fill("16")
    moved = changed(before, shown(explorer))
    assert moved == {"between", "gradient", "map", "along", "sum", "here", "state"}


def test_of_many_positions_only_the_last_is_drawn(explorer):
    shown(explorer)
    drawn = explorer.page.evaluate(
        """async () => {
            const put = CanvasRenderingContext2D.prototype.putImageData;
            let drawn = 0;
            CanvasRenderingContext2D.prototype.putImageData = function (...given) {
                if (this.canvas.id === "map") drawn += 1;
                return put.apply(this, given);
            };
            for (let at = 0; at <= 15; at += 1) {
                alpha.value = at;
                alpha.dispatchEvent(new Event("input"));
            }
            await new Promise((done) => setTimeout(done, 300));
            return drawn;
        }"""
    )
    assert drawn <= 2
    assert shown(explorer)["state"].split()[2] == "15"


def test_number_of_steps_moves_the_map_and_the_gap(explorer):
    before = shown(explorer)
    explorer.page.locator("#steps").fill("2")
    assert changed(before, shown(explorer)) == {"map", "along", "convergence", "gap", "sum", "state"}


def test_rule_moves_the_map_and_the_gap(explorer):
    before = shown(explorer)
    explorer.page.locator("#rule").select_option("trapezoid")
    assert changed(before, shown(explorer)) == {"map", "along", "convergence", "gap", "sum", "state"}


@pytest.mark.parametrize("picker", ["photo-1", "baseline-1"])
def test_photo_and_baseline_change_everything(explorer, picker):
    before = shown(explorer)
    explorer.page.locator(f"label:has(#{picker})").click()
    assert changed(before, shown(explorer)) == set(before)


def test_gradients_can_have_their_own_scale(explorer):
    before = shown(explorer)
    explorer.page.locator("#own-scale").check()
    assert changed(before, shown(explorer)) == {"gradient"}


def test_begins_at_the_baseline_and_ends_at_the_photo(explorer):
    explorer.page.keyboard.press("Home")
    shown(explorer)
    assert pixels(explorer, "between").max() == 0
    explorer.page.keyboard.press("End")
    shown(explorer)
    photo = next(photo for photo in igref.load_photos() if photo.name == PHOTOS[0])
    assert np.array_equal(pixels(explorer, "between"), (255 * photo.pixels.permute(1, 2, 0)).round().numpy())


def test_keys(explorer):
    press = explorer.page.keyboard.press

    def state() -> list[str]:
        return shown(explorer)["state"].split()

    assert state() == ["coffee", "black", "8", "right", "10"]
    expected = {
        "ArrowRight": ["coffee", "black", "9", "right", "10"],
        "ArrowUp": ["coffee", "black", "9", "right", "20"],
        "ArrowDown": ["coffee", "black", "9", "right", "10"],
        "p": ["flower", "black", "9", "right", "10"],
        "Shift+P": ["coffee", "black", "9", "right", "10"],
        "b": ["coffee", "maximum_distance", "9", "right", "10"],
        "r": ["coffee", "maximum_distance", "9", "left", "10"],
        "Home": ["coffee", "maximum_distance", "0", "left", "10"],
        "ArrowLeft": ["coffee", "maximum_distance", "0", "left", "10"],
        "End": ["coffee", "maximum_distance", "20", "left", "10"],
    }
    for key, after in expected.items():
        press(key)
        assert state() == after, key


def test_every_control_is_reached_by_tab_and_shows_it(explorer):
    explorer.page.reload()  # where a page was clicked, Tab goes on from there
    explorer.page.wait_for_selector("body[data-shown]")
    reached = []
    for _ in range(8):
        explorer.page.keyboard.press("Tab")
        reached.append(
            explorer.page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const framed = at.closest("label.choice") ?? at;
                    const { outlineStyle, outlineWidth } = getComputedStyle(framed);
                    return [at.id, outlineStyle === "solid" && parseFloat(outlineWidth) >= 3];
                }"""
            )
        )
    assert reached == [
        [name, True] for name in ("photo-0", "baseline-0", "own-scale", "play", "alpha", "steps", "rule", "summed")
    ]


def test_focused_controls_keep_their_own_keys(explorer):
    explorer.page.locator("#alpha").focus()
    explorer.page.keyboard.press("ArrowRight")
    assert shown(explorer)["state"].split()[2] == "9", "one step, not two"
    explorer.page.locator("#steps").focus()
    explorer.page.keyboard.press("ArrowLeft")
    assert shown(explorer)["state"].split()[2:] == ["9", "right", "5"]
    explorer.page.locator("#photo-0").focus()
    explorer.page.keyboard.press("ArrowRight")
    assert shown(explorer)["state"].split()[0] == "flower"


def test_plays_to_the_end_and_can_be_stopped(explorer):
    explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Space")
    explorer.page.wait_for_function("document.body.dataset.shown.split(' ')[2] > 10")
    explorer.page.keyboard.press("Space")
    stopped = shown(explorer)
    explorer.page.wait_for_timeout(600)
    assert changed(stopped, shown(explorer)) == set()
    explorer.page.locator("#play").click()
    explorer.page.wait_for_function("document.body.dataset.shown.split(' ')[2] == 20")
    assert explorer.page.locator("#play").text_content() == "Play"


def _values(colors: np.ndarray) -> np.ndarray:
    """The values of a map, in -1 to 1, that a canvas shows in the colours of the slides."""
    scale = mpl.colormaps[DIVERGING](np.linspace(0, 1, 256), bytes=True)[:, :3].astype(int)
    distance = np.abs(colors[..., None, :].astype(int) - scale).sum(-1)
    assert distance.min(-1).max() == 0, "a colour that is not on the scale"
    return distance.argmin(-1) / 127.5 - 1


load_model = cache(igref.load_model)


@cache
def _of_igref(name: str, baseline: str, rule: str, n_steps: int) -> igref.Attribution:
    model = load_model()
    x = next(photo for photo in igref.load_photos() if photo.name == name).pixels[None]
    target = int(model.probabilities(x).argmax())
    return igref.integrated_gradients(
        model.probabilities, x, igref.make_baseline(baseline, x), target, n_steps=n_steps, rule=rule
    )


def _set(visit: Visit, photo: int, baseline: int, rule: str, n_steps: int | None) -> None:
    visit.page.locator(f"label:has(#photo-{photo})").click()
    visit.page.locator(f"label:has(#baseline-{baseline})").click()
    visit.page.locator("#rule").select_option(rule)
    counts = visit.page.evaluate(
        "(rule) => JSON.parse(document.getElementById('data').textContent).stepCounts[rule]", rule
    )
    if n_steps is not None:
        visit.page.locator("#steps").fill(str(counts.index(n_steps)))
    visit.page.locator("#alpha").fill(str(INTERVALS))
    shown(visit)


@pytest.mark.parametrize(
    ("photo", "baseline", "rule", "n_steps"),
    [(0, 0, "right", 20), (0, 0, "left", 2), (0, 1, "trapezoid", 10), (1, 0, "midpoint", 10), (1, 1, "right", 5)],
)
def test_numbers_and_map_are_those_of_igref(explorer, photo, baseline, rule, n_steps):
    _set(explorer, photo, baseline, rule, n_steps)
    expected = _of_igref(PHOTOS[photo], BASELINES[baseline], rule, n_steps)

    def number(name: str) -> float:
        return float(explorer.page.get_attribute(f"#{name}", "data-value"))

    gap = float(expected.completeness_gap)
    assert number("gap") == pytest.approx(gap, abs=2e-5)
    assert number("gap-so-far") == pytest.approx(gap, abs=2e-5), "at the end of the path the two are one"
    assert number("relative-gap") == pytest.approx(float(expected.relative_gap), rel=1e-3, abs=1e-4)
    assert number("sum") == pytest.approx(float(expected.values.double().sum()), abs=2e-5)
    assert explorer.page.text_content("#gap") == f"{gap:.4f}".replace("-", "−")

    # The map is drawn in few levels, so only nearly.
    summed = torch.nn.functional.avg_pool2d(4 * expected.values.sum(1), 2)[0].numpy()
    colors = pixels(explorer, "map")
    assert colors.shape[:2] == summed.shape
    values = _values(colors)
    limit = explorer.page.evaluate(
        "(pair) => JSON.parse(document.getElementById('data').textContent).pairs[pair].scales.map",
        f"{PHOTOS[photo]} {BASELINES[baseline]}",
    )
    assert np.corrcoef(values.ravel(), np.clip(summed / limit, -1, 1).ravel())[0, 1] > 0.97


def test_maps_are_summed_over_squares(explorer):
    _set(explorer, 0, 0, "right", 20)
    before = shown(explorer)
    explorer.page.keyboard.press("s")
    assert changed(before, shown(explorer)) == {"gradient", "map"}
    expected = _of_igref(PHOTOS[0], BASELINES[0], "right", 20)
    summed = 32**2 * torch.nn.functional.avg_pool2d(expected.values.double().sum(1), 32)[0].numpy()
    limit = float(explorer.page.text_content("#limit"))
    found = limit * _values(pixels(explorer, "map"))
    assert found.shape == summed.shape == (7, 7)
    assert np.abs(found - np.clip(summed, -limit, limit)).max() < 0.1 * limit, "the packed map has few levels"


def test_maps_can_be_seen_from_the_back_row(explorer):
    for name in ("gradient", "map"):
        assert explorer.page.locator(f"#{name}").bounding_box()["width"] >= LEAST_MAP_PX


@pytest.mark.parametrize("photo", range(len(PHOTOS)))
@pytest.mark.parametrize("baseline", range(len(BASELINES)))
def test_the_sum_arrives(explorer, photo, baseline):
    """Whatever the pair: the adaptive rule takes as many steps as it needs, and the page adds them up."""
    _set(explorer, photo, baseline, "adaptive", None)
    assert float(explorer.page.get_attribute("#relative-gap", "data-value")) <= TOLERANCE
    taken, _, all_steps, *_ = explorer.page.text_content("#steps-taken").split()
    assert taken == all_steps


def test_fits_a_phone(explorer_file, browser):
    with opened(browser, explorer_file, (390, 844)) as visit:
        visit.page.wait_for_selector("body[data-shown]")
        assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 390
        for name in ("along", "convergence"):
            assert visit.page.locator(f"#{name} svg").bounding_box()["height"] > 150, "a chart has no room"
