"""Small artefacts of every kind that a figure is drawn from, for the tests of figures and pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import Record, write_frame, write_tensors
from lacuna.language.attacks import attack_code
from lacuna.language.models import parse_model
from lacuna.models.networks import new_network
from lacuna.reporting.examples import Examples

CLASSES = ["cat", "dog", "ship", "ankle boot"]
CODE = "pgd_e16_a1_t20"
SHUFFLES = ["shuffle_k2", "shuffle_k4"]
BASE = {"title": "A title", "scale": "demo", "dataset": "mnist", "paper_dataset": "cifar10", "classes": CLASSES}
Asked = tuple[dict[str, Any], dict[str, list[str]]]
Ask = Callable[[str], Asked]


class Store:
    """Artefacts with provenance in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tensors(self, name: str, facts: dict[str, Any] | None = None, **tensors: torch.Tensor) -> str:
        path, record = str(self.folder / f"{name}.safetensors"), Record("test", "{}")
        record.facts = facts or {}
        write_tensors(path, {key.replace("__", "."): t for key, t in tensors.items()}, record)
        return path

    def frame(self, name: str, frame: pd.DataFrame) -> str:
        write_frame(str(self.folder / name), frame, Record("test", "{}"))
        return str(self.folder / name)


def photographs(channels: int = 3, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(7)
    return draw.integers(0, 256, (40, channels, side, side), dtype=np.uint8), draw.integers(0, 3, 40)


def made_on(name: str, seed: int, count: int = 30, shape: tuple[int, int] = (3, 8)) -> Examples:
    """Examples on a random part of the test images, in random order. Two thirds fool, one in six is not valid, and one
    in ten the source got wrong before."""
    draw = np.random.default_rng(seed)
    clean, labels = photographs(*shape)
    ids = draw.permutation(len(clean))[:count]
    change = draw.integers(-16, 17, clean[ids].shape)
    images = np.clip(clean[ids].astype(int) + change, 0, 255).astype(np.uint8)
    predicted = np.where(draw.random(count) < 0.67, (labels[ids] + 1) % 3, labels[ids])
    valid = draw.random(count) < 5 / 6
    before = np.where(draw.random(count) < 0.9, labels[ids], 3)
    return Examples(name, ids, labels[ids], images, predicted, valid, before)


def stored(store: Store, one: Examples, code: str = CODE) -> str:
    parts = {"images": one.images, "source_adversarial": one.predicted, "valid": one.valid}
    tensors = {f"{code}.{key}": torch.from_numpy(value) for key, value in parts.items()}
    tensors |= {f"{code}.distance_8bit": torch.zeros(len(one.ids))}
    tensors |= {f"{code}.distance": torch.zeros(len(one.ids)), "source_clean": torch.from_numpy(one.clean)}
    tensors |= {"source_flat": torch.zeros(len(one.ids), dtype=torch.int64)}
    return store.tensors(one.name, image=torch.from_numpy(one.ids), label=torch.from_numpy(one.labels), **tensors)


def cell_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    shared = {"exhibit": "table12", "target": "resnet18", "scale": "demo", "dataset": "mnist", "difference": np.nan}
    return pd.DataFrame([shared | {"printed": np.nan, "variant": "", "keep_prob": np.nan} | row for row in rows])


def noise_cells() -> pd.DataFrame:
    rows = []
    for row, fall in (("ResNet-18", 2.0), ("0.1-Bottom", 0.5)):
        for sigma in (32, 1, 8):
            value = 100 - fall * sigma
            share = {"value": value, "ci_low": value - 3, "ci_high": value + 1}
            rows.append({"row": row, "column": f"s{sigma}", "attack": f"gaussian_s{sigma}"} | share)
        clean = {"value": 80.0, "ci_low": 79.0, "ci_high": 81.0, "metric": "test_accuracy"}
        rows.append({"row": row, "column": "clean", "attack": "none"} | clean)
    return cell_frame([{"metric": "adversarial_accuracy"} | row for row in rows])


def table12(root: Path) -> pd.DataFrame:
    """The printed Table 12 as cells, ours ten points lower."""
    printed = pd.read_csv(root / "data/printed/defective.csv")
    table = printed[printed["table"] == 12].rename(columns={"value": "printed"})
    ours = table["printed"] - 10
    more = {"value": ours, "ci_low": ours - 2, "ci_high": ours + 1, "difference": np.nan}
    return table.assign(exhibit="table12", scale="demo", dataset="mnist", **more)


SWEEP = [{"column": f"{p} {x}", "panel": p, "x": x} for p in ("foreground", "background") for x in (20, 0, 5)]


def sweep_cells() -> pd.DataFrame:
    """Two networks over two budgets, out of order; the second falls four times as fast."""
    rows = []
    for row, fall in (("AT-Dual", 1.0), ("AT-PGD", 4.0)):
        for place in SWEEP:
            value = 90 - fall * place["x"]
            share = {"value": value, "ci_low": value - 3, "ci_high": value + 2}
            rows.append({"row": row, "column": place["column"], "attack": "dual", "unit": "percent"} | share)
    return cell_frame([{"metric": "adversarial_accuracy"} | row for row in rows])


def cross_cells() -> pd.DataFrame:
    """Three networks under two attacks, white box and transferred, two of the cells with flags."""
    rows = []
    flags = {
        ("AT", "PGD, white box"): "zero gradients; fooled by noise",
        ("standard", "PGD, transfer"): "zero gradients",
    }
    for i, row in enumerate(("standard", "AT", "AT-Dual")):
        for j, column in enumerate(("PGD, white box", "AdvDrop, white box", "PGD, transfer")):
            share = {"value": 10.0 + 20 * i + 5 * j, "flags": flags.get((row, column), "")}
            rows.append({"row": row, "column": column, "metric": "adversarial_accuracy", "unit": "percent"} | share)
    return cell_frame(rows)


def history(network: str, epochs: int = 4, panel: str = "MNIST") -> pd.DataFrame:
    at = np.arange(1, epochs + 1)
    columns = {
        "train_loss": 2 / at,
        "train_accuracy": 100 - 50 / at,
        "test_loss": 3 / at,
        "test_accuracy": 100 - 60 / at,
    }
    return pd.DataFrame({"panel": panel, "network": network, "epoch": at, **columns, "learning_rate": 0.1 / at})


def network_settings(model: str = "resnet18-bottom0.3-standard-s0m0") -> dict[str, Any]:
    shape = {"image": [1, 12, 12], "classes": 4, "width": "1/8", "mask_place": "released_code", "seed": 1}
    assert str(parse_model(model)) == model
    return {"model": model, **shape}


def checkpoint(store: Store) -> str:
    network = new_network(network_settings(), torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    return store.tensors("net", **{name.replace(".", "__"): t for name, t in network.state_dict().items()})


def shuffle_outcomes(ids: np.ndarray, labels: np.ndarray, clean: list[int], seen: dict[str, int]) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {"attack": code, "source": "none", "image": ids, "label": labels, "clean": clean, "adversarial": seen[code]}
        )
        for code in SHUFFLES
    ]
    return pd.concat(frames, ignore_index=True)


def shuffled_files(store: Store) -> Asked:
    """The first image of the set is right on one network only, the second on both."""
    images, labels = photographs()
    ids = np.array([5, 11, 3])
    tensors = {f"{code}__images": torch.from_numpy(images[ids] // (i + 2)) for i, code in enumerate(SHUFFLES)}
    tensors |= {f"{code}__source_adversarial": torch.full((3,), -1) for code in SHUFFLES}
    sets = store.tensors("shuffle", image=torch.from_numpy(ids), label=torch.from_numpy(labels[ids]), **tensors)
    truth = labels[ids].tolist()
    first = shuffle_outcomes(ids, labels[ids], truth, {"shuffle_k2": truth[1], "shuffle_k4": 3})
    second = shuffle_outcomes(ids, labels[ids], [3, *truth[1:]], {"shuffle_k2": 3, "shuffle_k4": 3})
    data = store.tensors("test", images=torch.from_numpy(images), labels=torch.from_numpy(labels))
    outcomes = [store.frame("a.parquet", first), store.frame("b.parquet", second)]
    settings = {"attacks": SHUFFLES, "networks": ["standard", "0.1-Bottom"]}
    return settings, {"images": [data], "adversarial": [sets], "outcomes": outcomes}


def examples_files(store: Store) -> Asked:
    images, labels = photographs()
    data = store.tensors("test", images=torch.from_numpy(images), labels=torch.from_numpy(labels))
    sets = [stored(store, made_on(name, seed)) for seed, name in enumerate(["standard", "defective"])]
    rows = [{"label": "standard, epsilon 16", "attack": CODE}, {"label": "0.2-Bottom", "attack": CODE}]
    return {"rows": rows}, {"images": [data], "adversarial": sets}


def foreground_file(store: Store, side: int = 8) -> str:
    pixels = torch.from_numpy(np.random.default_rng(3).random((40, side, side)) < 0.4)
    pixels[0], pixels[1] = False, True
    facts = {"masks": "spectral residual, a stand-in for DeepGaze"}
    return store.tensors("foreground", facts, mask=pixels, fraction=pixels.float().mean((1, 2)))


def foreground_files(store: Store) -> Asked:
    settings, files = examples_files(store)
    more = {"saliency": {"kind": "spectral_residual"}}
    return settings | more, files | {"foreground": [foreground_file(store)]}


SHAPE = (1, 12)  # of the images that the untrained network sees
ADVDROP = {"variant": "paper", "bound": 20, "steps": 3, "table_step": 4}


def network_files(store: Store) -> Asked:
    """Examples that an untrained network looks at; it is right on most clean images."""
    network = new_network(network_settings(), torch.zeros(1, 1, 1), torch.ones(1, 1, 1)).eval()
    images = torch.from_numpy(photographs(*SHAPE)[0])
    labels = predict(network, images, 40)
    labels[::7] = (labels[::7] + 1) % 4
    data = store.tensors("test", images=images, labels=labels)
    sets = [stored(store, made_on(name, seed, shape=SHAPE)) for seed, name in enumerate(["PGD", "AdvDrop"])]
    rows = [{"label": "PGD, 16", "attack": CODE}, {"label": "AdvDrop, 20", "attack": CODE}]
    files = {"images": [data], "adversarial": sets, "checkpoints": [checkpoint(store)]}
    return {"rows": rows, "network": network_settings()}, files


def gradients_files(store: Store) -> Asked:
    settings, files = network_files(store)
    twice = {"networks": [settings["network"]] * 2, "names": ["Clean", "AT-Dual"]}
    foreground = foreground_file(store, SHAPE[1])
    return twice, {"images": files["images"], "foreground": [foreground], "checkpoints": files["checkpoints"] * 2}


def ladder_files(store: Store) -> Asked:
    settings, files = examples_files(store)
    budgets = [("PGD", 4), ("PGD", 16), ("AdvDrop", 20), ("AdvDrop", 60), ("AdvDrop", 100)]
    rows = [{"label": f"{name}, {budget}", "attack": CODE} for name, budget in budgets]
    first, second = files["adversarial"]
    weak = stored(store, made_on("weak", 5))  # a small budget need not fool
    return settings | {"rows": rows}, files | {"adversarial": [weak, second, weak, second, first]}


def denoise_files(store: Store) -> Asked:
    settings, files = network_files(store)
    arguments = {"kernel_size": 3, "stride": 1, "padding": 1}
    defense = {"function": "torch.nn.functional:avg_pool2d", "arguments": arguments}
    return settings | {"defense": defense, "purifier": "mean"}, files


def pipeline_files(store: Store) -> Asked:
    settings, files = network_files(store)
    code = attack_code("advdrop", ADVDROP)
    sets = [stored(store, made_on("AdvDrop", 1, shape=SHAPE), code)]
    return settings | {"rows": [{"label": "AdvDrop", "attack": code}], "budget": ADVDROP}, files | {"adversarial": sets}


def curves_files(store: Store) -> Asked:
    lines = [{"network": n, "panel": p} for p in ("CIFAR-10", "MNIST") for n in ("standard", "defective")]
    frames = [history("model", epochs=5 + i).drop(columns="panel") for i in range(len(lines))]
    return {"lines": lines}, {"histories": [store.frame(f"h{i}.csv", frame) for i, frame in enumerate(frames)]}


def asked_for(kind: str, store: Store, root: Path) -> Asked:
    """Settings and files of a small figure of one kind."""
    table = table12(root)
    kinds: dict[str, Callable[[], Asked]] = {
        "heatmap": lambda: ({}, {"cells": [store.frame("t.csv", table.query("keep_prob == '0.5'"))]}),
        "noise": lambda: ({}, {"cells": [store.frame("n.csv", noise_cells())]}),
        "tradeoff": lambda: ({"attack": CODE}, {"cells": [store.frame("t.csv", table)]}),
        "sweep": lambda: (
            {
                "columns": SWEEP,
                "panels": [{"panel": p, "x": "budget (l2)", "y": "accuracy"} for p in ("foreground", "background")],
            },
            {"cells": [store.frame("s.csv", sweep_cells())]},
        ),
        "curves": lambda: curves_files(store),
        "masks": lambda: ({"network": network_settings()}, {"checkpoints": [checkpoint(store)]}),
        "diagram": lambda: ({"network": network_settings()}, {}),
        "examples": lambda: examples_files(store),
        "shuffled": lambda: shuffled_files(store),
        "foregrounds": lambda: foreground_files(store),
        "unsuspicious": lambda: foreground_files(store),
        "gradients": lambda: gradients_files(store),
        "dropped": lambda: examples_files(store),
        "ladder": lambda: ladder_files(store),
        "denoise": lambda: denoise_files(store),
        "attention": lambda: network_files(store),
        "spectrum": lambda: examples_files(store),
        "rounding": lambda: ({"alphas": [0.1, 0.02]}, {}),
        "pipeline": lambda: pipeline_files(store),
    }
    settings, files = kinds[kind]()
    return BASE | settings | {"plot": kind}, files


def texts(drawn: Figure) -> list[Text]:
    """All texts but the numbers on axes, of which matplotlib keeps some outside the limits."""
    scales = [scale for axis in drawn.axes for scale in (axis.xaxis, axis.yaxis)]
    numbers = {text for scale in scales for text in scale.findobj(Text) if text is not scale.label}
    return [t for t in drawn.findobj(Text) if t.get_text().strip() and t.get_visible() and t not in numbers]


def words(drawn: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(drawn))
