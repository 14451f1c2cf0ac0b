"""What is measured on, and how: the model, the photos and baselines, interleaved timing, the machine."""

import json
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor

import igref

RESULTS = Path(__file__).parent / "results"
Contestants = dict[str, Callable[[], object]]
COMPARED = ("torch", "timm", "captum", "saliency")
OF_A_CLASS = ("torch", "nbgrader", "distributed", "copydetect")
"""Packages whose versions belong to a result."""
ONE, TWO, STOCK = "grade, one worker", "grade, two workers", "stock nbgrader"
FEW, FEW_BY_TWO = f"{ONE}, a quarter of the class", f"{TWO}, a quarter of the class"
FEW_COLD = f"{FEW}, cold starts"
"""Who grades a class, in its results."""
SIX_BASELINES = ("black", "white", "blurred", "uniform", "gaussian", "maximum_distance")


def load() -> tuple[igref.Classifier, list[igref.Photo], Tensor, Tensor]:
    """The model, the photos, their pixels (N, 3, 224, 224) and the class that the model says (N,)."""
    model, photos = igref.load_model(), igref.load_photos()
    inputs = torch.stack([photo.pixels for photo in photos])
    with torch.no_grad():
        return model, photos, inputs, model.probabilities(inputs).argmax(1)


@contextmanager
def apart(make: Callable[..., Contestants], *arguments: object) -> Iterator[Contestants]:
    """The contestants that a function makes, those of each library in a process of its own.

    What one library does to the C library's memory, or leaves in the caches of torch, is then no help or harm to another. The
    first word of a name is the library. A call waits until the other process has done it.
    """
    context = multiprocessing.get_context("spawn")
    running = {}
    contestants: Contestants = {}
    try:
        for name in make(*arguments):
            library = name.split(",")[0]
            if library not in running:
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
                process.start()
                running[library] = here, process
            contestants[name] = partial(_ask, running[library][0], name)
        yield contestants
    finally:
        for _, process in running.values():
            process.kill()


def _ask(process: Connection, name: str) -> None:
    process.send(name)
    if said := process.recv():
        raise RuntimeError(f"{name}: {said}")


def _serve(asked: Connection, make: Callable[..., Contestants], arguments: Sequence[object]) -> None:
    contestants = make(*arguments)
    while True:
        name = asked.recv()
        try:
            contestants[name]()
            asked.send("")
        except Exception as error:
            asked.send(repr(error))


def in_turn(contestants: Contestants, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, A B C, B C A, C A B, so that a busy machine is as unfair to all.

    The order turns, as a contestant may gain or lose by the memory that the one before it leaves behind.
    """
    seconds = {name: [] for name in contestants}
    for run in contestants.values():
        run()  # the first call allocates memory and picks kernels
    for round_ in range(rounds):
        first = round_ % len(contestants)
        order = [*contestants][first:] + [*contestants][:first]
        for name in order:
            start = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - start)
        took = ", ".join(f"{name} {times[-1]:.2f}" for name, times in seconds.items())
        print(f"  round {round_ + 1} of {rounds}, seconds: {took}", flush=True)
    return seconds


def median_ratio(seconds: dict[str, list[float]], slow: str, fast: str) -> float:
    """The median over the rounds of how many times longer `slow` took than `fast`."""
    return statistics.median(s / f for s, f in zip(seconds[slow], seconds[fast], strict=True))


def peak_memory() -> float:
    """The most memory that this process has held so far, in GiB."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def machine(packages: Sequence[str], device: str = "cpu") -> str:
    """One line: cores or accelerator, system, versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    system = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    where = f"{torch.get_num_threads()} threads" if device == "cpu" else torch.cuda.get_device_name(device)
    return f"{where}, {system}, {versions}"


def keep(name: str, results: object, packages: Sequence[str] = COMPARED, device: str = "cpu") -> None:
    """Write results/<name>.json, where `python -m benchmarks.report` finds it."""
    write(name, {"machine": machine(packages, device), "results": results})


def write(name: str, kept: dict[str, object]) -> None:
    """Write results/<name>.json as a whole: who is stopped meanwhile leaves what was there."""
    RESULTS.mkdir(exist_ok=True)
    new = RESULTS / f"{name}.new"
    new.write_text(json.dumps(kept, indent=1) + "\n")
    new.replace(RESULTS / f"{name}.json")
