"""Builds the live page: the network's graph, the runtime, the page's scripts and the kit's photos, in one file."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from torch import Tensor

import igref
from lecture.assets import inlined_css
from lecture.explorer.packing import picture_url
from lecture.live import packing
from lecture.live.graph import gradient_graph
from lecture.templates import rendered

HERE = Path(__file__).parent
PAGE = "live.html"
RUNTIME = HERE / "node_modules" / "onnxruntime-web" / "dist"
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
SCRIPTS = ("numbers.js", "live.js")
DIGITS = 10


class RuntimeMissingError(RuntimeError):
    """The runtime of the live page is not here and could not be fetched. The message says what to do."""


def fetch_runtime() -> Path:
    """The folder with onnxruntime-web, which `npm ci` puts there in the version that package-lock.json names.

    Raises:
        RuntimeMissingError: it is not there, and npm is not either, or failed.
    """
    if not (RUNTIME / WASM).exists():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeMissingError(
                "The live page holds onnxruntime-web, which npm fetches once; there is no npm here. Install Node.js "
                "(Debian, Ubuntu: apt-get install npm), then: make lecture. Everything else is built without it."
            )
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=HERE).returncode:
            raise RuntimeMissingError(f"npm could not fetch onnxruntime-web. In {HERE}: npm ci")
    return RUNTIME


def build(folder: Path, *, model: str = "efficientnet_lite0") -> Path:
    """Write live.html into the folder, which is made if it is not there.

    Args:
        folder: where to.
        model: a name that `igref.load_model` knows.

    Returns:
        The page.

    Raises:
        RuntimeMissingError: see `fetch_runtime`.
        lecture.live.graph.UntranslatedError: the model has an operation without an ONNX form.
    """
    runtime = fetch_runtime()
    network = igref.load_model(model)
    photos = _photos(model, network.input_size)
    shape = tuple(next(iter(photos.values())).shape)
    graph, weights = packing.split(gradient_graph(network, shape))
    data = {
        "about": f"{network.name}, {weights.size / 1e6:.1f} million weights, on one thread of this machine, by ONNX Runtime Web.",
        "shape": shape,
        "categories": list(network.categories),
        "photos": [
            {"name": name, "url": picture_url(pixels.expand(3, *pixels.shape[1:]))} for name, pixels in photos.items()
        ],
    }
    page = rendered(
        "live",
        style=inlined_css("fonts.css") + (HERE / "live.css").read_text(encoding="utf-8"),
        data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/"),
        weights=packing.weights_text(weights),
        graph=packing.text(graph),
        wasm=packing.text((runtime / WASM).read_bytes()),
        worker=_plain_script((runtime / SCRIPT).read_text(encoding="utf-8"))
        + (HERE / "worker.js").read_text(encoding="utf-8"),
        script="\n".join((HERE / script).read_text(encoding="utf-8") for script in SCRIPTS),
    )
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / PAGE
    written.write_text(page, encoding="utf-8")
    return written


def _plain_script(module: str) -> str:
    """A module's text as a script that promises what it exports as `runtime`: a page from a file may not import modules."""
    body, exported = re.search(r"^(.*)export\s*\{([^{}]*)\};?\s*(?://# .*)?$", module, re.DOTALL).groups()
    pairs = (name.split(" as ") for name in exported.split(","))
    names = ", ".join(f'"{public.strip()}": {private.strip()}' for private, public in pairs)
    body = body.replace("import.meta.url", "self.location.href").replace("</script", "<\\/script")
    return f"const runtime = (async () => {{ {body}\nreturn {{ {names} }}; }})();\n"


def _photos(model: str, size: int) -> dict[str, Tensor]:
    """Name to picture (C, H, W): the kit's photos, or digits for the network that reads these."""
    if model == "digits_cnn":
        images, labels = igref.load_digits()
        return {
            f"digit {label}, {k + 1}": image
            for k, (image, label) in enumerate(zip(images[:DIGITS], labels.tolist(), strict=False))
        }
    return {photo.name: photo.pixels for photo in igref.load_photos(size)}
