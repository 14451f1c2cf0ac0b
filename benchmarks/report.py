"""Write what results/*.json say into README.md, between its two marks."""

import json
import statistics
from pathlib import Path

from benchmarks.setting import RESULTS, median_ratio

README = Path(__file__).parent / "README.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->"
SMALL_RISE = 0.2
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
    return table(["pairs", "mode", "gradients in all", "within 5 %", "median gap", "median map error"], rows)


def _compare(kind: str, pairs: list[dict], counts: list[int], tolerance: float) -> list[list[str]]:
    within = [sum(p["fixed_gap"][k] <= tolerance for p in pairs) for k in range(len(counts))]
    enough = [k for k in range(len(counts)) if within[k] >= SHARE * len(pairs)]
    converged = sum(p["adaptive_converged"] for p in pairs)
    rows = [
        [
            f"{kind}, {len(pairs)}",
            "adaptive",
            str(sum(p["adaptive_gradients"] for p in pairs)),
            f"{sum(p['adaptive_gap'] <= tolerance for p in pairs)}, said so for {converged}",
            f"{statistics.median(p['adaptive_gap'] for p in pairs):.1%}",
            f"{statistics.median(p['adaptive_map_error'] for p in pairs):.1%}",
        ]
    ]
    shown = {"smallest fixed count for 95 %": enough[0]} if enough else {}
    shown |= {
        "50 fixed": counts.index(50),
        "200 fixed": counts.index(200),
        "1,100, the course report's": counts.index(1100),
    }
    for name, k in shown.items():
        rows.append(
            [
                "",
                f"{name}: {counts[k]} steps" if k == shown.get("smallest fixed count for 95 %") else name,
                str((counts[k] + 1) * len(pairs)),
                str(within[k]),
                f"{statistics.median(p['fixed_gap'][k] for p in pairs):.1%}",
                f"{statistics.median(p['fixed_map_error'][k] for p in pairs):.1%}",
            ]
        )
    return rows


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
