"""The live page explains a photo by itself, in a browser without a network, and its numbers are igref's."""

import statistics
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import igref
from lecture.live.build import RuntimeMissingError, build
from tests.lecture.browser import LEAST_CONTRAST, SIZES, TYPEFACES, Visit, launched, launched_beside, opened

STEPS = 5
NEAR = 1e-4  # of scores
NEAR_MAP = 1e-2  # two ways of rounding one network differ by as much where units sit near their kinks: docs/igref.md
NEAR_PIXEL, OF_PIXELS = 1e-3, 0.999  # in units of the score; the few others are those of such units
PHONE = (390, 844)
GRAPHICS_CARD = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")  # one that is computed: slow, but WebGPU
BROKEN_CARD = (
    "GPUAdapter.prototype.requestDevice = async () => { throw new Error('no device'); };"  # lent, and of no use
)
MOST_BYTES = 20e6
LONGEST_PAUSE_MS = (
    500  # while a map is computed; a gradient takes as long, and would stop a page that computes it itself
)


@pytest.fixture(scope="module")
def live_file(tmp_path_factory) -> Path:
    try:
        return build(tmp_path_factory.mktemp("live"))
    except RuntimeMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory, live_file) -> Path:
    return build(tmp_path_factory.mktemp("digits"), model="digits_cnn", webgpu=True)


# Not for the whole session: while Playwright runs, other tests cannot start an event loop.
@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def live(live_file, browser) -> Iterator[Visit]:
    with opened(browser, live_file, SIZES["1280x720"]) as visit:
        visit.page.wait_for_selector("body[data-said]", timeout=120_000)
        yield visit
        assert (visit.errors, visit.failed, visit.blocked) == ([], [], [])


@pytest.fixture(scope="module")
def model():
    return igref.load_model()


def explain(visit: Visit, steps: int = STEPS) -> dict:
    """Press the button, wait for the map, and take what the page has."""
    visit.page.locator("#steps").select_option(str(steps))
    visit.page.locator("#explain").click()
    visit.page.wait_for_selector("body[data-explained]", timeout=180_000)
    found = visit.page.evaluate(
        """() => {
            const { map, to, sum, target } = explained;
            const packed = (values) => {
                const bytes = new Uint8Array(Float32Array.from(values).buffer);
                let letters = "";
                for (let at = 0; at < bytes.length; at += 8192) letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
                return btoa(letters);
            };
            return { map: packed(map), picture: packed(to), sum, target };
        }"""
    )
    return found | {name: torch.from_numpy(_unpacked(found[name])) for name in ("map", "picture")}


def _unpacked(packed: str) -> np.ndarray:
    """Numbers that came as letters: a list of them is parsed one by one on both sides."""
    return np.frombuffer(b64decode(packed), dtype="<f4").copy()


def drop(visit: Visit, name: str, content: bytes, kind: str = "image/jpeg") -> None:
    """A file from the desktop: the input's own event, as when one is chosen."""
    visit.page.evaluate("() => delete document.body.dataset.said")
    visit.page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def answered(visit: Visit) -> list[tuple[str, float]]:
    """The top five, once the page has them."""
    visit.page.wait_for_selector("body[data-said]", timeout=120_000)
    rows = "(all) => all.map((b) => [b.firstChild.textContent, Number(b.dataset.probability)])"
    return visit.page.locator("#top button").evaluate_all(rows)


def as_file(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def photo_bytes(name: str) -> np.ndarray:
    (pixels,) = (photo.pixels for photo in igref.load_photos() if photo.name == name)
    return (255 * pixels.permute(1, 2, 0)).round().byte().numpy()


def test_scores_and_maps_of_the_kits_photos_are_igrefs(live, model):
    photos = igref.load_photos()
    before = None
    for number, photo in enumerate(photos):
        live.page.evaluate("() => delete document.body.dataset.said")
        live.page.locator("#photos button").nth(number).click()
        top = answered(live)
        probabilities = model.probabilities(photo.pixels[None])[0]
        assert top[0][1] == pytest.approx(float(probabilities.max()), abs=NEAR), photo.name
        assert photo.source in live.page.text_content("#credit"), "some may only be shown with their author's name"
        found = explain(live)
        if before:
            assert [live.page.text_content(place) for place in ("#of-before", "#limit-before")] == before
        before = [live.page.text_content(place) for place in ("#of-map", "#limit")]
        assert before[0] == f"for {top[0][0]}, from black"
        x = found["picture"].view_as(photo.pixels)
        assert float((x - photo.pixels).abs().max()) < 1 / 255, photo.name
        expected = igref.integrated_gradients(
            model.probabilities, x[None], 0 * x[None], found["target"], n_steps=STEPS, rule="midpoint"
        )
        summed = expected.values[0].sum(0)
        off = found["map"].view_as(summed) - summed
        assert float(off.norm() / summed.norm()) < NEAR_MAP, photo.name
        assert float(off.abs().quantile(OF_PIXELS)) < NEAR_PIXEL, photo.name
        assert found["sum"] == pytest.approx(float(expected.values.double().sum()), abs=NEAR_MAP), photo.name


def test_is_no_larger_than_promised(live_file):
    assert live_file.stat().st_size <= MOST_BYTES


def test_answers_while_a_map_is_computed(live):
    """The page goes on drawing while gradients run, and a newer request ends an older one."""
    live.page.evaluate(
        """() => {
            let before = performance.now();
            window.pauses = [];
            const look = (now) => { pauses.push(now - before); before = now; requestAnimationFrame(look); };
            requestAnimationFrame(look);
        }"""
    )
    live.page.locator("#steps").select_option("200")
    live.page.locator("#explain").click()
    live.page.wait_for_function("() => document.getElementById('progress').value > 0.01")
    assert len(explain(live)["map"]) == 224**2
    assert statistics.median(live.page.evaluate("() => pauses")) < LONGEST_PAUSE_MS
    assert live.page.evaluate("() => explained.nodes.length") == STEPS


def test_a_photo_of_ones_own_is_explained(live, model):
    coffee = photo_bytes("coffee")
    drop(live, "mine.png", as_file(np.asarray(Image.fromarray(coffee).resize((900, 700)))), "image/png")
    (name, sure), *_ = answered(live)
    assert name == "espresso"
    found = explain(live)
    expected = float(model.probabilities(found["picture"].view(1, 3, 224, 224))[0, found["target"]])
    assert sure == pytest.approx(expected, abs=NEAR)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_dropped_or_pasted_file_is_taken(live, way):
    live.page.evaluate("() => delete document.body.dataset.said")
    data = live.page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
            return transfer;
        }""",
        list(as_file(photo_bytes("camera"))),
    )
    kinds = {"drop": ["DragEvent", "dataTransfer"], "paste": ["ClipboardEvent", "clipboardData"]}
    live.page.evaluate(
        "([way, kind, name, data]) => document.body.dispatchEvent(new window[kind](way, { [name]: data, bubbles: true }))",
        [way, *kinds[way], data],
    )
    assert answered(live)[0][0] == "tripod"


def test_a_phones_photo_stands_upright(live):
    """EXIF orientation 6: stored lying on its side, to be turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.rot90(photo_bytes("camera"), 1)
    drop(live, "phone.jpg", as_file(np.ascontiguousarray(lying), "JPEG", quality=95, exif=exif))
    assert answered(live)[0][0] == "tripod"


def test_transparency_becomes_white(live):
    clear = np.zeros((64, 64, 4), dtype=np.uint8)
    drop(live, "clear.png", as_file(clear), "image/png")
    answered(live)
    corner = live.page.evaluate(
        "() => [...document.getElementById('picture').getContext('2d').getImageData(0, 0, 1, 1).data]"
    )
    assert corner == [255, 255, 255, 255]


def test_48_megapixels_are_taken(live):
    large = np.asarray(Image.fromarray(photo_bytes("coffee")).resize((8000, 6000)))
    drop(live, "large.jpg", as_file(large, "JPEG", quality=80))
    assert answered(live)[0][0] == "espresso"
    assert live.page.evaluate("() => performance.memory.usedJSHeapSize") < 500e6


def test_what_is_no_picture_is_said_to_be_none(live):
    live.page.locator("#file").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    live.page.wait_for_function("() => document.getElementById('status').textContent.includes('no picture')")
    assert "notes.txt" in live.page.text_content("#status")


def test_text_in_place_of_a_picture_is_named(live):
    live.page.evaluate("() => document.dispatchEvent(new DragEvent('drop', { dataTransfer: new DataTransfer() }))")
    assert "no picture in that" in live.page.text_content("#status")


def test_the_camera_is_asked_twice(live):
    """Chromium's pretended camera: the first press shows it, the second takes a picture and lets it go."""
    camera = live.page.locator("#camera")
    camera.click()
    live.page.wait_for_function("() => document.getElementById('camera').textContent === 'Take it'")
    assert live.page.locator("#viewfinder").is_visible()
    live.page.evaluate("() => delete document.body.dataset.said")
    camera.click()
    answered(live)
    assert "the camera’s picture" in live.page.text_content("#status")
    assert live.page.locator("#picture").is_visible()
    assert live.page.evaluate("() => viewfinder.srcObject.getTracks().map((track) => track.readyState)") == ["ended"]


def test_the_brush_follows_the_arrows(live):
    live.page.locator("#clear").click()
    live.page.locator("#picture").focus()
    live.page.keyboard.press("ArrowRight")
    assert "the brush is 56\u00a0% from the left, 50\u00a0% from the top" in live.page.get_attribute(
        "#picture", "aria-label"
    )
    live.page.evaluate("() => delete document.getElementById('guess').dataset.only")
    live.page.keyboard.press("Space")
    live.page.wait_for_selector("#guess[data-only]")


def test_the_guess_is_answered(live):
    live.page.evaluate("() => delete document.body.dataset.said")
    live.page.locator("#photos button").nth(1).click()
    whole = answered(live)[0][1]
    live.page.evaluate("() => delete document.getElementById('guess').dataset.only")
    live.page.locator("#by").select_option("random")
    live.page.wait_for_selector("#guess[data-only]")
    assert "with only this left" in live.page.text_content("#guess")
    assert float(live.page.get_attribute("#guess", "data-only")) < whole
    live.page.evaluate("() => delete document.getElementById('guess').dataset.only")
    live.page.locator("#picture").click(position={"x": 90, "y": 90})
    live.page.wait_for_selector("#guess[data-only]")
    assert live.page.locator("#by").input_value() == "painted"


def test_turning_asks_again(live, model):
    live.page.evaluate("() => delete document.body.dataset.said")
    live.page.locator("#photos button").nth(3).click()
    assert answered(live)[0][0] == "tripod"
    live.page.evaluate("() => delete document.body.dataset.said")
    live.page.locator("#turn").fill("180")
    probabilities = model.probabilities(
        torch.tensor(photo_bytes("camera")[::-1, ::-1] / 255.0).float().permute(2, 0, 1)[None]
    )
    (name, sure), *_ = answered(live)
    assert name == model.categories[int(probabilities.argmax())] != "tripod"
    assert sure == pytest.approx(float(probabilities.max()), abs=5e-3), "the browser's own way of turning pixels"


def test_can_be_read_and_has_words(live):
    assert live.measure("paleText", LEAST_CONTRAST) == []
    assert live.measure("smallText", 18) == []
    assert live.measure("pictures") == []
    assert live.typefaces() <= TYPEFACES
    assert live.page.evaluate("() => document.documentElement.scrollHeight - innerHeight") <= 0
    live.page.emulate_media(color_scheme="dark")
    assert live.measure("paleText", LEAST_CONTRAST) == []
    live.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    assert live.measure("moving") == []
    live.page.emulate_media(reduced_motion="no-preference")


def test_fits_a_phone(live):
    live.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert live.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE[0]
    live.page.set_viewport_size({"width": 1280, "height": 720})


def is_igrefs(found: dict, network: igref.Classifier, x: torch.Tensor, near: float) -> None:
    """The map of the page is that of igref, from black."""
    expected = igref.integrated_gradients(
        network.probabilities, x, 0 * x, found["target"], n_steps=STEPS, rule="midpoint"
    )
    summed = expected.values[0].sum(0)
    off = found["map"].view_as(summed) - summed
    assert summed.any() and float(off.norm() / summed.norm()) < near


def test_the_same_page_for_a_network_of_torchvision(tmp_path, browser, live_file, monkeypatch):
    """`--model torchvision/...`: whatever weights are in torch's cache under the published name."""
    name, models = "squeezenet1_1", torchvision.models
    torch.manual_seed(0)
    weights = models.get_model(name).state_dict()
    weights["classifier.1.weight"] *= (
        300  # so that a network that has learned nothing is sure of something all the same
    )
    file = tmp_path / "hub" / "checkpoints" / Path(models.get_model_weights(name).DEFAULT.url).name
    file.parent.mkdir(parents=True)
    torch.save(weights, file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = igref.load_model(f"torchvision/{name}")
    with opened(browser, build(tmp_path, model=f"torchvision/{name}"), SIZES["1280x720"]) as visit:
        answered(visit)
        drop(visit, "mine.png", as_file(photo_bytes("coffee")), "image/png")
        top = answered(visit)
        found = explain(visit)
        x = found["picture"].view(1, 3, 224, 224)
        probabilities = network.probabilities(x)[0]
        assert top[0][0] == network.categories[int(probabilities.argmax())]
        assert top[0][1] == pytest.approx(float(probabilities.max()), abs=NEAR)
        is_igrefs(found, network, x, NEAR_MAP)
        assert visit.errors == []


@pytest.mark.parametrize(
    ("flags", "before", "runs_on"),
    [((), "", "one thread"), (GRAPHICS_CARD, "", "graphics card"), (GRAPHICS_CARD, BROKEN_CARD, "one thread")],
    ids=("no card", "card", "broken card"),
)
def test_the_page_with_webgpu_runs_wherever_it_can(tmp_path, browser, digits_file, flags, before, runs_on):
    """`--model digits_cnn --webgpu`: one channel, 8 x 8 pixels, ten classes; without a card that works as any other page."""
    worker = b"let session, shape, classes;"
    page, file = digits_file.read_bytes(), tmp_path / "live.html"
    assert page.count(worker) == 1
    file.write_bytes(page.replace(worker, before.encode() + worker))
    with launched_beside(browser, *flags) as beside, opened(beside, file, SIZES["1280x720"]) as visit:
        answered(visit)
        assert runs_on in visit.page.text_content("#about")
        found = explain(visit)
        is_igrefs(found, igref.load_model("digits_cnn"), found["picture"].view(1, 1, 8, 8), NEAR_MAP)
        assert visit.errors == []
