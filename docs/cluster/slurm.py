"""A Dask scheduler here, and workers that Slurm starts. Run it where the course is, and leave it running while a class is graded.

pip install dask-jobqueue
python slurm.py --workers 100 --partition short
"""

import argparse
import signal

import dask
from dask_jobqueue import SLURMCluster


def cluster(partition: str, walltime: str) -> SLURMCluster:
    """One worker a job: one core, and the memory of one sandbox (4 GiB), of the verdict, and of the worker itself."""
    return SLURMCluster(
        queue=partition,
        cores=1,
        processes=1,
        memory="12GiB",
        walltime=walltime,
        job_script_prologue=[
            "export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1",
            "export DASK_DISTRIBUTED__WORKER__DAEMON=False  # a worker starts processes of its own",
        ],
        # The sandbox and Slurm bound the memory; Dask would count the worker's own alone.
        worker_extra_args=["--memory-limit", "0"],
        local_directory="/tmp",
        shared_temp_directory=None,
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workers", type=int, default=10)
    options.add_argument("--partition")
    options.add_argument("--walltime", default="08:00:00")
    asked = options.parse_args()
    # A job that ends takes its submission with it, which is no fault of the submission's.
    dask.config.set({"distributed.scheduler.allowed-failures": 20})
    with cluster(asked.partition, asked.walltime) as running:
        running.scale(jobs=asked.workers)
        print(f"python -m autograder grade ps1 --scheduler {running.scheduler_address}", flush=True)
        signal.pause()
