"""Builds the live page: the network's graph, the runtime, the page's scripts and the kit's photos, in one file."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from onnx import ModelProto
from torch import Tensor

import igref
from lecture.assets import inlined_css
from lecture.explorer.packing import picture
from lecture.live import packing
from lecture.live.graph import gradient_graph
from lecture.templates import rendered

HERE = Path(__file__).parent
PAGE = "live.html"
RUNTIME = HERE / "node_modules" / "onnxruntime-web" / "dist"
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
WITH_WEBGPU = "ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"
SCRIPTS = ("numbers.js", "live.js")
# The page has no italics and no code. Every byte counts in it: lecture/README.md.
UNUSED_FONTS = re.compile(r'@font-face \{[^}]*("Source Code Pro"|font-style: italic)[^}]*\}\n?')
DIGITS = 10
ROUNDING = {"efficientnet_lite0": ("Maps are igref’s but for rounding, up to 0.5 %.",)}  # measured: lecture/README.md


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


def build(folder: Path, *, model: str = "efficientnet_lite0", webgpu: bool = False) -> Path:
    """Write live.html into the folder, which is made if it is not there.

    Args:
        folder: where to.
        model: a name that `igref.load_model` knows.
        webgpu: with the larger runtime that runs the graph on a graphics card where the browser lends it one.

    Returns:
        The page.

    Raises:
        RuntimeMissingError: see `fetch_runtime`.
        lecture.live.graph.UntranslatedError: the model has an operation without an ONNX form.
    """
    runtime = fetch_runtime()
    script, wasm = WITH_WEBGPU if webgpu else (SCRIPT, WASM)
    network = igref.load_model(model)
    photos = _photos(model, network.input_size)
    shape = tuple(next(iter(photos.values())).shape)
    whole = gradient_graph(network, shape)
    graph, weights = packing.split(whole)
    files = {name: picture(pixels.expand(3, *pixels.shape[1:])) for name, pixels in photos.items()}
    sources = {photo.name: photo.source for photo in igref.load_photos()}
    packed = {
        "pictures": packing.in_page(b"".join(files.values())),
        "weights": packing.in_page(packing.planes(weights)),
        "graph": packing.in_page(graph),
        "wasm": packing.file_in_page(runtime / wasm),
    }
    about = f"{network.name}, {weights.size:,} weights, by ONNX Runtime Web."
    data = {
        "about": " ".join([about, *ROUNDING.get(model, ())]),
        "webgpu": {"onCpu": _without_webgpu(whole)} if webgpu else None,
        "shape": shape,
        "categories": list(network.categories),
        "photos": [{"name": name, "size": len(file), "source": sources.get(name, "")} for name, file in files.items()],
    }
    page = rendered(
        "live",
        charset=packing.CHARSET,
        style=UNUSED_FONTS.sub("", inlined_css("fonts.css")) + (HERE / "live.css").read_text(encoding="utf-8"),
        data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/"),
        worker=_plain_script((runtime / script).read_text(encoding="utf-8")) + _script("worker.js"),
        script="\n".join(map(_script, SCRIPTS)),
        **{name: _place(name) for name in packed},
    ).encode("ascii", "xmlcharrefreplace")
    for name, part in packed.items():
        page = page.replace(_place(name).encode(), part)
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / PAGE
    written.write_bytes(page)
    return written


def _without_webgpu(graph: ModelProto) -> list[str]:
    """The nodes that ONNX Runtime would run by WebGPU, and cannot: pooling that says where its largest values were."""
    return [node.name for node in graph.graph.node if node.op_type == "MaxPool" and len(node.output) > 1]


def _place(name: str) -> str:
    """Where packed bytes go into the page, which is text until then."""
    return f"[packed {name}]"


def _script(name: str) -> str:
    """A script of this folder, in the letters that every character set of the web has in the same place."""
    text = (HERE / name).read_text(encoding="utf-8")
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain_script(module: str) -> str:
    """A module's text as a script, whose `runtime()` promises what it exports: a page from a file may not import modules."""
    body, exported = re.search(r"^(.*)export\s*\{([^{}]*)\};?\s*(?://# .*)?$", module, re.DOTALL).groups()
    pairs = (name.split(" as ") for name in exported.split(","))
    names = ", ".join(f'"{public.strip()}": {private.strip()}' for private, public in pairs)
    # The page hands the .wasm over; where it would be fetched from is no address in a script that came from a text.
    body = re.sub(r'new URL\(("[\w.-]+\.wasm"), ?import\.meta\.url\)\.href', r"\1", body)
    body = body.replace("import.meta.url", "self.location.href").replace("</script", "<\\/script")
    return f"const runtime = async () => {{ {body}\nreturn {{ {names} }}; }};\n"


def _photos(model: str, size: int) -> dict[str, Tensor]:
    """Name to picture (C, H, W): the kit's photos, or digits for the network that reads these."""
    if model == "digits_cnn":
        images, labels = igref.load_digits()
        return {
            f"digit {label}, {k + 1}": image
            for k, (image, label) in enumerate(zip(images[:DIGITS], labels.tolist(), strict=False))
        }
    return {photo.name: photo.pixels for photo in igref.load_photos(size)}
