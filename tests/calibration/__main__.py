"""How often is the grader right? Every entry of the corpus is handed in and judged; the table goes to docs/.

make calibrate                             all of it
python tests/calibration --only ps3        one set, printed and not written
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="entries whose task begins with this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"

    from calibration_table import as_expected, table_of
    from corpus import corpus

    chosen = [k for k, entry in enumerate(corpus()) if entry.task.startswith(arguments.only)]
    results = list(_judged(chosen, max(1, arguments.jobs)))
    text = table_of(results)
    print(text)
    if not arguments.only:
        (DOCS / "calibration.md").write_text(text)
    return 0 if as_expected(results) else 1


def _judged(chosen: list[int], jobs: int) -> Iterator:
    with ProcessPoolExecutor(jobs) as pool:
        for done, result in enumerate(pool.map(_judge, chosen), 1):
            if not done % 20 or done == len(chosen):
                print(f"{done} of {len(chosen)} entries judged", file=sys.stderr, flush=True)
            yield result


def _judge(k: int):
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    from corpus import corpus
    from judged import outcome

    return outcome(corpus()[k])


if __name__ == "__main__":
    sys.exit(main())
