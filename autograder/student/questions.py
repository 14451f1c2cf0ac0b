"""The questions that a student's function is asked, as data: the grader writes them, and `submit` reads them.

They are drawn outside the student's process, which gets each call's arguments and nothing else: no seed, no names, no
truth. A question is known by its place in the list, and so is its answer. The files have the form of evidence: a record
and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.student import evidence
from autograder.student.evidence import Evidence
from autograder.student.networks import ARCHITECTURES, Network

QUESTIONS_FOLDER = "AUTOGRADER_QUESTIONS"


def write(folder: Path, task: str, questions: Sequence[Mapping[str, Any]]) -> None:
    """Write the arguments of each call: tensors, networks and whole numbers, by the argument's name.

    What several questions share, the same tensor or network, is written once, and shared again when they are read.
    """
    writer = _Writer()
    asked = [{name: writer.written(value) for name, value in question.items()} for question in questions]
    evidence.write(folder, task, Evidence({"networks": writer.networks, "questions": asked}, writer.arrays))


def read(folder: Path, task: str) -> list[dict[str, Any]]:
    """The arguments of each call, by name. A change to what is read changes nothing outside the process.

    Raises:
        EvidenceError: the folder holds no questions of this task.
    """
    written = evidence.read(folder, task)
    reader = _Reader(written.record["networks"], written.arrays)
    return [{name: reader.value(kept) for name, kept in question.items()} for question in written.record["questions"]]


class _Writer:
    """Values in JSON; arrays and networks once each, by their place."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.networks: list[dict[str, Any]] = []
        self._places: dict[int, int] = {}
        self._alive: list[Any] = []  # or another object may get the id of one that is gone

    def written(self, value: Any) -> Any:
        if isinstance(value, int):
            return value
        if isinstance(value, tuple):
            return [self.written(one) for one in value]
        if id(value) not in self._places:
            self._places[id(value)] = self._keep(value)
            self._alive.append(value)
        return {_KINDS[type(value)]: self._places[id(value)]}

    def _keep(self, value: Tensor | np.ndarray | Network) -> int:
        if isinstance(value, Network):
            parts = {name: self.written(part) for name, part in value.parts.items()}
            self.networks.append({"architecture": value.architecture, "parts": parts})
            return len(self.networks) - 1
        self.arrays[str(len(self.arrays))] = np.asarray(value)
        return len(self.arrays) - 1


class _Reader:
    """The values that a writer wrote, each object once."""

    def __init__(self, networks: list[dict[str, Any]], arrays: dict[str, np.ndarray]) -> None:
        self._arrays = [arrays[str(k)].copy() for k in range(len(arrays))]
        self._tensors = [torch.from_numpy(array) for array in self._arrays]
        self._networks = [
            ARCHITECTURES[one["architecture"]](**{name: self.value(part) for name, part in one["parts"].items()})
            for one in networks
        ]

    def value(self, kept: Any) -> Any:
        if isinstance(kept, int):
            return kept
        if isinstance(kept, list):
            return tuple(self.value(one) for one in kept)
        ((kind, place),) = kept.items()
        return getattr(self, f"_{kind}s")[place]


_KINDS = {np.ndarray: "array", Tensor: "tensor", Network: "network"}
