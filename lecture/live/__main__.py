"""`python -m lecture.live` builds the live page alone, into lecture/built/; `--model digits_cnn` makes it for another network."""

import argparse
import sys
from pathlib import Path

from lecture.live.build import RuntimeMissingError, build
from lecture.live.graph import UntranslatedError

parser = argparse.ArgumentParser(prog="python -m lecture.live", description="Build the live page into lecture/built/.")
parser.add_argument("--model", default="efficientnet_lite0", help="a name that igref.load_model knows")
parser.add_argument(
    "--webgpu", action="store_true", help="run on a graphics card where the browser lends one; a larger page"
)
arguments = parser.parse_args()
try:
    page = build(Path(__file__).parents[1] / "built", model=arguments.model, webgpu=arguments.webgpu)
except (RuntimeMissingError, UntranslatedError) as problem:
    sys.exit(str(problem))
print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
