"""Adaptive to 5 % against the smallest fixed trapezoid count that is within 5 % on 95 % of the pairs.

Ten photos with five baselines, the class that the model says. One sweep for each pair has all fixed counts
and, with 2,200 steps, the reference that maps are compared with; 1,100 steps are the course report's count.

A process for each core measures pairs, each on one thread: gradients are counted here, not timed. What is
measured is kept after every pair, and a run that was stopped goes on where it ended.
"""

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from os import cpu_count

import torch

import igref
from benchmarks.setting import RESULTS, keep, load
from igref.attribution.adaptive import STOPS
from igref.memory import keep_freed_memory

BASELINES = ("black", "blurred", "uniform", "gaussian", "maximum_distance")
REFERENCE = 2200
COUNTS = tuple(n for n in range(1, REFERENCE + 1) if REFERENCE % n == 0)
TOLERANCE = 0.05
SMALL_RISE = 0.2


@cache
def _photos():
    torch.set_num_threads(1)
    keep_freed_memory()
    return load()


def measure_pair(n: int, baseline: str) -> dict:
    """Gaps and map errors of every fixed count and of the adaptive mode, on photo n from one baseline."""
    model, photos, inputs, targets = _photos()
    x, target = inputs[n : n + 1], int(targets[n])
    x0 = igref.make_baseline(baseline, inputs)[n : n + 1]
    sweep = igref.step_sweep(model, x, x0, target, steps=COUNTS)
    reference = sweep.values[-1].double()
    return {
        "photo": photos[n].name,
        "baseline": baseline,
        "rise": float(sweep.scores - sweep.baseline_scores),
        "fixed_gap": sweep.relative_gap[:, 0].tolist(),
        "fixed_map_error": sweep.map_error[:, 0].tolist(),
        "adaptive": {stop: measure_adaptive(model, x, x0, target, reference, stop) for stop in STOPS},
    }


def measure_adaptive(model, x, x0, target, reference, stop: str) -> dict:
    """Gradients, gap and map error of the adaptive mode, and whether it says that it is within the tolerance."""
    ig = igref.adaptive_integrated_gradients(model, x, x0, target, tolerance=TOLERANCE, stop=stop)
    return {
        "gradients": ig.n_gradients,
        "gap": float(ig.relative_gap),
        "map_error": float((ig.values.double() - reference).norm() / reference.norm()),
        "converged": bool(ig.converged),
    }


def measured_before() -> list[dict]:
    """The pairs that an earlier run kept, if it measured the same."""
    file = RESULTS / "adaptive.json"
    found = json.loads(file.read_text())["results"] if file.exists() else {}
    same = found.get("counts") == list(COUNTS) and found.get("tolerance") == TOLERANCE
    return found["pairs"] if same else []


def main() -> None:
    model, photos, inputs, targets = load()
    names = [photo.name for photo in photos]
    # Where the score itself is small no rise is large; such pairs are reported apart, and come last.
    scores = model.probabilities(inputs)[torch.arange(len(photos)), targets]
    order = sorted(range(len(photos)), key=lambda n: bool(scores[n] < SMALL_RISE))
    every = [(n, baseline) for n in order for baseline in BASELINES]
    pairs = measured_before()
    place_of = {(names[n], baseline): place for place, (n, baseline) in enumerate(every)}
    done = {(pair["photo"], pair["baseline"]) for pair in pairs}
    left = [(n, baseline) for n, baseline in every if (names[n], baseline) not in done]
    print(f"{len(done)} of {len(every)} pairs are kept from before.", flush=True)
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(measure_pair, *pair) for pair in left]):
            pair = finished.result()
            pairs.append(pair)
            pairs.sort(key=lambda pair: place_of[pair["photo"], pair["baseline"]])
            keep("adaptive", {"counts": COUNTS, "tolerance": TOLERANCE, "pairs": pairs})
            print(
                f"{len(pairs)} of {len(every)} pairs: {pair['photo']}, {pair['baseline']}: "
                f"rise {pair['rise']:.2f}, gradients: "
                + ", ".join(f"{stop} {found['gradients']}" for stop, found in pair["adaptive"].items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
