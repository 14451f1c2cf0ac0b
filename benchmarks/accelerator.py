"""Every public function on an accelerator beside the CPU, and seconds: `python -m benchmarks.accelerator`, a few minutes.

With `--device cpu` it runs anywhere, and compares the CPU with itself.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import igref
from igref.attribution.precision import full_precision

ALLOWED = {torch.float32: 1e-5, torch.float64: 1e-12}


def small_network(dtype: torch.dtype) -> nn.Module:
    """Images 3 x 16 x 16 to probabilities of five classes, without kinks, so that only rounding can differ."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 14 * 14, 5), nn.Softmax(1)
    return nn.Sequential(*layers).to(dtype).eval().requires_grad_(False)


def functions(model: nn.Module, x: Tensor, x0: Tensor) -> dict[str, Callable[[], Tensor]]:
    """What each public function gives on the device of its arguments."""
    ig = igref.integrated_gradients(model, x, x0, 1)
    return {
        "gradient": lambda: igref.gradient(model, x, 1),
        "gradient_times_input": lambda: igref.gradient_times_input(model, x, 1),
        "integrated_gradients": lambda: igref.integrated_gradients(model, x, x0, 1).values,
        "integrated_gradients, error_map": lambda: igref.integrated_gradients(model, x, x0, 1).error_map,
        "adaptive_integrated_gradients": lambda: igref.adaptive_integrated_gradients(model, x, x0, 1).values,
        "step_sweep": lambda: igref.step_sweep(model, x, x0, 1, steps=(5, 10)).values,
        "expected_gradients": lambda: igref.expected_gradients(model, x, x0, 1, n_samples=8).values,
        "average_over_baselines": lambda: igref.average_over_baselines(model, x, torch.stack([x0, x]), 1).values,
        "path_integrated_gradients": lambda: (
            igref.path_integrated_gradients(model, igref.straight_line(x, x0), 1, n_steps=8).values
        ),
        **{f"make_baseline, {name}": lambda name=name: igref.make_baseline(name, x) for name in ("black", "uniform")},
        "retention_curve": lambda: igref.retention_curve(model, x, ig.values, 1).scores,
    }


def agreement(device: str) -> list[tuple[str, torch.dtype, float | str]]:
    """For each function and dtype the largest difference from the CPU, relative to the largest value, or the error."""
    rows: list[tuple[str, torch.dtype, float | str]] = []
    for dtype in ALLOWED:
        model, x = small_network(dtype), torch.rand(3, 3, 16, 16, dtype=dtype)
        expected = functions(model, x, 0 * x)
        found = functions(small_network(dtype).to(device), x.to(device), 0 * x.to(device))
        for name in expected:
            try:
                theirs, ours = expected[name]().double(), found[name]().double().cpu()
                rows.append((name, dtype, float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30))))
            except Exception as error:  # one function that fails must not hide the others
                rows.append((name, dtype, f"{type(error).__name__}: {error}"))
    return rows


def seconds(device: str, n_photos: int) -> dict[str, float]:
    """Seconds and gradients a second, best of three, of Lite0."""
    model = igref.load_model().to(device)
    inputs = torch.stack([photo.pixels for photo in igref.load_photos()[:n_photos]]).to(device)
    targets = model.probabilities(inputs).argmax(1)
    runs = {
        "50 steps": lambda: igref.integrated_gradients(model, inputs, 0 * inputs, targets),
        "adaptive to 5 %": lambda: igref.adaptive_integrated_gradients(model, inputs, 0 * inputs, targets),
    }
    best = {}
    for name, run in runs.items():
        times = []
        for _ in range(3):
            start = time.perf_counter()
            n_gradients = run().n_gradients
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        best[f"{name}, {n_photos} photos, {n_gradients} gradients"] = min(times)
    return best


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--photos", type=int, default=10, help="how many to time; 0 for none")
    options = parser.parse_args(arguments)
    wrong = 0
    with full_precision():
        for name, dtype, found in agreement(options.device):
            good = isinstance(found, float) and found <= ALLOWED[dtype]
            wrong += not good
            print(f"[{'OK' if good else 'FAIL'}] {name}, {str(dtype).removeprefix('torch.')}: {found}")
        for name, took in seconds(options.device, options.photos).items() if options.photos else ():
            print(f"{name}: {took:.3f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
