"""The whole corpus: right and wrong work for the four problem sets, with what the grader has to say of it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "autograder"))

from corpus_entries import Entry
from corpus_ps1 import functions, photos
from corpus_ps2 import baselines
from corpus_ps3 import steps
from corpus_ps4 import measures, scored

SETS = {"ps1": "ps1-attribution", "ps2": "ps2-baselines", "ps3": "ps3-steps", "ps4": "ps4-quality"}


def corpus() -> list[Entry]:
    """All entries, in the order of the sets."""
    return [*functions(), *photos(), *baselines(), *steps(), *measures(), *scored()]
