"""How often is the grader right? The corpus, the unseen work and that from the field are judged; the tables go to docs/.

make calibrate                             all of it
make calibrate ARGS=--resume                  with what an interrupted run has judged already: where no check has changed since
python -m tests.calibration --only ps3        one set, printed and not written
python -m tests.calibration --seeds 20        ps1's functions alone, with so many seeds: whose points differ
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

KIT = Path(__file__).resolve().parents[2]
DOCS, KEPT = KIT / "docs", KIT / "build" / "calibration"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="entries whose task begins with this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", type=int, default=0, help="hand in ps1's functions with so many seeds")
    parser.add_argument("--resume", action="store_true", help="take what an interrupted run has judged as it is")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if arguments.seeds:
        return _compare_seeds(arguments.only, arguments.seeds, arguments.jobs)

    from corpus import corpus
    from tests.calibration import field_work, unseen_work
    from tests.calibration.calibration_table import as_expected, table_of

    if not arguments.resume:
        shutil.rmtree(KEPT, ignore_errors=True)
    chosen = [k for k, entry in enumerate(corpus()) if entry.task.startswith(arguments.only)]
    results = list(_judged(_judge, chosen, arguments.jobs, "corpus"))
    unseen = [path for path in unseen_work.files() if path.parents[1].name.startswith(arguments.only[:3])]
    field = [path for path in field_work.files() if path.parents[1].name.startswith(arguments.only[:3])]
    text = table_of(results) + unseen_work.table_of(list(_judged(_judge_unseen, unseen, arguments.jobs, "unseen")))
    text += field_work.table_of(list(_judged(_judge_field, field, arguments.jobs, "field")))
    print(text)
    if not arguments.only:
        (DOCS / "calibration.md").write_text(text)
    return 0 if as_expected(results) else 1


def _compare_seeds(only: str, count: int, jobs: int) -> int:
    from tests.calibration import seeds

    chosen = [(only, seed) for seed in range(seeds.FIRST_SEED, seeds.FIRST_SEED + count)]
    outcomes = [one for some in _judged(_judge_with_seed, chosen, jobs) for one in some]
    print(seeds.table_of(outcomes))
    return 1 if seeds.unsteady(outcomes) or seeds.refused(outcomes) else 0


def _judged(judge: Callable, chosen: list, jobs: int, kind: str = "") -> Iterator:
    """What `judge` gives for each; kept under build/ where the run has a `kind`, so that it can be gone on with."""
    known = {one: outcome for one in chosen if kind and (outcome := _kept(kind, one)) is not None}
    with ProcessPoolExecutor(max(1, jobs)) as pool:
        coming = pool.map(judge, [one for one in chosen if one not in known])
        for done, one in enumerate(chosen, 1):
            result = known[one] if one in known else next(coming)
            if kind and one not in known:
                _keep(kind, one, result)
            if not done % 20 or done == len(chosen):
                print(f"{done} of {len(chosen)} judged", file=sys.stderr, flush=True)
            yield result


def _file_of(kind: str, one: int | Path) -> Path:
    return KEPT / kind / (f"{one}.pickle" if isinstance(one, int) else f"{one.parents[1].name}-{one.stem}.pickle")


def _kept(kind: str, one: int | Path) -> object | None:
    return pickle.loads(file.read_bytes()) if (file := _file_of(kind, one)).exists() else None


def _keep(kind: str, one: int | Path, result: object) -> None:
    file = _file_of(kind, one)
    file.parent.mkdir(parents=True, exist_ok=True)
    (part := file.with_suffix(".part")).write_bytes(pickle.dumps(result))
    part.rename(file)


def _judge(k: int):
    _quietly_on_one_thread()
    from corpus import corpus
    from tests.calibration.judged import outcome

    return outcome(corpus()[k])


def _judge_unseen(path: Path):
    _quietly_on_one_thread()
    from tests.calibration.unseen_work import judge

    return judge(path)


def _judge_field(path: Path):
    _quietly_on_one_thread()
    from tests.calibration.field_work import judge

    return judge(path)


def _judge_with_seed(chosen: tuple[str, int]):
    _quietly_on_one_thread()
    from tests.calibration import seeds

    only, seed = chosen
    return seeds.with_seed(seeds.functions(only), seed)


def _quietly_on_one_thread() -> None:
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    sys.exit(main())
