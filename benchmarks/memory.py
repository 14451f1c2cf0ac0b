"""The most memory a process takes for one IG at 50, 200 and 1,000 steps; each in a process of its own."""

import subprocess
import sys

import torch

from benchmarks.setting import keep, load, peak_memory

STEPS = (50, 200, 1000)
CAPTUM_STEPS = (50, 100)  # in one batch, as by default; memory grows with the steps


def measure(library: str, n_steps: int) -> float:
    """Peak memory in GiB, in this process."""
    model, _, inputs, targets = load()
    x, x0, target = inputs[:1], torch.zeros_like(inputs[:1]), int(targets[0])
    if library == "igref":
        import igref

        igref.integrated_gradients(model, x, x0, target, n_steps=n_steps)
    else:
        from benchmarks.speed import captum

        captum(model, x, x0, target, n_steps)
    return peak_memory()


def main() -> None:
    results = {}
    for library, counts in (("igref", STEPS), ("captum, defaults", CAPTUM_STEPS)):
        results[library] = {}
        for n_steps in counts:
            command = [sys.executable, "-m", "benchmarks.memory", library, str(n_steps)]
            peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            results[library][n_steps] = peak
            print(f"{library}, {n_steps} steps: {peak:.2f} GiB", flush=True)
    keep("memory", results)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(measure(sys.argv[1], int(sys.argv[2])))
    else:
        main()
