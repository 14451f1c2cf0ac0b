"""Every public function on an accelerator beside the CPU, then seconds, memory and precision: a few minutes on one card.

`python -m benchmarks.accelerator` writes results/accelerator.json. With `--device cpu` and without photos it runs anywhere, and
compares the CPU with itself. The study of map errors runs there too: `python -m benchmarks.map_error --device cuda`.
"""

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

import igref
from benchmarks.known_paths import BASELINES
from benchmarks.map_error import TOLERANCES
from benchmarks.report import NEEDED, by_model, count_within
from benchmarks.setting import RESULTS, machine, write
from igref.attribution.precision import full_precision

ALLOWED = {torch.float32: 1e-5, torch.float64: 1e-12}
BATCHES = (32, 64, 128, 256, 512)
PRECISIONS = {"TensorFloat-32": None, "autocast to float16": torch.float16, "autocast to bfloat16": torch.bfloat16}


def smooth_network(dtype: torch.dtype) -> igref.Classifier:
    """Images 3 x 16 x 16 to probabilities of five classes, without kinks, so that only rounding can differ."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 14 * 14, 5)
    names = ["a", "b", "c", "d", "e"]
    return igref.Classifier(nn.Sequential(*layers), "smooth", names, mean=(0.0,) * 3, std=(1.0,) * 3, input_size=16).to(
        dtype
    )


def relu_network(dtype: torch.dtype) -> nn.Sequential:
    """Of twelve features, for the exact integral."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)).to(dtype).eval().requires_grad_(False)


def functions(device: str, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Each public function that computes, called with arguments on the device; what differs from run to run is left out."""
    model, relus = smooth_network(dtype).to(device), relu_network(dtype).to(device)
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(3, 3, 16, 16, dtype=dtype, generator=generator).to(device)
    flat = torch.rand(2, 12, dtype=dtype, generator=generator).to(device)
    x0, flat0 = 0 * x, 0 * flat
    ig = igref.integrated_gradients(model, x, x0, 1)
    adapted, sweep = (
        igref.adaptive_integrated_gradients(model, x, x0, 1),
        igref.step_sweep(model, x, x0, 1, steps=(5, 10)),
    )
    maps = {"ig": ig.values, "gradient": igref.gradient(model, x, 1)}

    def method(forward, inputs, baselines, targets):
        return igref.integrated_gradients(forward, inputs, baselines, targets, n_steps=200)

    def polynomial(points: Tensor) -> Tensor:
        return points.square().sum(1, keepdim=True)

    def symmetric(points: Tensor) -> Tensor:
        return (points[:, :1] + points[:, 1:2]).square()

    same = flat.clone()
    same[:, 1] = same[:, 0]
    curves = {"retention_curve": igref.retention_curve, "deletion_curve": igref.deletion_curve}
    curves["insertion_curve"] = igref.insertion_curve
    return {
        "Classifier.logits": lambda: model.logits(x),
        "Classifier.probabilities": lambda: model.probabilities(x),
        "gradient": lambda: maps["gradient"],
        "gradient_times_input": lambda: igref.gradient_times_input(model, x, 1),
        **{
            f"integrated_gradients, {rule}": lambda rule=rule: (
                igref.integrated_gradients(model, x, x0, 1, rule=rule).values
            )
            for rule in igref.RULES
        },
        "integrated_gradients, values and error_map": lambda: torch.stack([ig.values, ig.error_map]),
        "integrated_gradients, scores and gap": lambda: torch.stack([ig.scores, ig.baseline_scores]),
        **{
            f"adaptive_integrated_gradients, {stop}": lambda stop=stop: (
                igref.adaptive_integrated_gradients(model, x, x0, 1, stop=stop).values
            )
            for stop in ("map", "gap", "residuals")
        },
        "adaptive_integrated_gradients, values and error_map": lambda: torch.stack([adapted.values, adapted.error_map]),
        "step_sweep, values and error_maps": lambda: torch.stack([sweep.values, sweep.error_maps]),
        "expected_gradients": lambda: igref.expected_gradients(model, x, x, 1, n_samples=8).values,
        "average_over_baselines": lambda: igref.average_over_baselines(model, x, torch.stack([x0, x]), 1).values,
        "path_integrated_gradients, straight_line": lambda: (
            igref.path_integrated_gradients(model, igref.straight_line(x, x0), 1, n_steps=8).values
        ),
        "path_integrated_gradients, feature_by_feature": lambda: (
            igref.path_integrated_gradients(model, igref.feature_by_feature(x, x0), 1, n_steps=8).values
        ),
        "exact_integrated_gradients": lambda: igref.exact_integrated_gradients(relus, flat, flat0, 1),
        "breakpoints": lambda: igref.breakpoints(relus, flat[0], flat0[0]),
        "exact_integrated_gradients_of_polynomial": lambda: igref.exact_integrated_gradients_of_polynomial(
            polynomial, flat, flat0, 0, degree=2
        ),
        "completeness": lambda: igref.completeness(method, model, x, x0, 1).holds,
        "sensitivity_a": lambda: igref.sensitivity_a(method, polynomial, flat[:1] * one_of(flat), flat0[:1], 0).holds,
        "sensitivity_b": lambda: igref.sensitivity_b(method, symmetric, flat, flat0, 0, unused=[5]).holds,
        "implementation_invariance": lambda: (
            igref.implementation_invariance(method, model, lambda points: model(points), x, x0, 1).holds
        ),
        "linearity": lambda: igref.linearity(method, model, model.logits, x, x0, 1).holds,
        "symmetry": lambda: igref.symmetry(method, symmetric, same, flat0, 0, features=(0, 1)).holds,
        **{
            f"make_baseline, {name}": lambda name=name: igref.make_baseline(name, x, **options_of(name, model, x))
            for name in igref.BASELINES
        },
        "diagnose": lambda: igref.diagnose(model, x, x0, 1).scores,
        **{
            f"{name}, {fill}": lambda curve=curve, fill=fill: curve(model, x, ig.values, 1, fill=fill).scores
            for name, curve in curves.items()
            for fill in igref.FILLS
        },
        "compare_with_fills": lambda: igref.compare_with_fills(model, x, maps, 1).areas,
        "model_randomisation": lambda: igref.model_randomisation(model, lambda m: igref.gradient(m, x, 1)).correlation,
        "bootstrap_interval": lambda: torch.stack(igref.bootstrap_interval(x.flatten(1)[:, :4])),
        "rotate": lambda: igref.rotate(x[0], 30.0),
        "shift": lambda: igref.shift(x[0], 2, 3),
        "zoom": lambda: igref.zoom(x[0], 1.5),
        "top_classes": lambda: torch.tensor([share for _, share in igref.top_classes(model, x[0])]),
        "top_classes_table": lambda: float("a" in igref.top_classes_table(model, {"x": x[0]})),
        "plots.attribution_row": lambda: pixels_of(igref.plots.attribution_row(x[0], ig.values[0], baseline=x0[0])),
        "plots.channel_sum": lambda: igref.plots.channel_sum(ig.values[0]),
        "plots.scaled_pixels": lambda: igref.plots.scaled_pixels(x[0], ig.values[0]),
    }


def one_of(flat: Tensor) -> Tensor:
    """1 for the first feature, else 0."""
    return torch.eye(flat.shape[1], dtype=flat.dtype, device=flat.device)[:1]


def options_of(name: str, model: igref.Classifier, x: Tensor) -> dict[str, object]:
    """What a baseline has to be told beside the inputs."""
    return {
        "constant": {"value": 0.25},
        "blurred": {"sigma": 2.0},
        "adversarial": {"forward": model},
        "own_image": {"image": x[0] / 2},
    }.get(name, {})


def pixels_of(figure: object) -> Tensor:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.tensor(np.asarray(canvas.buffer_rgba()).astype(np.float64))


def agreement(device: str) -> list[tuple[str, torch.dtype, float | str]]:
    """For each function and dtype the largest difference from the CPU, relative to the largest value, or the error."""
    rows: list[tuple[str, torch.dtype, float | str]] = []
    for dtype in ALLOWED:
        expected, found = functions("cpu", dtype), functions(device, dtype)
        for name in expected:
            try:
                theirs, ours = (torch.as_tensor(run()).detach().double().cpu() for run in (expected[name], found[name]))
                rows.append((name, dtype, float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30))))
            except Exception as error:  # one function that fails must not hide the others
                rows.append((name, dtype, f"{type(error).__name__}: {error}"))
    return rows


def timed(run: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def race(contestants: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, dict[str, float]]:
    """Milliseconds, median of rounds in turn, and the most memory in MiB that one call takes beyond what was held."""
    found: dict[str, dict[str, float]] = {}
    times: dict[str, list[float]] = {}
    for name, run in contestants.items():
        try:
            run()
            torch.cuda.empty_cache()
            held = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            run()
            found[name] = {"MiB": (torch.cuda.max_memory_allocated() - held) / 2**20}
            times[name] = []
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
    for _ in range(rounds):
        for name, taken in times.items():
            taken.append(timed(contestants[name]))
    for name, taken in times.items():
        found[name]["ms"] = 1000 * statistics.median(taken)
        print(f"  {name}: {found[name]['ms']:.1f} ms, {found[name]['MiB']:.0f} MiB", flush=True)
    return found


def photos_and_baselines(device: str, n: int) -> tuple[igref.Classifier, Tensor, Tensor, Tensor]:
    """Lite0, photos with the baselines of `known_paths` in turn, and the classes that it says."""
    model = igref.load_model().to(device)
    photos = torch.stack([photo.pixels for photo in igref.load_photos()]).to(device)
    inputs = photos.repeat(-(-n // len(photos)), 1, 1, 1)[:n]
    every = [igref.make_baseline(name, photos) for name in (BASELINES if n > 1 else ("black",))]
    baselines = torch.cat(every)[:n]
    return model, inputs, baselines, model.probabilities(inputs).argmax(1)


def bare_passes(model: igref.Classifier, x: Tensor, x0: Tensor, target: Tensor, n: int) -> Tensor:
    """Nothing but one batch of points, its scores and its gradients: what no library can do without."""
    alphas = (torch.arange(n, device=x.device, dtype=x.dtype) + 0.5) / n
    points = (x0 + alphas.view(-1, 1, 1, 1) * (x - x0)).contiguous(memory_format=torch.channels_last).requires_grad_()
    score = model(points)[:, target].sum()
    return torch.autograd.grad(score, points)[0].mean(0) * (x - x0)


def fixed_steps(device: str) -> dict[str, dict]:
    """IG of one photo at 50 and 200 steps, and of 50 pairs at 50 steps: igref beside Captum with every batch size."""
    return {f"{n} pairs, {n_steps} steps": steps_of(device, n, n_steps) for n, n_steps in ((1, 50), (1, 200), (50, 50))}


def steps_of(device: str, n: int, n_steps: int) -> dict[str, dict[str, float]]:
    from benchmarks.speed import captum

    model, x, x0, targets = photos_and_baselines(device, n)
    ours = partial(igref.integrated_gradients, model, x, x0, targets, n_steps=n_steps, rule="gauss_legendre")
    theirs = partial(captum, model, x, x0, targets, n_steps)
    contestants: dict[str, Callable[[], object]] = {"igref": ours}
    sizes = [size for size in (*BATCHES, 1024) if n == 1 or size >= 128]
    contestants |= {
        f"igref, chunks of {size}": partial(ours, chunk_size=size) for size in sizes if size < min(512, n * n_steps)
    }
    if n == 1:
        contestants |= {"bare passes": partial(bare_passes, model, x, x0, targets, n_steps), "captum, defaults": theirs}
    contestants |= {f"captum, batches of {size}": partial(theirs, size) for size in sizes if size <= 2 * n * n_steps}
    print(f"{n} pairs, {n_steps} steps", flush=True)
    return race(contestants)


def graphs(device: str) -> dict[str, dict]:
    """One batch of scores and gradients, as usual and as a CUDA graph that is replayed: milliseconds by batch size."""
    model, x, x0, targets = photos_and_baselines(device, 1)
    found = {}
    for size in (8, *BATCHES):
        points = (x0 + torch.rand(size, 1, 1, 1, device=device) * (x - x0)).contiguous(
            memory_format=torch.channels_last
        )
        points.requires_grad_()

        def eager(points=points):
            return torch.autograd.grad(model(points)[:, targets].sum(), points)[0]

        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                eager()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            eager()
        found[str(size)] = race({"as usual": eager, "replayed graph": graph.replay})
    return found


def precision(device: str) -> dict[str, dict[str, float]]:
    """How far maps of ten photos are from float32's, in each coarser arithmetic; and float32's from float64's. Median, largest."""
    model, x, x0, targets = photos_and_baselines(device, 10)

    def maps() -> Tensor:
        return igref.integrated_gradients(model, x, x0, targets, rule="trapezoid").values.double().flatten(1)

    with full_precision():
        single = maps()
    found: dict[str, dict[str, float]] = {}
    for name, dtype in PRECISIONS.items():
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = dtype is None
        with contextlib.nullcontext() if dtype is None else torch.autocast("cuda", dtype):
            found[name] = distances(maps(), single)
        torch.backends.cudnn.allow_tf32 = before
    model, x, x0 = model.double(), x.double(), x0.double()
    found["float32, from float64"] = distances(single, maps())
    return found


def distances(maps: Tensor, reference: Tensor) -> dict[str, float]:
    off = (maps - reference).norm(dim=1) / reference.norm(dim=1)
    return {"median": float(off.median()), "largest": float(off.max())}


def equal_errors(device: str) -> dict[str, dict]:
    """Seconds at equal map error, 50 pairs of Lite0 at once: the adaptive mode, and fixed rules at the counts that they need."""
    file = RESULTS / "map_error.json"
    pairs = by_model(json.loads(file.read_text())["results"]).get("efficientnet_lite0", [])
    return {f"within {tolerance:.0%}": within(device, tolerance, pairs) for tolerance in TOLERANCES} if pairs else {}


def within(device: str, tolerance: float, pairs: list[dict]) -> dict[str, dict[str, float]]:
    from benchmarks.speed import captum

    model, x, x0, targets = photos_and_baselines(device, 50)
    attributed = model, x, x0, targets
    contestants = {"adaptive": partial(igref.adaptive_integrated_gradients, *attributed, tolerance=tolerance)}
    for rule in NEEDED:
        needed = count_within(pairs, rule, tolerance)
        if needed is None:
            continue
        n_nodes = max(2, round(needed))
        if rule in igref.RULES:
            n_steps = n_nodes - 1 if rule == "trapezoid" else n_nodes
            contestants[f"igref, {rule}"] = partial(igref.integrated_gradients, *attributed, n_steps=n_steps, rule=rule)
        if rule != "trapezoid":
            method = "gausslegendre" if rule == "gauss_legendre" else "riemann_trapezoid"
            contestants[f"captum, {method}"] = partial(captum, *attributed, n_nodes, 512, method)
    print(f"50 pairs within {tolerance:.0%}", flush=True)
    return race(contestants, rounds=3)


MEASURED = {"fixed steps": fixed_steps, "equal map error": equal_errors, "precision": precision, "graphs": graphs}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accelerator", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only-agreement", action="store_true", help="no seconds: what differs from the CPU")
    options = parser.parse_args(arguments)
    wrong = 0
    results: dict[str, object] = {}
    with full_precision():
        rows = agreement(options.device)
        for name, dtype, found in rows:
            good = isinstance(found, float) and found <= ALLOWED[dtype]
            wrong += not good
            print(f"[{'OK' if good else 'FAIL'}] {name}, {str(dtype).removeprefix('torch.')}: {found}", flush=True)
        if options.only_agreement:
            return int(wrong > 0)
        results["agreement"] = [[name, str(dtype).removeprefix("torch."), found] for name, dtype, found in rows]
        kept = {"machine": machine(("torch", "timm", "captum"), options.device), "results": results}
        write("accelerator", kept)  # and after each part, as a card may be lent for minutes
        for title, measure in MEASURED.items():
            results[title] = measure(options.device)
            print(title, results[title], flush=True)
            write("accelerator", kept)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
