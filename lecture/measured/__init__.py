"""What takes too long for a slide, measured once and kept: slides, report.ipynb and docs/report.md tell one story.

`python -m lecture.measured` measures, and writes measured.json and docs/report.md. The slides import this package as `measured`.
"""

import json
from pathlib import Path

from .page import enough

__all__ = ["FILE", "enough", "kept"]

FILE = Path(__file__).parent / "measured.json"


def kept() -> dict:
    """What was measured: `measure.measure` says what is in it."""
    return json.loads(FILE.read_text(encoding="utf-8"))
