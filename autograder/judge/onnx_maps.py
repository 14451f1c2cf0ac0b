"""Maps judged by forward passes alone, for a model that has no gradients to ask for.

Completeness: F is asked at both ends of every line; what textbook rules leave is known from the slopes along some of them.
Truth: a sample of the maps is held against finite differences of F over random blocks of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from autograder.judge.forward_passes import N_NODES, BlockError, Line, allowed_gap, block_error, block_signs, sums
from autograder.judge.mistakes import Mistake
from autograder.judge.onnx_mistakes import WrongMap, likely_mistake
from autograder.judge.studies.model_files import MAX_POINT_NUMBERS
from autograder.judge.tolerances import (
    LARGEST_MAP_ERROR,
    MAX_FORWARD_PASSES,
    MAX_ODD_LINES,
    MAX_RECOMPUTED_STEPS,
    ODD_GAP,
)

if TYPE_CHECKING:
    from autograder.judge.maps import Entry, Judgement, Subject


def judge_by_scores(subject: Subject, entries: Sequence[Entry], seed: int, found: Judgement) -> None:
    """Judge every map's sum, and a sample of the maps block by block; what is wrong goes to `found`."""
    random = np.random.default_rng(seed)
    groups: dict[tuple[int, int], list[Entry]] = {}
    for entry in entries:
        if np.isfinite(entry.values).all():
            groups.setdefault((entry.image, id(entry.baseline)), []).append(entry)
        else:
            for name in ("completeness", "map"):
                found.blame(name, f"{entry.label}: NaN or infinity in the map", Mistake.NOT_FINITE)
    lines = [(line_of(subject, group[0]), group) for group in groups.values()]
    sample, rest, passes = [], [], 0
    for k in random.permutation(len(lines)).tolist():
        line, group = lines[k]
        if not line.difference.any():
            found.blame("map", f"{group[0].label}: the baseline is the image itself", Mistake.BASELINE_IS_INPUT)
        elif passes < MAX_FORWARD_PASSES:
            questions = Questions(line, _nodes(max(e.n_steps for e in group)), block_signs(line.image.shape, random))
            sample.append((questions, group))
            passes += questions.passes
        else:
            rest += [(line, entry) for entry in group]
    judging = _Judging(found)
    for portion in _portions(sample):
        subject.scores.ask_ahead([points for questions, _ in portion for points in questions.points()])
        for questions, group in portion:
            judging.judge(questions, group)
    subject.scores.ask_ahead([torch.stack([line.baseline, line.image]) for line, _ in rest])
    judging.look_at_the_rest(rest)
    wrong = judging.wrong
    if (found.completeness or found.map) and not found.mistake:
        found.mistake = likely_mistake(wrong) if wrong else Mistake.UNRELATED_MAP


def line_of(subject: Subject, entry: Entry) -> Line:
    """The line that a map is about."""
    return Line(subject.scores.forward, subject.images[entry.image], entry.baseline, subject.targets[entry.image])


@dataclass(frozen=True)
class Questions:
    """What F is asked about one line: its slopes along the line on some nodes, and those under patterns of signs."""

    line: Line
    nodes: int
    patterns: Tensor

    @property
    def passes(self) -> int:
        return 2 * (self.nodes + 1) + (len(self.patterns) + 1) * (N_NODES + 1)

    def points(self) -> list[Tensor]:
        return [self.line.points(self.line.one_way, self.nodes), self.line.points(self.patterns, N_NODES)]


def _portions(sample: Sequence[tuple[Questions, list[Entry]]]) -> Iterator[list[tuple[Questions, list[Entry]]]]:
    """The sample in parts that fit into memory, as the model answers them together."""
    portion, size = [], 0
    for questions, group in sample:
        portion.append((questions, group))
        size += questions.passes * questions.line.image.numel()
        if size > MAX_POINT_NUMBERS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


class _Judging:
    """The judgement of the maps, those that are wrong, and the largest gap that each count leaves."""

    def __init__(self, found: Judgement) -> None:
        self.found = found
        self.wrong: list[WrongMap] = []
        self.allowed_gaps: dict[int, float] = {}

    def judge(self, questions: Questions, group: Sequence[Entry]) -> None:
        """Judge all maps of one line, whose forward passes they share."""
        line, patterns = questions.line, questions.patterns
        along, aside = line.along(questions.nodes), line.slopes(patterns, N_NODES)
        signs = patterns.double().numpy()
        for entry in group:
            self.found.checked += 1
            scores, slopes = along.at_nodes[:, line.target], along.of(line.target)[0]
            gap = abs(float(entry.values.sum()) - (scores[-1] - scores[0]))
            allowed = allowed_gap(scores, slopes, entry.n_steps)
            self.allowed_gaps[entry.n_steps] = max(self.allowed_gaps.get(entry.n_steps, 0.0), allowed)
            blocks = block_error(sums(entry.values, signs), aside.of(line.target), entry.n_steps)
            self._blame(entry, gap, gap <= allowed, blocks)
            if gap > allowed or not blocks.near:
                self.wrong.append(WrongMap(entry.values, entry.n_steps, line, signs, aside, blocks.near))

    def _blame(self, entry: Entry, gap: float, complete: bool, blocks: BlockError) -> None:
        if not complete:
            self._blame_gap(entry, gap)
        elif not blocks.near and blocks.error > LARGEST_MAP_ERROR:
            self.found.blame("completeness", f"{entry.label}: the sum fits, around a map that does not", None)
        if not blocks.near:
            seen = (
                f"over random blocks of pixels a relative distance of {blocks.error:.2g} from finite differences of F"
            )
            rules = f"textbook rules with {entry.n_steps} steps stay within {blocks.allowed:.2g}"
            self.found.blame("map", f"{entry.label}: {seen}; {rules}", None)

    def _blame_gap(self, entry: Entry, gap: float) -> None:
        rules = f"textbook rules with {entry.n_steps} steps leave less"
        self.found.blame("completeness", f"{entry.label}: the sum misses F(x) - F(x') by {gap:.2g}; {rules}", None)

    def look_at_the_rest(self, rest: Sequence[tuple[Line, Entry]]) -> None:
        """Sums of maps outside the sample: those that are odd get their own slopes before they cost anything."""
        odd = []
        largest = max(self.allowed_gaps.values(), default=0.0)
        for line, entry in rest:
            start, end = line.scores((0.0, 1.0))
            gap = abs(float(entry.values.sum()) - (end - start))
            if gap > ODD_GAP * self.allowed_gaps.get(entry.n_steps, largest):
                odd.append((gap, line, entry))
        for gap, line, entry in sorted(odd, key=lambda item: -item[0])[:MAX_ODD_LINES]:
            along = line.along(_nodes(entry.n_steps))
            if gap > allowed_gap(along.at_nodes[:, line.target], along.of(line.target)[0], entry.n_steps):
                self._blame_gap(entry, gap)


def _nodes(n_steps: int) -> int:
    """The panels whose slopes tell what rules with so many steps leave: not fewer than a few, for counts in between."""
    return min(max(n_steps, N_NODES), MAX_RECOMPUTED_STEPS)
