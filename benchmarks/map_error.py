"""How many gradients a map takes, and whether its stated error is its true one: rules and the adaptive mode.

On the paths of `known_paths`, whose maps are known far better than those that are compared with them. What is measured is
kept after every run, so a run that was stopped goes on where it ended; the paths themselves are measured on the way.
"""

import json

import numpy as np
import torch

import igref
from benchmarks.known_paths import GAUSS_LEGENDRE, STUDY_ORDER, known_path, pair, path_file
from benchmarks.setting import RESULTS, keep
from igref.attribution.map_error import mean_square_distance
from igref.attribution.quadrature import nodes_and_weights

TOLERANCES = (0.05, 0.02, 0.01)
COUNTS = {"trapezoid": (16, 32, 64, 128), "midpoint": (16, 32, 64), "gauss_legendre": GAUSS_LEGENDRE}


def fixed(known: dict[str, np.ndarray], rule: str, n_steps: int) -> dict[str, float]:
    """True and stated map error of a rule, both relative, from the inner products of the gradients of a path."""
    nodes, weights = nodes_and_weights(rule, n_steps)
    own = np.searchsorted(known["positions"], nodes.numpy())
    inner = known["inner"][np.ix_(own, own)]
    off = -_reference_weights(known["positions"])
    off[own] += weights.numpy()
    squares = np.diag(inner)[1:] + np.diag(inner)[:-1] - 2 * np.diag(inner, 1)
    map_norm = np.sqrt(weights.numpy() @ inner @ weights.numpy())
    return {
        "gradients": len(nodes),
        "map_error": float(np.sqrt(max(0.0, off @ known["inner"] @ off)) / np.linalg.norm(known["reference"])),
        "stated": float(np.sqrt(mean_square_distance(nodes, weights).numpy() @ squares.clip(0)) / map_norm),
    }


def adaptive(known: dict[str, np.ndarray], which: tuple[str, int, str], tolerance: float) -> dict[str, float]:
    """The adaptive mode itself, on the pair."""
    ig = igref.adaptive_integrated_gradients(*pair(*which), tolerance=tolerance)
    reference = torch.tensor(known["reference"])
    off = ig.values.flatten() - reference
    return {
        "gradients": ig.n_gradients,
        "map_error": float(off.norm() / reference.norm()),
        "stated": float(ig.map_error),
        "gap": float(ig.relative_gap),
        "converged": bool(ig.converged),
        "pixels within two stated errors": float((off.abs() <= 2 * ig.error_map.flatten()).double().mean()),
    }


def _reference_weights(positions: np.ndarray) -> np.ndarray:
    halves = np.diff(positions) / 2
    return np.append(halves, 0) + np.insert(halves, 0, 0)


def main(*, only_kept: bool = False) -> None:
    """Measure what is missing; `only_kept` leaves out the pairs whose paths have not been measured."""
    file = RESULTS / "map_error.json"
    results = json.loads(file.read_text())["results"] if file.exists() else {}
    study = [which for which in STUDY_ORDER if not only_kept or path_file(*which).exists()]
    for tolerance in (None, *TOLERANCES):
        for which in study:
            measured = results.setdefault("/".join(map(str, which)), {"fixed": {}, "adaptive": {}})
            if tolerance is None and not measured["fixed"]:
                known = known_path(*which)
                for rule, counts in COUNTS.items():
                    measured["fixed"][rule] = {str(n): fixed(known, rule, n) for n in counts}
            elif tolerance is not None and str(tolerance) not in measured["adaptive"]:
                measured["adaptive"][str(tolerance)] = adaptive(known_path(*which), which, tolerance)
            else:
                continue
            keep("map_error", results)
            print(*which, tolerance or "", flush=True)


if __name__ == "__main__":
    main()
