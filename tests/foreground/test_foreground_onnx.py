"""Foregrounds by a network in an ONNX file: what it sees, what its answer becomes, and files that do not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from refusing import DATASETS, put, refusal
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.foreground.find import find_foreground
from lacuna.foreground.onnx_network import OnnxNetwork
from lacuna.foreground.published import NETWORKS, network_file, network_settings
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)
SIDE = 32
MASKS = {"kind": "onnx", "file": "net.onnx", "size": SIDE, "mean": [0.0] * 3, "std": [1.0] * 3, "threshold": 0.5}
SUBSET = "fashion-mnist-subset"


def network_of(
    path: Path,
    shape: tuple[Any, ...] = ("n", 3, SIDE, SIDE),
    given: tuple[Any, ...] | None = None,
    kind: int = TensorProto.FLOAT,
    nodes: list[Any] | None = None,
    inputs: int = 1,
) -> Path:
    """A network whose answer is the first channel of the image, or what other ``nodes`` make of "x0"."""
    kept = [helper.make_node("Gather", ["x0", "first"], ["y"], axis=1)]
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    taken = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    output = helper.make_tensor_value_info("y", kind, given or (shape[0], 1, *shape[2:]))
    graph = helper.make_graph(nodes or kept, "network", taken, [output], [first])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def pictures(count: int = 5, channels: int = 3, side: int = SIDE) -> Tensor:
    drawn = np.random.default_rng(count).integers(0, 256, (count, channels, 8, 8), dtype=np.uint8)
    return torch.from_numpy(np.kron(drawn, np.ones((side // 8, side // 8), np.uint8)))


def found(file: Path, images: Tensor, **settings: Any) -> Tensor:
    masks = network_settings({**MASKS, **settings})
    how: dict[str, Any] = {"split": "test", "classes": ["a"], "source": {"kind": "embedded"}, "device": "cpu"}
    labels = torch.zeros(len(images), dtype=torch.int64)
    state, batch = settings.pop("state", None), settings.pop("batch", 3)
    return find_foreground(
        masks, images, labels, network=file, state=state, batch=batch, say=lambda _: None, **how
    ).pixels


@pytest.mark.parametrize("shape", [("n", 3, SIDE, SIDE), (1, 3, SIDE, SIDE), (4, 3, "h", "w"), (2, 3, SIDE, SIDE)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_foreground_is_what_the_network_finds_above_the_threshold(
    tmp_path: Path, shape: tuple[Any, ...], channels: int
) -> None:
    file, images = network_of(tmp_path / "net.onnx", shape), pictures(7, channels)
    for threshold in (0.0, 0.25, 0.9):
        assert torch.equal(found(file, images, threshold=threshold), images[:, 0] / 255 > threshold)


def test_images_are_normalised_and_scaled_and_the_answer_is_scaled_back(tmp_path: Path) -> None:
    images, mean, std = pictures(3, side=16), [0.2, 0.4, 0.1], [0.8, 0.9, 0.5]
    settings = {**network_settings(MASKS), "mean": mean, "std": std, "output": "logit"}
    answer = OnnxNetwork(network_of(tmp_path / "net.onnx"), settings).probabilities(images)
    shown = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    large = [np.asarray(one.resize((SIDE, SIDE), Image.Resampling.LANCZOS), float)[..., 0] for one in shown]
    red = 1 / (1 + np.exp(-(np.stack(large) / 255 - mean[0]) / std[0]))
    smaller = torch.nn.functional.interpolate(torch.from_numpy(red)[:, None], (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(answer.double(), smaller[:, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"inputs": 2}, "has 2 inputs; allowed: one, of images n x 3 x 32 x 32"),
        ({"shape": ("n", 1, SIDE, SIDE)}, "is n x 1 x 32 x 32; allowed: images n x 3 x 32 x 32"),
        ({"shape": (1, 3, 64, 64)}, "is 1 x 3 x 64 x 64; allowed: images n x 3 x 32 x 32"),
        ({"shape": ("n", SIDE, SIDE)}, "is n x 32 x 32; allowed: images"),
        ({"kind": TensorProto.UINT8}, r"is a tensor\(uint8\); allowed: tensor\(float\), tensor\(float16\)"),
        ({"nodes": [helper.make_node("Identity", ["x0"], ["y"])], "given": ("n", 3, SIDE, SIDE)},
         "gave float32 of 3 x 3 x 32 x 32; allowed: floating-point numbers of 3 x 1 x 32 x 32"),
        ({"nodes": [helper.make_node("ReduceMax", ["x0"], ["y"], axes=[1], keepdims=0)], "given": ("n", SIDE, SIDE)},
         "gave float32 of 3 x 32 x 32; allowed"),
        ({"nodes": [helper.make_node("Add", ["x0", "x0"], ["z"]),
                    helper.make_node("Gather", ["z", "first"], ["y"], axis=1)]},
         r"gave numbers from 0\.\d+ to [12][.\d]*; allowed: 0 to 1"),
        ({"nodes": [helper.make_node("Sub", ["x0", "x0"], ["z"]), helper.make_node("Div", ["z", "z"], ["w"]),
                    helper.make_node("Gather", ["w", "first"], ["y"], axis=1)]}, "not finite"),
    ],
)  # fmt: skip
def test_a_network_of_another_form_is_one_sentence(tmp_path: Path, made: dict[str, Any], says: str) -> None:
    file = network_of(tmp_path / "net.onnx", **made)
    with pytest.raises(LacunaError, match=says) as error:
        found(file, pictures().clamp(min=1))
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)


def test_half_precision_is_taken(tmp_path: Path) -> None:
    file, images = network_of(tmp_path / "net.onnx", kind=TensorProto.FLOAT16), pictures()
    assert torch.equal(found(file, images, threshold=0.3), images[:, 0] / 255 > 0.3)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256)) * 9, b"\x80\x04K\x01."])
def test_what_is_no_onnx_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(content)
    with pytest.raises(LacunaError, match="is no network that onnxruntime can read") as error:
        found(file, pictures())
    assert "\n" not in str(error.value)


def test_a_network_that_draws_is_refused(tmp_path: Path) -> None:
    draws = [
        helper.make_node("RandomUniformLike", ["x0"], ["z"]),
        helper.make_node("Gather", ["z", "first"], ["y"], axis=1),
    ]
    with pytest.raises(LacunaError, match="other pixels when it was asked again; allowed: one answer per image"):
        found(network_of(tmp_path / "net.onnx", nodes=draws), pictures())


@pytest.mark.parametrize("fixed", ["n", 1])
def test_a_killed_job_goes_on_and_ends_with_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixed: int | str
) -> None:
    file, images = network_of(tmp_path / "net.onnx", (fixed, 3, SIDE, SIDE)), pictures(20)
    monkeypatch.setattr(Resumable, "due", lambda self: True)
    asked: list[int] = []
    answer = OnnxNetwork.probabilities

    def dies(self: OnnxNetwork, part: Tensor) -> Tensor:
        asked.append(len(part))
        if sum(asked) > 12:
            raise KeyboardInterrupt
        return answer(self, part)

    state = Resumable(tmp_path / "state", "a", lambda _: None)
    monkeypatch.setattr(OnnxNetwork, "probabilities", dies)
    with pytest.raises(KeyboardInterrupt):
        found(file, images, state=state)
    assert state.load()[0] == 12
    asked.clear()
    monkeypatch.setattr(OnnxNetwork, "probabilities", lambda self, part: asked.append(len(part)) or answer(self, part))
    assert torch.equal(found(file, images, state=state), found(file, images))
    assert sum(asked) == 20 - 12 + 2 + 20 + 2, "two images are asked about again"


# By configuration ---------------------------------------------------------------------------------------------------


def masks(project: Project, **settings: Any) -> None:
    project.edit(DATASETS, put(f"{SUBSET}.foreground.masks", {"kind": "onnx", **settings}))


@pytest.mark.parametrize(
    ("settings", "key", "says"),
    [
        ({"network": "u2nett", "threshold": 0.5}, "masks.network", "'u2nett' is not known; allowed: birefnet-cod"),
        ({"network": "u2net", "threshold": 1.5}, "masks.threshold", "1.5 is not allowed; allowed: a number from 0 to"),
        ({"network": "u2net", "threshold": -0.1}, "masks.threshold", "-0.1 is not allowed"),
        ({"network": "u2net", "threshold": 1}, "masks.threshold", "1 is not allowed"),
        ({"network": "u2net"}, "masks", "onnx with network and threshold"),
        ({"network": "u2net", "threshold": "half"}, "masks", "onnx with network and threshold"),
        ({**MASKS, "network": "u2net"}, "masks", "onnx with network and threshold"),
        ({**MASKS, "threshold": 50}, "masks.threshold", "50 is not allowed"),
        ({**MASKS, "size": 0}, "masks", "size"),
        ({**MASKS, "output": "mask"}, "masks", "output"),
        ({**MASKS, "mean": [0.5]}, "masks.mean", r"one number above 0 per channel (3)"),
        ({**MASKS, "mean": [123.7, 116.3, 103.5]}, "masks.mean", "since pixels lie in [0, 1]"),
        ({**MASKS, "std": [58.4, 57.1, 57.4]}, "masks.std", "of 0 to 255 write [0.229, 0.2239, 0.2251]"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(project: Project, settings: dict[str, Any], key: str, says: str) -> None:
    masks(project, **settings)
    sentence = refusal(project)
    assert f"key {SUBSET}.foreground.{key}" in sentence
    assert says in sentence


def test_rembgs_networks_lie_where_rembg_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("U2NET_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert network_file({"network": "u2net"}) == tmp_path / ".u2net/u2net.onnx"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert network_file({"network": "u2net"}) == tmp_path / "share/.u2net/u2net.onnx"
    monkeypatch.setenv("U2NET_HOME", "~/models")
    assert network_file({"network": "birefnet-general"}) == tmp_path / "models/birefnet-general.onnx"
    assert network_file({"network": "u2net", "file": "data/mine.onnx"}) == Path("data/mine.onnx")


@pytest.mark.parametrize("name", NETWORKS)
def test_each_name_stands_for_all_that_a_network_takes(name: str) -> None:
    whole = network_settings({"kind": "onnx", "network": name, "threshold": 0.5})
    assert whole.keys() == {"kind", "network", "size", "mean", "std", "output", "threshold"}
    assert whole["size"] in (320, 1024)
    assert (whole["output"] == "logit") is name.startswith("birefnet")


def test_the_file_is_an_input_of_the_job_and_a_missing_one_is_the_users_to_bring(
    project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "mine.onnx"
    masks(project, **{**MASKS, "file": str(file)})
    stage = Plan(project.load()).stages["foreground"]
    assert stage.missing(SUBSET, "test") == file
    assert stage.inputs(SUBSET, "test")["network"] == []
    file.write_bytes(b"x")
    stage = Plan(project.load()).stages["foreground"]
    assert stage.missing(SUBSET, "test") is None
    assert stage.inputs(SUBSET, "test")["network"] == [str(file)]
    known = {key: value for key, value in MASKS.items() if key != "file"}
    assert stage.settings(SUBSET, "test")["masks"] == {**known, "network": "mine.onnx", "output": "probability"}
    assert str(tmp_path) not in stage.canonical(SUBSET, "test"), "where it lies decides nothing"


def test_the_workflow_is_planned_without_the_networks_libraries() -> None:
    planned = (
        "import sys, lacuna.config.load, lacuna.plan.plan; print({'torch', 'onnxruntime', 'cv2'} & {*sys.modules})"
    )
    said = subprocess.run([sys.executable, "-c", planned], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
