"""Studies of a model that comes as a file: it runs in a sandbox of its own, and its maps are judged as any other's."""

import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from autograder import submit
from autograder.judge.line import Line as LineWithGradients
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import FileScores, NotRunError, UnfitModelError, load_file_scores
from autograder.judge.verdict import NotVerifiedError, UngradableError, Verdict
from autograder.problem_sets import TASKS, checking
from autograder.sandbox import model_archive, model_process, model_worker
from autograder.sandbox.bubblewrap import SandboxUnavailableError
from autograder.sandbox.limits import Limits
from autograder.sandbox.model_process import BESIDE_IT, ModelProcess
from autograder.student import evidence
from autograder.student.record import MODEL_FILE, StudyRecord
from autograder.student.submit import EVIDENCE_FOLDER
from corpus.studies import enough_of

SIDE, CLASSES = 24, 5
ONNX, ARCHIVE = FILES = "mine.onnx", "mine.pt2"
COUNTS = (5, 10, 20, 50, 200)


pytestmark = pytest.mark.usefixtures("sandbox_of_this_machine")


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


def archived(network: nn.Module, n: int | None = None, side: int = SIDE) -> bytes:
    """The network as an archive of torch.export."""
    sizes = {0: torch.export.Dim("n")} if n is None else None
    program = torch.export.export(network, (torch.rand(n or 2, 3, side, side),), dynamic_shapes=(sizes,))
    torch.export.save(program, file := io.BytesIO())
    return file.getvalue()


@pytest.fixture(scope="module")
def contents(network: nn.Module) -> dict[str, bytes]:
    return {ONNX: exported(network), ARCHIVE: archived(network)}


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
    study = {"images": images, "targets": targets, "predictions": targets, "n_steps": 50}
    return study | {"baselines": baselines, "attributions": attributions}


@pytest.fixture(scope="module")
def ps1(network: nn.Module, images: Tensor) -> dict:
    image, baseline = images[0], torch.zeros_like(images[0])
    target = int(network(images[:1]).argmax())
    line = LineWithGradients(network, image, baseline, target)
    study = {"image": image, "baseline": baseline, "target": target, "n_steps": 50}
    study["attribution"] = torch.from_numpy(line.rule("midpoint", 50)).float()
    return study | {"gradient_times_input": image * line.gradients(np.ones(1))[0]}


@pytest.fixture(scope="module")
def ps3(network: nn.Module, images: Tensor) -> dict:
    targets, baseline = network(images).argmax(dim=1), torch.zeros_like(images)
    maps = {n: stack(network, images, baseline, targets, "left", n) for n in COUNTS}
    rise = (network(images) - network(baseline)).gather(1, targets[:, None])[:, 0].double()
    gaps = {n: (stack.double().sum((1, 2, 3)) - rise).abs() / rise.abs() for n, stack in maps.items()}
    study = {"images": images, "targets": targets, "predictions": targets, "baseline": baseline[0]}
    study |= {"rule": "left", "attributions": maps, "gaps": gaps}
    return study | {"enough": enough_of(gaps), "enough_steps": enough_of}


@pytest.fixture
def hand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]):
    """Submit a study from a folder that holds the model's file, and judge what that leaves on disk."""

    def hand_in(task: str, study: dict, content: bytes | None = None, seed: int = 1, name: str = ONNX) -> Verdict:
        work, left = tmp_path / "work", tmp_path / "evidence"
        for folder in (work, left):
            folder.mkdir(exist_ok=True)
        (work / name).write_bytes(contents[name] if content is None else content)
        monkeypatch.chdir(work)
        with monkeypatch.context() as patch:
            patch.setenv(EVIDENCE_FOLDER, str(left))
            submit(task, **{"model": name} | study)
        return checking.judge(task, evidence.read(left, task), seed)

    return hand_in


@contextmanager
def _told_as_by_the_process():
    try:
        yield
    except model_worker.UnfitError as error:
        raise UnfitModelError(str(error)) from None
    except model_worker.ChangingError as error:
        raise UnfitModelError(str(error), Mistake.MODEL_FILE_NOT_FIXED) from None
    except model_worker.UnknownOperatorsError as error:
        raise NotRunError(Mistake.ONNX_NOT_DIFFERENTIABLE, str(error)) from None


class HereWithoutSandbox(ModelProcess):
    """The worker's own code in this process: a sandbox takes seconds to start."""

    def __init__(self, content: bytes, suffix: str) -> None:
        self._folder = Path("running").absolute()
        self._folder.mkdir(exist_ok=True)
        self._file = self._folder / f"model{suffix}"
        self._file.write_bytes(content)
        for module in BESIDE_IT:
            shutil.copy(module, self._folder)
        sys.path.append(str(self._folder))
        self._model = None

    def __exit__(self, *_: object) -> None:
        sys.path.remove(str(self._folder))
        self._file.unlink()

    def scores(self, points: np.ndarray, keep: bool) -> np.ndarray:
        with _told_as_by_the_process():
            self._model = self._model or model_worker.Model(self._folder, points)
            return self._model.scores(points, keep)

    def gradients(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        with _told_as_by_the_process():
            return self._model.gradients(points, weights)


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_archive.LOADS_ONLY_NUMBERS, "1")
    monkeypatch.setattr(checking, "ModelProcess", HereWithoutSandbox)


def lost(verdict: Verdict) -> set[str]:
    return {finding.name for finding in verdict.findings if not finding.holds}


EACH_SET_AND_EACH_KIND = (("ps1-photo", ONNX), ("ps1-photo", ARCHIVE), ("ps2-study", ARCHIVE), ("ps3-study", ONNX))
EVERY_PAIR = tuple(product(("ps1-photo", "ps2-study", "ps3-study"), FILES))


@pytest.mark.parametrize(("task", "name"), EVERY_PAIR if "HOSTILE" in os.environ else EACH_SET_AND_EACH_KIND)
def test_honest_work_gets_all_points(task, name, hand_in, request):
    verdict = hand_in(task, request.getfixturevalue(task[:3]), name=name)
    assert verdict.points == TASKS[task].points, verdict
    assert not verdict.mistake


TWO_PERCENT = {
    "weights that sum to 0.98": ("trapezoid", lambda map_: 0.98 * map_, {"trapezoid_weights", "scaled"}),
    "one gradient too many": ("right", lambda map_: 51 / 50 * map_, {"scaled"}),
    "a factor of 1.02": ("midpoint", lambda map_: 1.02 * map_, {"scaled"}),
    "a factor of 0.985": ("gauss_legendre", lambda map_: 0.985 * map_, {"scaled"}),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fault", TWO_PERCENT)
def test_faults_of_two_percent_are_found(fault, name, hand_in, run_here, network, ps1):
    rule, spoil, mistakes = TWO_PERCENT[fault]
    line = LineWithGradients(network, ps1["image"], ps1["baseline"], ps1["target"])
    right = torch.from_numpy(line.rule(rule, 50)).float()
    assert hand_in("ps1-photo", ps1 | {"attribution": right}, name=name).points == 4
    verdict = hand_in("ps1-photo", ps1 | {"attribution": spoil(right)}, name=name)
    assert "map" in lost(verdict) and "product" not in lost(verdict)
    assert verdict.mistake in mistakes


@pytest.mark.parametrize("name", FILES)
def test_a_product_that_is_two_percent_off_loses_its_point(name, hand_in, run_here, ps1):
    verdict = hand_in("ps1-photo", ps1 | {"gradient_times_input": 1.02 * ps1["gradient_times_input"]}, name=name)
    assert lost(verdict) == {"product"}


def wrong_maps(
    network: nn.Module, images: Tensor, baselines: Tensor, targets: Tensor, right: Tensor, kind: str
) -> Tensor:
    second = network(images).argsort(dim=1, descending=True)[:, 1]
    random = torch.randn(images.shape, generator=torch.Generator().manual_seed(3))
    invented = random * right.std()
    return {
        "reversed": lambda: -right,
        "scaled": lambda: 0.7 * right,
        "noise": lambda: invented,
        "one channel": lambda: right.mean(1, keepdim=True).expand_as(right).clone(),
        "another class": lambda: stack(network, images, baselines, second, "midpoint", 50),
        "next image": lambda: right.roll(1, 0),
        "image after next but one": lambda: right.roll(3, 0),
    }[kind]()


NAMED = {
    "reversed": {"sign_reversed"},
    "scaled": {"scaled"},
    "noise": {"unrelated_map"},
    "one channel": {"channels_averaged"},
    "another class": {"wrong_class"},
    "next image": {"map_of_another_image"},
    "image after next but one": {"map_of_another_image"},
}
SUM_IS_RIGHT = {"one channel"}


@pytest.mark.parametrize("kind", NAMED)
def test_wrong_maps_lose_points_and_are_named(kind, hand_in, run_here, network, images, ps2):
    wrong = {
        name: wrong_maps(network, images, ps2["baselines"][name], ps2["targets"], right, kind)
        for name, right in ps2["attributions"].items()
    }
    verdict = hand_in("ps2-study", ps2 | {"attributions": wrong})
    assert "map" in lost(verdict)
    assert kind in SUM_IS_RIGHT or "completeness" in lost(verdict)
    assert lost(verdict) <= {"map", "completeness"}
    assert verdict.mistake in NAMED[kind]


def test_maps_copied_between_step_counts_are_named(hand_in, run_here, ps3):
    maps = dict.fromkeys(COUNTS, ps3["attributions"][200])
    verdict = hand_in("ps3-study", ps3 | {"attributions": maps})
    assert "map" in lost(verdict)
    assert verdict.mistake == "other_step_count"


def test_maps_with_nan_lose_points(hand_in, run_here, ps2):
    maps = {name: values / 0 * 0 for name, values in ps2["attributions"].items()}
    verdict = hand_in("ps2-study", ps2 | {"attributions": maps})
    assert lost(verdict) == {"map", "completeness"}
    assert verdict.mistake == "not_finite"


# Files that are not what they should be


BROKEN = {ONNX: "onnxruntime cannot run it", ARCHIVE: "it is damaged"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"no model at all" * 20, "cut off"])
def test_a_broken_file_is_said_to_be_broken(content, name, hand_in, run_here, contents, ps2):
    verdict = hand_in("ps2-study", ps2, contents[name][:3000] if content == "cut off" else content, name=name)
    assert verdict.points == 0
    assert verdict.mistake == ("model_file_unreadable" if content else "model_file_missing")
    seen = verdict.findings[0].seen
    assert (BROKEN[name] if content else "0 bytes") in seen and name in seen
    assert "/" not in seen


def test_a_missing_file_a_link_and_a_large_one_are_said_to_be(hand_in, ps2, tmp_path, monkeypatch):
    assert "no such file" in hand_in("ps2-study", ps2 | {"model": "other.onnx"}).findings[0].seen
    (tmp_path / "work" / "link.onnx").symlink_to(tmp_path / "work" / ONNX)
    assert "not a plain file" in hand_in("ps2-study", ps2 | {"model": "link.onnx"}).findings[0].seen
    with (tmp_path / "work" / "large.pt2").open("wb") as file:
        file.truncate(129 * 2**20)
    verdict = hand_in("ps2-study", ps2 | {"model": "large.pt2"})
    assert "135,266,304 bytes" in verdict.findings[0].seen
    assert verdict.mistake == "model_file_missing"


@pytest.fixture
def load():
    """Load a model's file as a study does, by default in a sandbox."""
    with ExitStack() as running:

        def load(content: bytes, images: Tensor, name: str = ONNX, process: type = ModelProcess) -> FileScores:
            record = StudyRecord("ps1-photo", values={"model": name}, names={}, types={}, dtypes={}, missing=[])
            arrays = {MODEL_FILE: np.frombuffer(content, np.uint8)}
            opened = lambda *file: running.enter_context(process(*file))  # noqa: E731
            return load_file_scores(record, arrays, "probabilities", images, opened)

        yield load


@pytest.fixture
def load_here(load, run_here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(load, process=HereWithoutSandbox)


@pytest.mark.parametrize("name", FILES)
def test_scores_and_gradients_are_the_networks_own(name, load, contents, network, images):
    forward = load(contents[name], images, name).forward
    for weighted in (lambda scores: scores[:, 2].sum(), lambda scores: scores.log().mean()):
        own, other = (images.clone().requires_grad_() for _ in range(2))
        weighted(network(own)).backward()
        weighted(forward(other)).backward()
        assert torch.allclose(own.grad, other.grad, rtol=1e-3, atol=1e-6)
    assert torch.allclose(forward(images), network(images), atol=1e-6)
    assert not forward(images).requires_grad


WIDER = r"takes the shape \(N, 3, 32, 32\), and the images have \(N, 3, 24, 24\)"


def test_a_model_of_other_pictures_is_said_to_be(load_here, images):
    with pytest.raises(UngradableError, match=WIDER):
        load_here(file_of(averages(), ("n", 3, 32, 32), ("n", 3)), images)
    mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UngradableError, match=WIDER):
        load_here(archived(mean, side=32), images, ARCHIVE)


@pytest.mark.parametrize("name", FILES)
def test_a_model_with_a_fixed_batch_is_run_in_such_batches(name, load_here, network, images):
    content = {ONNX: exported, ARCHIVE: archived}[name](network, n=4)
    scores = load_here(content, images, name)
    assert torch.allclose(scores.forward(images), network(images), atol=1e-5)
    own, other = (images.clone().requires_grad_() for _ in range(2))
    network(own)[:, 1].sum().backward()
    scores.forward(other)[:, 1].sum().backward()
    assert torch.allclose(own.grad, other.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_a_model_whose_scores_change_is_said_to(name, load_here, images):
    if name == ONNX:
        steps = [helper.make_node("ReduceMean", ["x"], ["all"], keepdims=0), *averages("m")]
        content = file_of([*steps, helper.make_node("Add", ["m", "all"], ["y"])], ("n", 3, 24, 24), ("n", 3))
    else:
        content = archived(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout()).train())
    with pytest.raises(UngradableError, match="other scores the second time"):
        load_here(content, images, name)


def test_a_model_without_gradients_is_said_to_have_none(load_here, network, images):
    class Detached(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return network(x.detach())

    scores = load_here(archived(Detached()), images, ARCHIVE)
    with pytest.raises(UngradableError, match=r"export it without torch.no_grad\(\) and detach\(\)"):
        scores.forward(images.clone().requires_grad_()).sum().backward()


# Archives that hold more than a model


WON = "/tmp/an-archive-ran-code"


class Runs:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {WON}",)


def parts_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def edited(parts: dict[str, bytes], name: str, old: str, new: str) -> dict[str, bytes]:
    text = parts[name].decode()
    assert old in text
    return parts | {name: text.replace(old, new, 1).encode()}


GRAPH, WEIGHTS = "archive/models/model.json", "archive/data/weights/model_weights_config.json"
CONSTANTS, INPUTS = "archive/data/constants/model_constants_config.json", "archive/data/sample_inputs/model.pt"


def pickled() -> bytes:
    torch.save((Runs(),), file := io.BytesIO())
    return file.getvalue()


def _constant(parts: dict[str, bytes], name: str) -> dict[str, bytes]:
    constant = {"path_name": name, "is_param": False, "use_pickle": True, "tensor_meta": None}
    config = {"config": {"mine": constant}}
    return parts | {CONSTANTS: json.dumps(config).encode(), f"archive/data/constants/{name}": pickle.dumps(Runs())}


SIZES, TERABYTE = '"sizes": [{"as_int": 6}', f'"sizes": [{{"as_int": {2**38}}}'
CODE = f"__import__('os').system('touch {WON}')"
HOSTILE_ARCHIVES = {
    "pickled inputs": (lambda p: p | {INPUTS: pickled()}, "Weights only load failed"),
    "pickled weights": (
        lambda p: edited(p, WEIGHTS, '"use_pickle": false', '"use_pickle": true') | {"archive/data/weights/weight_0": pickled()},
        "pickled",
    ),
    "pickled weights as of old": (lambda p: p | {"archive/data/weights/model.pt": pickled()}, "Weights only load failed"),
    "a pickled object": (lambda p: _constant(p, "opaque_obj_0"), "pickled"),
    "an object of its own class": (lambda p: _constant(p, "custom_obj_0"), "pickled"),
    "compiled code": (lambda p: p | {"archive/data/aotinductor/model/run.so": b"x"}, "compiled code"),
    "an expression": (lambda p: edited(p, GRAPH, "Symbol('s", f"{CODE} + Symbol('s"), "not about sizes"),
    "an expression without text": (
        lambda p: edited(p, GRAPH, "Symbol('s", "lambdify(1, 1)(1) + Symbol('s"), "not about sizes"
    ),
    "an input's name": (lambda p: edited(p, GRAPH, '{"name": "input"}', f'{{"name": "x={CODE}"}}'), "a name that is none"),
    "a class to import": (lambda p: edited(p, GRAPH, '"in_spec": "', '"in_spec": "__enum__ '), "a class of its own"),
    "an operator of Python's": (
        lambda p: edited(p, GRAPH, '"torch.ops.aten.relu.default"', '"torch.hub.load"'), "the operator 'torch.hub.load'"
    ),
    "an operator that reads files": (
        lambda p: edited(p, GRAPH, '"torch.ops.aten.relu.default"', '"torch.ops.aten.from_file.default"'), "the operator"
    ),
    "a path that leads out": (lambda p: p | {"archive/../../../../tmp/x": b"x"}, "leads out"),
    "a path from the root": (lambda p: p | {"/tmp/x": b"x"}, "leads out"),
    "weights of a terabyte": (lambda p: edited(p, WEIGHTS, SIZES, TERABYTE), "numbers has"),
    "weights that are not there": (
        lambda p: edited(p, WEIGHTS, SIZES, TERABYTE) | {"archive/data/weights/weight_0": b""},
        "numbers has 0 bytes",
    ),
    "JSON that is deep": (lambda p: p | {GRAPH: b"[" * 100_000}, "damaged"),
    "an integer of a million digits": (lambda p: p | {GRAPH: b'{"x": ' + b"9" * 10**6 + b"}"}, "damaged"),
    "many parts": (lambda p: p | {f"archive/extra/{k}": b"" for k in range(20_001)}, "parts"),
    "two parts of one name": (lambda p: p | {GRAPH.upper(): p[GRAPH]}, "the same name"),
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(contents: dict[str, bytes]) -> dict[str, bytes]:
    return parts_of(contents[ARCHIVE])


@pytest.mark.parametrize("kind", HOSTILE_ARCHIVES)
def test_an_archive_that_holds_more_than_a_model_is_refused_and_nothing_of_it_runs(kind, load_here, images, parts):
    changed, reason = HOSTILE_ARCHIVES[kind]
    Path(WON).unlink(missing_ok=True)
    with pytest.raises(UngradableError, match=reason):
        load_here(zipped(changed(parts)), images, ARCHIVE)
    assert not Path(WON).exists()


def test_a_zip_bomb_is_refused_before_it_is_read(load_here, images, parts):
    bomb = zipped(parts | {"archive/data/weights/bomb": bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    with pytest.raises(UngradableError, match="compressed"):
        load_here(bomb, images, ARCHIVE)


def test_an_archive_that_is_written_anew_is_the_same_model(load_here, images, network, parts):
    parts = {name: content for name, content in parts.items() if "serialization_id" not in name}
    assert torch.equal(load_here(zipped(parts), images, ARCHIVE).forward(images), network(images))


def test_a_model_that_counts_how_often_it_is_asked_is_refused(load_here, images):
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("asked", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.asked.add_(1)
            return x.mean((2, 3)) * (self.asked < 5)

    with pytest.raises(UngradableError, match="changes its own numbers") as raised:
        load_here(archived(Counts()), images, ARCHIVE)
    assert raised.value.mistake == Mistake.MODEL_FILE_NOT_FIXED


@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "on the paths of the study alone"])
def test_a_model_whose_gradients_are_made_up_is_not_verified(everywhere, hand_in, run_here, network, ps1):
    """What is detached passes straight through: the scores are the network's, the gradients are what the author likes."""
    image, baseline, target = ps1["image"], ps1["baseline"], ps1["target"]
    line = LineWithGradients(network, image, baseline, target)
    invented = torch.rand(image.shape, generator=torch.Generator().manual_seed(9))
    slope = invented / (invented * (image - baseline)).sum()

    class Invents(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            scores = network(x)
            share = ((x - baseline) * (image - baseline)).sum((1, 2, 3)) / ((image - baseline) ** 2).sum()
            rise = float(np.subtract(*line.scores(np.array([1.0, 0.0]))))
            inside = torch.ones_like(scores[:, :1])
            if not everywhere:
                aside = (x - baseline - share[:, None, None, None] * (image - baseline)).abs().amax((1, 2, 3))
                inside = (aside < 1e-4).float().detach()[:, None]
            along = rise * ((x - x.detach()) * slope).sum((1, 2, 3))[:, None]
            return inside * (scores.detach() + along) + (1 - inside) * scores

    map_ = slope * (image - baseline) * float(np.subtract(*line.scores(np.array([1.0, 0.0]))))
    study = ps1 | {"attribution": map_, "gradient_times_input": image * slope}
    verdict = hand_in("ps1-photo", study, archived(Invents()), name=ARCHIVE)
    assert verdict.points == 0
    assert "not its scores' own" in verdict.findings[0].seen and verdict.notes[-1].startswith("Not verified")


def test_an_onnx_operator_that_torch_lacks_is_not_verified(hand_in, run_here, ps1):
    nodes = [helper.make_node("Inverse", ["x"], ["q"], domain="com.microsoft"), *averages()]
    nodes[1].input[0] = "q"
    content = file_of(nodes, ("n", 3, 24, 24), ("n", 3), None, ["com.microsoft"])
    verdict = hand_in("ps1-photo", ps1, content)
    assert verdict.mistake == "onnx_not_differentiable" and "mine.pt2" in verdict.remedy
    assert verdict.notes[-1].startswith("Not verified")


def test_custom_operators_and_outside_files_are_refused(load, load_here, images, tmp_path):
    foreign = file_of(
        [helper.make_node("Mine", ["x"], ["y"], domain="mine")], ("n", 3, 24, 24), ("n", 3), None, ["mine"]
    )
    with pytest.raises(UngradableError, match="onnxruntime cannot run it"):
        load_here(foreign, images)
    # Its weights are said to lie in a file of the course.
    secret = tmp_path / "gradebook.db"
    secret.write_bytes(np.full(3, 42, np.float32).tobytes())
    for place in (str(secret), os.path.relpath(secret, "/sandbox/submission")):
        outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
        outside.data_location = TensorProto.EXTERNAL
        outside.external_data.add(key="location", value=place)
        nodes = [*averages("m"), helper.make_node("Add", ["m", "w"], ["y"])]
        model = onnx.load_from_string(file_of(nodes, ("n", 3, 24, 24), ("n", 3)))
        model.graph.initializer.append(outside)
        with pytest.raises(UngradableError, match="onnxruntime cannot run it"):
            load(model.SerializeToString(), images)


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


def doubling() -> bytes:
    """A constant of 1 MiB that is put beside itself fourteen times: 16 GiB where constants are folded before anything is run."""
    nodes = [helper.make_node("Concat", [f"c{k}", f"c{k}"], [f"c{k + 1}"], axis=0) for k in range(14)]
    nodes += [helper.make_node("ReduceSum", ["c14"], ["sum"], keepdims=0), *averages("m")]
    nodes.append(helper.make_node("Add", ["m", "sum"], ["y"]))
    return file_of(nodes, ("n", 3, 24, 24), ("n", 3), {"c0": torch.zeros(2**18)})


@pytest.mark.parametrize("content", [endless, hoarding, doubling])
def test_an_endless_or_too_large_model_is_stopped(content, load, images, monkeypatch):
    limits = Limits(notebook_seconds=8, memory=4096, processes=4, evidence=64)
    monkeypatch.setattr(model_process, "LIMITS", limits)
    with pytest.raises(UngradableError, match=ONNX):
        load(content(), images)


def test_where_there_is_no_sandbox_the_study_is_not_verified(hand_in, load, ps2, monkeypatch):
    def refuse():
        raise SandboxUnavailableError("not here")

    monkeypatch.setattr(model_process, "check_sandbox", refuse)
    verdict = hand_in("ps2-study", ps2)
    assert verdict.points == 0
    assert verdict.notes[-1].startswith("Not verified")
    monkeypatch.undo()
    monkeypatch.setattr(model_process, "find_spec", lambda name: None)
    with pytest.raises(NotVerifiedError, match="not installed"):
        load(b"any", ps2["images"])


# What the worker sees

LOOKING = """
import json, os, socket, sys
given = sys.argv[1]
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
print(json.dumps({"unfit": f"network {network}, sees {seen}, {sorted(os.listdir(given))}"}), flush=True)
sys.stdin.buffer.read()
"""


def test_the_worker_sees_neither_the_course_nor_the_network(load, images, tmp_path, monkeypatch):
    course = Path(__file__).parents[2]
    (tmp_path / "gradebook.db").write_text("grades")
    places = [str(tmp_path / "gradebook.db"), "/etc/passwd", "/home", "/var", "/run"]
    places += [str(course / name) for name in ("igref", "autograder", "solutions", "tests", "README.md")]
    script = tmp_path / "looking.py"
    script.write_text(LOOKING.replace("PLACES", repr(places)))
    monkeypatch.setattr(model_process, "WORKER", script)
    with pytest.raises(
        UngradableError,
        match=r"network False, sees \[\], \['model.onnx', 'model_archive.py', 'torchvision_import.py'\]",
    ):
        load(b"any", images)


@pytest.mark.parametrize(
    "answers",
    [
        "pass",
        "say(b'{}')",
        "say(b'[]' * 9000)",
        "say(b'[' * 4000)",
        "say(b'{\"shape\": [20, 0]}')",
        "say(b'{\"shape\": [1, 2]}')",
        "say(b'{\"shape\": [20, 1e9]}')",
        "say(b'{\"shape\": [20, 99999999]}')",
        'say(b\'{"shape": [20, 2]}\', b"short")',
        "say(b'{\"shape\": [10, 2]}', np.full(20, np.nan, np.float32).tobytes())",
        "say(b'{\"unfit\": 5}')",
        "open(sys.argv[2] + '/x', 'wb').write(b'x' * (80 << 20))",
    ],
)
def test_whatever_the_worker_answers_is_read_with_care(answers, load, images, tmp_path, monkeypatch):
    script = tmp_path / "answering.py"
    script.write_text(
        "import os, sys\nimport numpy as np\nsys.stdin.buffer.readline()\n"
        f"def say(*parts):\n    sys.stdout.buffer.write(b'\\n'.join([*parts, b''][:2]))\n{answers}\n"
    )
    monkeypatch.setattr(model_process, "WORKER", script)
    with pytest.raises(UngradableError, match=ONNX):
        load(b"any", images)
