"""Adaptive to 5 % against the smallest fixed trapezoid count that is within 5 % on 95 % of the pairs.

Ten photos with five baselines, the class that the model says. One sweep for each pair has all fixed counts
and, with 2,200 steps, the reference that maps are compared with; 1,100 steps are the course report's count.
"""

import torch

import igref
from benchmarks.setting import keep, load

BASELINES = ("black", "blurred", "uniform", "gaussian", "maximum_distance")
REFERENCE = 2200
COUNTS = tuple(n for n in range(1, REFERENCE + 1) if REFERENCE % n == 0)
TOLERANCE = 0.05


def measure_pair(model, x, x0, target) -> dict:
    """Gaps and map errors of every fixed count and of the adaptive mode, on one pair."""
    sweep = igref.step_sweep(model, x, x0, target, steps=COUNTS)
    ig = igref.adaptive_integrated_gradients(model, x, x0, target, tolerance=TOLERANCE)
    reference = sweep.values[-1].double()
    return {
        "rise": float(sweep.scores - sweep.baseline_scores),
        "fixed_gap": sweep.relative_gap[:, 0].tolist(),
        "fixed_map_error": sweep.map_error[:, 0].tolist(),
        "adaptive_gap": float(ig.relative_gap),
        "adaptive_map_error": float((ig.values.double() - reference).norm() / reference.norm()),
        "adaptive_gradients": ig.n_gradients,
        "adaptive_converged": bool(ig.converged),
        "stays_within_from": sweep.stays_within()[0],
    }


def main() -> None:
    model, photos, inputs, targets = load()
    baselines = {name: igref.make_baseline(name, inputs) for name in BASELINES}
    pairs = []
    for n, photo in enumerate(photos):
        for name in BASELINES:
            pair = measure_pair(model, inputs[n : n + 1], baselines[name][n : n + 1], int(targets[n]))
            pairs.append({"photo": photo.name, "baseline": name} | pair)
            keep("adaptive", {"counts": COUNTS, "tolerance": TOLERANCE, "pairs": pairs})
            print(
                f"{len(pairs)} of {len(photos) * len(BASELINES)} pairs: {photo.name}, {name}: "
                f"rise {pair['rise']:.2f}, adaptive {pair['adaptive_gradients']} gradients",
                flush=True,
            )


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
