"""Write what results/*.json say into README.md, between its two marks."""

import json
import statistics
from pathlib import Path

from benchmarks.adaptive import SMALL_RISE
from benchmarks.setting import RESULTS, median_ratio

README = Path(__file__).parent / "README.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->"
SHARE = 0.95


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def speed(results: dict) -> str:
    rows = []
    for task, measured in results.items():
        if not isinstance(measured, dict):
            continue
        seconds = measured["seconds"]
        for name, times in seconds.items():
            ratio = median_ratio(seconds, name, "igref")
            rows.append([task, name, f"{statistics.median(times):.2f}", f"{ratio:.2f}"])
    each = statistics.median(results["IG, 50 steps"]["seconds"]["igref"]) / 50
    note = f"One gradient in igref's IG at 50 steps: {1000 * each:.0f} ms. Maps at 50 steps, igref against Captum: "
    note += f"relative difference {results['IG, 50 steps']['difference of maps to captum']:.1e}.\n\n"
    head = ["task", "by", "median seconds", "times igref, median of the rounds' ratios"]
    return note + table(head, rows)


def memory(results: dict) -> str:
    rows = []
    for name, peaks in results.items():
        least = next(iter(peaks.values()))
        rows += [[name, steps, f"{peak:.2f}", f"{peak / least:.2f}"] for steps, peak in peaks.items()]
    return table(["by", "steps", "peak memory of the process, GiB", "against its 50 steps"], rows)


def adaptive(results: dict) -> str:
    counts, tolerance = results["counts"], results["tolerance"]
    every = results["pairs"]
    rows = []
    for kind, pairs in (
        ("all", every),
        (f"rise of at least {SMALL_RISE}", [p for p in every if abs(p["rise"]) >= SMALL_RISE]),
        (f"rise below {SMALL_RISE}", [p for p in every if abs(p["rise"]) < SMALL_RISE]),
    ):
        if pairs:
            rows += _compare(kind, pairs, counts, tolerance)
    against = ["against the smallest fixed count"]
    note = f"Map errors are distances to the map of {max(counts):,} steps.\n\n"
    return note + table(
        ["pairs", "mode", "gradients in all", *against, "within 5 %", "median gap", "median map error"], rows
    )


def _compare(kind: str, pairs: list[dict], counts: list[int], tolerance: float) -> list[list[str]]:
    fixed = {n: [(p["fixed_gap"][k], p["fixed_map_error"][k]) for p in pairs] for k, n in enumerate(counts)}
    within = {n: sum(gap <= tolerance for gap, _ in found) for n, found in fixed.items()}
    enough = min((n for n in counts if within[n] >= SHARE * len(pairs)), default=None)
    rows = []
    for stop in pairs[0]["adaptive"]:
        found = [p["adaptive"][stop] for p in pairs]
        gradients = sum(one["gradients"] for one in found)
        inside = sum(one["gap"] <= tolerance for one in found)
        said = f"{inside}, said so for {sum(one['converged'] for one in found)}"
        rows.append((f"adaptive, stops by {stop}", gradients, said, [(one["gap"], one["map_error"]) for one in found]))
    for n in dict.fromkeys(n for n in (enough, 50, 200, 1100) if n):
        name = {enough: "the smallest fixed count for 95 %", 1100: "the course report's"}.get(n, "fixed")
        rows.append((f"{n} steps, {name}", (n + 1) * len(pairs), str(within[n]), fixed[n]))
    return [
        [
            "" if place else f"{kind}, {len(pairs)}",
            mode,
            str(gradients),
            f"{gradients / ((enough + 1) * len(pairs)):.2f}" if enough else "",
            inside,
            f"{statistics.median(gap for gap, _ in found):.1%}",
            f"{statistics.median(error for _, error in found):.1%}",
        ]
        for place, (mode, gradients, inside, found) in enumerate(rows)
    ]


def main() -> None:
    parts = []
    for title, write in (("Speed", speed), ("Memory", memory), ("Adaptive", adaptive)):
        file = RESULTS / f"{title.lower()}.json"
        if file.exists():
            found = json.loads(file.read_text())
            parts.append(f"### {title}\n\nMeasured with {found['machine']}.\n\n{write(found['results'])}")
    text = README.read_text()
    before, rest = text.split(START)
    README.write_text(before + START + "\n" + "\n".join(parts) + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
