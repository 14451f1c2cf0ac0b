"""How many gradients a map takes, and whether its stated error is its true one: rules and the adaptive mode.

On the paths of `known_paths`, whose maps are known far better than those that are compared with them. What is measured is
kept after every run, so a run that was stopped goes on where it ended; the paths themselves are measured on the way.
"""

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import igref
from benchmarks.known_paths import GAUSS_LEGENDRE, PAIRS, STUDY_ORDER, known_path, pair, path_file
from benchmarks.setting import COMPARED, RESULTS, machine, write
from igref.attribution.map_error import bend_coefficients, drift_weights, mean_square_distance
from igref.attribution.precision import full_precision
from igref.attribution.quadrature import nodes_and_weights

CAPTUM_TRAPEZOID = "captum's riemann_trapezoid"
TOLERANCES = (0.05, 0.02, 0.01)
COUNTS = {
    "trapezoid": (8, 16, 32, 64, 128),
    "midpoint": (8, 16, 32, 64),
    "gauss_legendre": GAUSS_LEGENDRE,
    CAPTUM_TRAPEZOID: (9, 17, 33, 65, 129),
}


def rule_of(name: str, n_steps: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights; Captum's trapezoid rule has those of n_steps nodes, and weights that sum to (n - 1) / n."""
    if name != CAPTUM_TRAPEZOID:
        return nodes_and_weights(name, n_steps)
    nodes, weights = nodes_and_weights("trapezoid", n_steps - 1)
    return nodes, weights * (n_steps - 1) / n_steps


def fixed(known: dict[str, np.ndarray], rule: str, n_steps: int) -> dict[str, float]:
    """True and stated map error of a rule, both relative, from the inner products of the gradients of a path."""
    nodes, weights = rule_of(rule, n_steps)
    own = np.searchsorted(known["positions"], nodes.numpy())
    inner = known["inner"][np.ix_(own, own)]
    off = -_reference_weights(known["positions"])
    off[own] += weights.numpy()
    map_norm = np.sqrt(weights.numpy() @ inner @ weights.numpy())
    measured = {
        "gradients": len(nodes),
        "map_error": float(np.sqrt(max(0.0, off @ known["inner"] @ off)) / np.linalg.norm(known["reference"])),
    }
    return measured if rule == CAPTUM_TRAPEZOID else measured | {"stated": _stated(nodes, weights, inner) / map_norm}


def _stated(nodes: Tensor, weights: Tensor, inner: np.ndarray) -> float:
    """The length of `error_map`."""
    widths = nodes.diff()
    slopes = (torch.eye(len(nodes), dtype=torch.float64).diff(dim=0) / widths[:, None]).diff(dim=0).numpy()
    bends = np.einsum("ij,ij->i", slopes @ inner, slopes).clip(0)
    jumps = bend_coefficients(widths, mean_square_distance(nodes, weights)).numpy() @ bends
    drift = drift_weights(nodes, weights).numpy()
    return float(np.sqrt(jumps + max(0.0, drift @ inner @ drift)))


def adaptive(
    known: dict[str, np.ndarray], which: tuple[str, int, str], tolerance: float, device: str
) -> dict[str, float]:
    """The adaptive mode itself, on the pair."""
    ig = igref.adaptive_integrated_gradients(*pair(*which, device), tolerance=tolerance)
    reference = torch.tensor(known["reference"]).to(ig.values)
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


def main(arguments: Sequence[str] = ()) -> None:
    """Measure what is missing; what has been measured of a model on one machine is not measured again on another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.map_error", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", choices=PAIRS, action="append", help="this model alone; may be given again")
    parser.add_argument(
        "--only-kept", action="store_true", help="leave out the pairs whose paths have not been measured"
    )
    options = parser.parse_args(arguments)
    file = RESULTS / "map_error.json"
    kept = json.loads(file.read_text()) if file.exists() else {"machine": {}, "results": {}}
    machines, results = kept["machine"], kept["results"]
    for which in STUDY_ORDER:
        model = which[0]
        if options.model and model not in options.model:
            continue
        if options.only_kept and not path_file(*which, options.device).exists():
            continue
        measured = results.setdefault("/".join(map(str, which)), {"fixed": {}, "adaptive": {}})
        missing = [tolerance for tolerance in TOLERANCES if str(tolerance) not in measured["adaptive"]]
        if measured["fixed"] and not missing:
            continue
        machines[model] = machine(COMPARED, options.device)
        with full_precision():
            known = known_path(*which, options.device)
            for tolerance in missing:
                measured["adaptive"][str(tolerance)] = adaptive(known, which, tolerance, options.device)
        measured["fixed"] = {rule: {str(n): fixed(known, rule, n) for n in counts} for rule, counts in COUNTS.items()}
        write("map_error", {"machine": machines, "results": results})
        print(*which, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
