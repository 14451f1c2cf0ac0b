"""The whole corpus: right and wrong work for the four problem sets, with what the grader has to say of it."""

from __future__ import annotations

from corpus.entries import Entry
from corpus.ps1.hand_ins import functions, photos
from corpus.ps2.hand_ins import baselines
from corpus.ps3.hand_ins import steps
from corpus.ps4.hand_ins import measures, scored

SETS = {"ps1": "ps1-attribution", "ps2": "ps2-baselines", "ps3": "ps3-steps", "ps4": "ps4-quality"}


def corpus() -> list[Entry]:
    """All entries, in the order of the sets."""
    return [*functions(), *photos(), *baselines(), *steps(), *measures(), *scored()]
