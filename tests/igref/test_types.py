"""What a type checker knows of igref, as a client of it sees it."""

import subprocess
import sys
from pathlib import Path

import igref

KIT = Path(igref.__file__).parents[1]


def checked(script: str, folder: Path) -> list[str]:
    """mypy's lines on a script that lies outside of the kit."""
    file = folder / "client.py"
    file.write_text(script)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--follow-imports=silent",
        "--config-file=",
        f"--cache-dir={KIT}/.mypy_cache/clients",
    ]
    return subprocess.run([*command, file], cwd=KIT, capture_output=True, text=True).stdout.splitlines()


def test_every_public_name_has_a_type(tmp_path):
    lines = checked("import igref\n" + "".join(f"reveal_type(igref.{name})\n" for name in igref.__all__), tmp_path)
    revealed = [line.partition("Revealed type is ")[2] for line in lines if "Revealed type" in line]
    assert len(revealed) == len(igref.__all__)
    assert '"Any"' not in revealed
    of_the_main_function = revealed[igref.__all__.index("integrated_gradients")]
    assert "n_steps: int" in of_the_main_function
    assert of_the_main_function.endswith('-> igref.attribution.core.Attribution"')


def test_a_mistake_of_a_client_is_found(tmp_path):
    script = """
import torch
from igref import integrated_gradients, load_model
x = torch.zeros(1, 3, 224, 224)
ig = integrated_gradients(load_model().probabilities, x, x, 0, n_steps="many")
print(ig.valeus)
"""
    lines = checked(script, tmp_path)
    assert any(
        '"n_steps" to "integrated_gradients" has incompatible type "str"; expected "int"' in line for line in lines
    )
    assert any('"Attribution" has no attribute "valeus"' in line for line in lines)
