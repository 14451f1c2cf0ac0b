"""The doctor: every line has a state, every failure a remedy, and one broken part does not hide the others."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from igref import doctor
from igref.doctor import examine, main


def test_this_installation_is_healthy(capsys):
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        all(line.startswith(("[OK]", "[NOTE]", "       -> ")) for line in lines[:-2])
        and lines[-1] == "Everything is there."
    )
    said = "\n".join(lines)
    for part in ("Python 3", "torch 2", "torchvision imports", "photos", "espresso", "Jupyter kernel"):
        assert part in said


def test_it_runs_as_a_module_in_an_empty_place(tmp_path):
    done = subprocess.run([sys.executable, "-m", "igref.doctor"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    (finding,) = doctor.check_python()
    assert finding.state == "FAIL" and finding.remedy == "install Python 99.0 or later"


def test_packages_that_are_missing_or_of_another_version(monkeypatch):
    monkeypatch.setattr(
        doctor, "requires", lambda name: ["numpy==0.1", "nothing-like-it==1.0", "torch", 'far; extra == "test"']
    )
    first, second, third = doctor.check_packages()
    assert (
        first.state == "FAIL" and first.what.endswith("tested with ==0.1") and "pip install 'numpy==0.1'" in str(first)
    )
    assert second.state == "FAIL" and second.what == "nothing-like-it is not installed"
    assert third.state == "OK"

    def not_installed(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", not_installed)
    (finding,) = doctor.check_packages()
    assert finding.state == "FAIL" and finding.remedy


def test_a_check_that_cannot_run_is_a_failure_and_the_others_go_on(monkeypatch, capsys):
    def broken():
        """Something is there."""
        raise ImportError("no such library\nand more")
        yield

    monkeypatch.setattr(doctor, "CHECKS", ((broken, "mend it"), (doctor.check_python, "")))
    assert [finding.state for finding in examine()] == ["FAIL", "OK"]
    assert main() == 1
    said = capsys.readouterr().out
    assert "[FAIL] Something is there: ImportError: no such library\n       -> mend it" in said
    assert said.endswith("1 to repair; see the arrows above.\n")


def test_weights_that_are_wrong(monkeypatch):
    from igref.models import WeightsError

    def damaged():
        raise WeightsError("the weights are damaged")

    monkeypatch.setattr("igref.models.load_model", damaged)
    monkeypatch.setattr(doctor, "CHECKS", ((doctor.check_model_and_photos, doctor.INSTALL),))
    photos, weights = examine()
    assert photos.state == "OK" and weights.state == "FAIL" and "the weights are damaged" in weights.what


def test_a_model_that_is_wrong_about_the_photo(monkeypatch):
    monkeypatch.setattr(doctor, "TESTED_CLASS", "teapot")
    *_, finding = doctor.check_model_and_photos()
    assert finding.state == "FAIL" and "expected teapot" in finding.what


@pytest.mark.parametrize("system", ("Linux", "Darwin"))
def test_no_sandbox_is_a_note_for_students(system, monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "_bundled_bubblewrap", lambda: None)
    (finding,) = doctor.check_sandbox()
    assert finding.state == "NOTE" and "students need none" in finding.remedy


def test_no_kernel(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    (finding,) = doctor.check_kernel()
    assert finding.state == "FAIL" and "ipykernel" in finding.remedy
