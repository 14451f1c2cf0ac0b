"""Studies of a model that comes as an ONNX file: it runs in a sandbox of its own, and its maps are judged without gradients."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from autograder import submit
from autograder.judge.forward_passes import N_NODES, Line, block_error, block_signs, sums
from autograder.judge.path import Path as LineWithGradients
from autograder.judge.studies import model_files as onnx_models
from autograder.judge.studies.model_files import OnnxScores, load_onnx_scores
from autograder.judge.studies.named_models import NotVerifiedError, UngradableError
from autograder.judge.verdict import Verdict
from autograder.problem_sets import TASKS, checking
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from autograder.sandbox.limits import Limits
from autograder.student import evidence
from autograder.student.record import ONNX
from autograder.student.submit import EVIDENCE_FOLDER

SIDE, CLASSES, FILE = 24, 5, "mine.onnx"
COUNTS = (5, 10, 20, 50, 200)


@pytest.fixture(scope="module", autouse=True)
def _needs_a_sandbox():
    try:
        check_sandbox()
    except SandboxUnavailableError as error:
        pytest.skip(f"no sandbox on this machine: {error}")


# The model, as a student has it and as a file


@pytest.fixture(scope="module")
def network() -> nn.Module:
    random = torch.Generator().manual_seed(0)
    layers = (nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(8 * 5 * 5, CLASSES), nn.Softmax(dim=1)).eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random) * 2 / parameter[0].numel() ** 0.5
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def images() -> Tensor:
    coarse = torch.rand(10, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, SIDE, mode="bilinear").clamp(0, 1)


def exported(network: nn.Module, n: int | str = "n") -> bytes:
    """The network as an ONNX file that takes (n, 3, SIDE, SIDE)."""
    first, _, second, _, _, linear, _ = network
    weights = {"a": first.weight, "b": first.bias, "c": second.weight, "d": second.bias}
    weights |= {"e": linear.weight, "f": linear.bias}
    nodes = [
        helper.make_node("Conv", ["x", "a", "b"], ["1"], strides=[3, 3]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Conv", ["2", "c", "d"], ["3"]),
        helper.make_node("Relu", ["3"], ["4"]),
        helper.make_node("Flatten", ["4"], ["5"]),
        helper.make_node("Gemm", ["5", "e", "f"], ["6"], transB=1),
        helper.make_node("Softmax", ["6"], ["y"], axis=1),
    ]
    return file_of(nodes, (n, 3, SIDE, SIDE), (n, CLASSES), weights)


def averages(name: str = "y") -> list:
    """The mean of each channel as the scores."""
    return [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], [name])]


def file_of(nodes, takes, gives, weights=None, domains=()) -> bytes:
    constants = [numpy_helper.from_array(values.numpy(), name) for name, values in (weights or {}).items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, takes)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, gives)
    versions = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    graph = helper.make_graph(nodes, "graph", [x], [y], constants)
    return helper.make_model(graph, opset_imports=versions, ir_version=8).SerializeToString()


# The studies


def stack(network: nn.Module, images: Tensor, baselines: Tensor, targets: Tensor, rule: str, n: int) -> Tensor:
    """Integrated gradients, computed with the network's own gradients."""
    lines = (LineWithGradients(network, *line) for line in zip(images, baselines, targets.tolist(), strict=True))
    return torch.stack([torch.from_numpy(line.rule(rule, n)).float() for line in lines])


@pytest.fixture(scope="module")
def ps2(network: nn.Module, images: Tensor) -> dict:
    targets = network(images).argmax(dim=1)
    baselines = {
        "black": torch.zeros_like(images),
        "noise": torch.rand(images.shape, generator=torch.Generator().manual_seed(2)),
        "blurred": nn.functional.avg_pool2d(images, 7, 1, 3),
        "farthest": (images < 0.5).float(),
    }
    attributions = {
        name: stack(network, images, baselines[name], targets, rule, 50)
        for name, rule in (("black", "right"), ("noise", "midpoint"))
    }
    study = {"model": FILE, "images": images, "targets": targets, "predictions": targets, "n_steps": 50}
    return study | {"baselines": baselines, "attributions": attributions}


@pytest.fixture(scope="module")
def ps3(network: nn.Module, images: Tensor) -> dict:
    targets, baseline = network(images).argmax(dim=1), torch.zeros_like(images)
    maps = {n: stack(network, images, baseline, targets, "left", n) for n in COUNTS}
    rise = (network(images) - network(baseline)).gather(1, targets[:, None])[:, 0].double()
    gaps = {n: (stack.double().sum((1, 2, 3)) - rise).abs() / rise.abs() for n, stack in maps.items()}
    within = np.array([(gap <= 0.05).numpy() for gap in gaps.values()])
    stays = np.logical_and.accumulate(within[::-1])[::-1]
    enough = [COUNTS[int(stays[:, k].argmax())] if stays[:, k].any() else 0 for k in range(len(images))]
    study = {"model": FILE, "images": images, "targets": targets, "predictions": targets, "baseline": baseline[0]}
    return study | {"rule": "left", "attributions": maps, "gaps": gaps, "enough": torch.tensor(enough)}


@pytest.fixture
def hand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: nn.Module):
    """Submit a study from a folder that holds the model's file, and judge what that leaves on disk."""

    def hand_in(task: str, study: dict, content: bytes | None = None, seed: int = 1) -> Verdict:
        work, left = tmp_path / "work", tmp_path / "evidence"
        for folder in (work, left):
            folder.mkdir(exist_ok=True)
        (work / FILE).write_bytes(exported(network) if content is None else content)
        monkeypatch.chdir(work)
        with monkeypatch.context() as patch:
            patch.setenv(EVIDENCE_FOLDER, str(left))
            submit(task, **study)
        return checking.judge(task, evidence.read(left, task), seed)

    return hand_in


@pytest.fixture
def scores_here(monkeypatch: pytest.MonkeyPatch, network: nn.Module) -> None:
    """Ask the network itself in place of the sandbox, which takes seconds to start."""
    monkeypatch.setattr(OnnxScores, "n_classes", CLASSES, raising=False)

    def run(self: OnnxScores, points: np.ndarray) -> np.ndarray:
        self.n_classes = CLASSES
        return network(torch.from_numpy(np.ascontiguousarray(points))).numpy()

    monkeypatch.setattr(OnnxScores, "run", run)


def lost(verdict: Verdict) -> set[str]:
    return {finding.name for finding in verdict.findings if not finding.holds}


@pytest.mark.parametrize("task", ["ps2-study", "ps3-study"])
def test_an_honest_study_gets_all_points(task, hand_in, request):
    verdict = hand_in(task, request.getfixturevalue(task[:3]))
    assert verdict.points == TASKS[task].points, verdict
    assert not verdict.mistake


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", ["ps2-study", "ps3-study"])
def test_it_does_so_whatever_the_sample(task, seed, hand_in, scores_here, request):
    verdict = hand_in(task, request.getfixturevalue(task[:3]), seed=seed)
    assert lost(verdict) == set(), verdict


def wrong_maps(
    network: nn.Module, images: Tensor, baselines: Tensor, targets: Tensor, right: Tensor, kind: str
) -> Tensor:
    def at(end: Tensor) -> Tensor:
        end = end.clone().requires_grad_()
        scores = network(end).gather(1, targets[:, None])
        return torch.autograd.grad(scores.sum(), end)[0]

    difference = images - baselines
    second = network(images).argsort(dim=1, descending=True)[:, 1]
    random = torch.randn(images.shape, generator=torch.Generator().manual_seed(3))
    invented = random * right.std()
    rise = right.sum((1, 2, 3), keepdim=True)
    return {
        "reversed": lambda: -right,
        "not averaged": lambda: 50 * right,
        "scaled": lambda: 0.7 * right,
        "zeros": lambda: torch.zeros_like(right),
        "constant": lambda: torch.full_like(right, 0.01),
        "noise": lambda: invented,
        "noise that adds up": lambda: invented - invented.mean((1, 2, 3), keepdim=True) + rise / right[0].numel(),
        "absolute": lambda: right.abs(),
        "one channel": lambda: right.mean(1, keepdim=True).expand_as(right).clone(),
        "no difference": lambda: right / difference.where(difference != 0, torch.ones_like(difference)),
        "end": lambda: difference * at(images),
        "start": lambda: difference * at(baselines),
        "another class": lambda: stack(network, images, baselines, second, "midpoint", 50),
        "next image": lambda: right.roll(1, 0),
    }[kind]()


NAMED = {
    "reversed": {"sign_reversed"},
    "not averaged": {"not_averaged"},
    "scaled": {"scaled"},
    "zeros": {"zeros"},
    "constant": {"constant_map", "one_map_for_all"},
    "noise": {"unrelated_map"},
    "noise that adds up": {"unrelated_map"},
    "absolute": {"absolute_value"},
    "one channel": {"channels_averaged"},
    "no difference": {"difference_missing"},
    "end": {"gradient_times_difference", "gradient_times_input"},
    "start": {"gradient_at_baseline"},
    "another class": {"wrong_class"},
    "next image": {"unrelated_map", "noisy_map"},
}
SUM_IS_RIGHT = {"noise that adds up", "one channel"}


@pytest.mark.parametrize("kind", NAMED)
def test_wrong_maps_lose_points_and_are_named(kind, hand_in, scores_here, network, images, ps2):
    wrong = {
        name: wrong_maps(network, images, ps2["baselines"][name], ps2["targets"], right, kind)
        for name, right in ps2["attributions"].items()
    }
    verdict = hand_in("ps2-study", ps2 | {"attributions": wrong})
    assert "map" in lost(verdict)
    assert kind in SUM_IS_RIGHT or "completeness" in lost(verdict)
    assert lost(verdict) <= {"map", "completeness"}
    assert verdict.mistake in NAMED[kind]


def test_maps_copied_between_step_counts_are_named(hand_in, scores_here, ps3):
    maps = dict.fromkeys(COUNTS, ps3["attributions"][200])
    verdict = hand_in("ps3-study", ps3 | {"attributions": maps})
    assert "map" in lost(verdict)
    assert verdict.mistake == "other_step_count"


def test_maps_with_nan_lose_points(hand_in, scores_here, ps2):
    maps = {name: values / 0 * 0 for name, values in ps2["attributions"].items()}
    verdict = hand_in("ps2-study", ps2 | {"attributions": maps})
    assert lost(verdict) == {"map", "completeness"}
    assert verdict.mistake == "not_finite"


def test_blocks_agree_with_gradients(network, images):
    """The sums of a fine map under random signs are what finite differences of F give."""
    for n in range(3):
        line = Line(network, images[n], images[n + 1], 2)
        signs = block_signs(line.image.shape, np.random.default_rng(n))
        real = LineWithGradients(network, line.image, line.baseline, 2).rule("midpoint", 200)
        blocks = block_error(sums(real, signs.double().numpy()), line.slopes(signs, N_NODES).of(2), 200)
        assert blocks.error < 0.15


# Files that are not what they should be


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "0 bytes"),
        (b"no model at all" * 20, "onnxruntime cannot run it"),
        ("cut off", "onnxruntime cannot run it"),
    ],
)
def test_a_broken_file_is_said_to_be_broken(content, says, hand_in, network, ps2):
    verdict = hand_in("ps2-study", ps2, exported(network)[:3000] if content == "cut off" else content)
    assert verdict.points == 0
    assert verdict.mistake in ("onnx_unreadable", "onnx_missing")
    assert says in verdict.findings[0].seen and FILE in verdict.findings[0].seen
    assert "/" not in verdict.findings[0].seen


def test_a_missing_file_a_link_and_a_large_one_are_said_to_be(hand_in, ps2, tmp_path, monkeypatch):
    assert "no such file" in hand_in("ps2-study", ps2 | {"model": "other.onnx"}).findings[0].seen
    (tmp_path / "work" / "link.onnx").symlink_to(tmp_path / "work" / FILE)
    assert "not a plain file" in hand_in("ps2-study", ps2 | {"model": "link.onnx"}).findings[0].seen
    with (tmp_path / "work" / "large.onnx").open("wb") as file:
        file.truncate(129 * 2**20)
    verdict = hand_in("ps2-study", ps2 | {"model": "large.onnx"})
    assert "135,266,304 bytes" in verdict.findings[0].seen
    assert verdict.mistake == "onnx_missing"


def load(content: bytes, images: Tensor) -> OnnxScores:
    return load_onnx_scores({}, {ONNX: np.frombuffer(content, np.uint8)}, FILE, "probabilities", images)


def test_a_model_of_other_pictures_is_said_to_be(images):
    with pytest.raises(
        UngradableError, match=r"takes the shape \(N, 3, 32, 32\), and the images have \(N, 3, 24, 24\)"
    ):
        load(file_of(averages(), ("n", 3, 32, 32), ("n", 3)), images)


def test_a_model_with_a_fixed_batch_is_run_in_such_batches(network, images):
    assert np.allclose(load(exported(network, n=4), images).forward(images), network(images), atol=1e-5)


def test_a_model_whose_scores_change_is_said_to(images):
    noise, add = helper.make_node("RandomNormalLike", ["m"], ["noise"]), helper.make_node("Add", ["m", "noise"], ["y"])
    content = file_of([*averages("m"), noise, add], ("n", 3, 24, 24), ("n", 3))
    with pytest.raises(UngradableError, match="other scores the second time"):
        load(content, images)


def test_custom_operators_and_outside_files_are_refused(images, tmp_path):
    foreign = file_of(
        [helper.make_node("Mine", ["x"], ["y"], domain="mine")], ("n", 3, 24, 24), ("n", 3), None, ["mine"]
    )
    with pytest.raises(UngradableError, match="onnxruntime cannot run it"):
        load(foreign, images)
    # Its weights are said to lie in a file of the course.
    secret = tmp_path / "gradebook.db"
    secret.write_bytes(np.full(3, 42, np.float32).tobytes())
    for place in (str(secret), os.path.relpath(secret, "/sandbox/submission"), "/etc/hostname"):
        outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
        outside.data_location = TensorProto.EXTERNAL
        outside.external_data.add(key="location", value=place)
        nodes = [*averages("m"), helper.make_node("Add", ["m", "w"], ["y"])]
        model = onnx.load_from_string(file_of(nodes, ("n", 3, 24, 24), ("n", 3)))
        model.graph.initializer.append(outside)
        with pytest.raises(UngradableError, match="onnxruntime cannot run it") as raised:
            load(model.SerializeToString(), images)
        assert str(tmp_path) not in str(raised.value).replace(place, "")


def endless() -> bytes:
    """A loop over as many turns as 64 bits count, which sums the pictures' means."""
    state = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["s", "m"], ["t"])],
        "body",
        [state("k", TensorProto.INT64, []), state("go", TensorProto.BOOL, []), state("s", TensorProto.FLOAT, None)],
        [state("on", TensorProto.BOOL, []), state("t", TensorProto.FLOAT, None)],
    )
    nodes = [*averages("m"), helper.make_node("Loop", ["turns", "yes", "m"], ["y"], body=body)]
    constants = {"turns": torch.tensor(2**62), "yes": torch.tensor(True)}
    return file_of(nodes, ("n", 3, 24, 24), ("n", 3), constants)


def hoarding() -> bytes:
    """Asks for 64 GiB."""
    shape = torch.tensor([2**18, 2**16])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["all"]),
        helper.make_node("ReduceSum", ["all"], ["sum"], keepdims=0),
        *averages("m"),
        helper.make_node("Add", ["m", "sum"], ["y"]),
    ]
    return file_of(nodes, ("n", 3, 24, 24), ("n", 3), {"shape": shape})


@pytest.mark.parametrize("content", [endless, hoarding])
def test_an_endless_or_too_large_model_is_stopped(content, images, monkeypatch):
    monkeypatch.setattr(onnx_models, "LIMITS", Limits(notebook_seconds=8, memory=3072, processes=4, evidence=64))
    with pytest.raises(UngradableError, match=FILE):
        load(content(), images)


def test_where_there_is_no_sandbox_the_study_is_not_verified(hand_in, ps2, monkeypatch):
    def refuse():
        raise SandboxUnavailableError("not here")

    monkeypatch.setattr(onnx_models, "check_sandbox", refuse)
    verdict = hand_in("ps2-study", ps2)
    assert verdict.points == 0
    assert verdict.notes[-1].startswith("Not verified")
    monkeypatch.undo()
    monkeypatch.setattr(onnx_models, "find_spec", lambda name: None)
    with pytest.raises(NotVerifiedError, match="not installed"):
        load(b"any", ps2["images"])


# What the worker sees

LOOKING = """
import json, os, pathlib, socket, sys
given, written = sys.argv[1:]
try:
    socket.create_connection(("1.1.1.1", 53), timeout=2)
    network = True
except OSError:
    network = False
places = PLACES
seen = [place for place in places if os.path.exists(place) and (os.path.isfile(place) or os.listdir(place))]
try:
    import igref.models
    seen.append("igref")
except ImportError:
    pass
try:
    open(os.path.join(given, "model.onnx"), "ab")
    seen.append("a writable model")
except OSError:
    pass
import numpy as np
np.savez(pathlib.Path(written) / "scores.npz", scores=np.zeros((0, 0)))
text = json.dumps({"unfit": f"network {network}, sees {seen}, {sorted(os.listdir(given))}"})
(pathlib.Path(written) / "scores.json").write_text(text)
"""


def test_the_worker_sees_neither_the_course_nor_the_network(images, tmp_path, monkeypatch):
    course = Path(__file__).parents[2]
    (tmp_path / "gradebook.db").write_text("grades")
    places = [str(tmp_path / "gradebook.db"), "/etc/passwd", "/home", "/var", "/run"]
    places += [str(course / name) for name in ("igref", "autograder", "solutions", "tests", "README.md")]
    script = tmp_path / "looking.py"
    script.write_text(LOOKING.replace("PLACES", repr(places)))
    monkeypatch.setattr(onnx_models, "WORKER", script)
    with pytest.raises(UngradableError, match=r"network False, sees \[\], \['model.onnx', 'points.npy'\]"):
        load(b"any", images)


@pytest.mark.parametrize(
    "leaves",
    [
        "pass",
        "open(folder + '/scores.json', 'w').write('{}')",
        "os.symlink('/etc/hostname', folder + '/scores.npz'); open(folder + '/scores.json', 'w').write('{}')",
        "np.savez(folder + '/scores.npz', scores=np.array([None])); open(folder + '/scores.json', 'w').write('{}')",
        "np.savez(folder + '/scores.npz', scores=np.zeros((3, 2))); open(folder + '/scores.json', 'w').write('{}')",
        "np.savez(folder + '/scores.npz', scores=np.full((10, 2), np.nan)); open(folder + '/scores.json', 'w').write('{}')",
        "open(folder + '/scores.json', 'w').write('[]' * 9)",
        "open(folder + '/x', 'wb').write(b'x' * (80 << 20))",
    ],
)
def test_whatever_the_worker_leaves_is_read_with_care(leaves, images, tmp_path, monkeypatch):
    script = tmp_path / "leaving.py"
    script.write_text(f"import os, sys\nimport numpy as np\nfolder = sys.argv[2]\n{leaves}\n")
    monkeypatch.setattr(onnx_models, "WORKER", script)
    with pytest.raises(UngradableError, match=FILE):
        load(b"any", images)
