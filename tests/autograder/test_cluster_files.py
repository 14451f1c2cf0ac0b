"""The files in docs/cluster say what Slurm and Kubernetes are asked for: as far as can be seen without either."""

import importlib.util
import re
from pathlib import Path

import dask.config
import distributed  # noqa: F401  its settings are then known
import pytest
import yaml

FILES = Path(__file__).parents[2] / "docs" / "cluster"
DAEMON = "DASK_DISTRIBUTED__WORKER__DAEMON"


def known(variable: str) -> bool:
    """Whether an environment variable sets something that Dask has."""
    key = variable.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-")
    return dask.config.get(key, None) is not None


def test_the_job_of_a_slurm_worker_has_one_core_and_may_start_processes():
    pytest.importorskip("dask_jobqueue")
    spec = importlib.util.spec_from_file_location("slurm", FILES / "slurm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.cluster("short", "01:00:00") as cluster:
        script = cluster.job_script()
    assert "#SBATCH -p short" in script and "#SBATCH --cpus-per-task=1" in script and "#SBATCH -t 01:00:00" in script
    assert f"export {DAEMON}=False" in script and "export OMP_NUM_THREADS=1" in script
    assert "--nthreads 1 " in script and script.rstrip().endswith("--memory-limit 0")
    assert known(DAEMON) and not known("DASK_DISTRIBUTED__WORKER__DEAMON")


def test_the_cluster_of_kubernetes_has_what_the_grader_needs():
    cluster = yaml.safe_load((FILES / "kubernetes.yaml").read_text())
    assert (cluster["apiVersion"], cluster["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    parts = {name: cluster["spec"][name]["spec"]["containers"] for name in ("worker", "scheduler")}
    for name, (container,) in parts.items():
        assert container["name"] == name and container["args"][:2] == ["dask", name]
        for variable in container["env"]:
            assert isinstance(variable["value"], str)
            assert not variable["name"].startswith("DASK_") or known(variable["name"]), variable
    worker = parts["worker"][0]
    assert {"name": DAEMON, "value": "False"} in worker["env"] and worker["securityContext"]["privileged"]
    assert worker["args"][worker["args"].index("--nthreads") + 1] == "1"
    assert all(isinstance(argument, str) for argument in worker["args"])
    service = cluster["spec"]["scheduler"]["service"]
    assert service["selector"]["dask.org/cluster-name"] == cluster["metadata"]["name"]
    ports = {port["name"] for port in parts["scheduler"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == ports
    assert re.search(r"port-forward service/grading-scheduler 8786", (FILES / "kubernetes.yaml").read_text())
