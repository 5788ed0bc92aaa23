"""A dataset larger than the memory that a job may ask for: read from a folder, written, trained and evaluated on."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE, CLASSES = 224, ("ant", "bee")
# MiB that a process may ask for once all is imported: batches and pieces, about 150, fit; the dataset, 402, does not.
ROOM = 350
# Bytes from which glibc gives freed memory back at once. By itself it raises that as it goes and keeps, by chance, as
# much as the dataset takes, which would count as asked for.
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": str(2**22)}

JOB = """
import resource, sys
from types import SimpleNamespace
import torch
from torch import nn
import lacuna.data.folder, lacuna.attacks.core.dct, safetensors, PIL.BmpImagePlugin  # what is imported late
from lacuna.files.artefacts import Record, write_split
from lacuna.files.contents import read_dataset
from lacuna.data.normalisation import normalisation
from lacuna.data.sources import open_splits
from lacuna.evaluation.predictions import predict
from lacuna.training import history
from lacuna.training.loop import train

history.BATCH = 16  # 500 images of this size take more than the dataset here has

folder, count, room = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
model = nn.Sequential(nn.Conv2d(3, 2, 8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
nn.functional.cross_entropy(model(torch.rand(8, 3, 224, 224)), torch.zeros(8, dtype=torch.int64)).backward()

def asked():  # bytes of private memory, as the limit counts them
    return 1024 * int(next(l for l in open("/proc/self/status") if l.startswith("VmData")).split()[1])

limit = asked() + room * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
source = {"kind": "folder", "path": folder, "train": "train", "test": "train", "resize": "exact"}
entry = {"source": source, "image": [3, 224, 224], "classes": ["ant", "bee"], "train": count, "test": count}
part = open_splits("large", entry)["train"]
path = f"{folder}/train.safetensors"
write_split(path, part.labels, part.shape, part.pieces(), Record("dataset", "{}"))
data = read_dataset(path)
mean, std = normalisation({"kind": "channel"}, data["images"])
normalisation({"kind": "pixel_mean"}, data["images"])
recipe = {"epochs": 1, "batch_size": 16, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0, "nesterov": True}
recipe |= {"schedule": {"name": "onecycle", "warmup": 0.3}, "augmentation": {"pad": 4, "flip": True}}
state = SimpleNamespace(load=lambda: (0, {}), save=None)
train(model, data["images"], data["labels"], recipe, name="net", seed=0, state=state, say=print,
      tests=(data["images"], data["labels"]))
print("right", predict(model, data["images"], 16).eq(data["labels"]).sum().item(), mean.flatten().tolist())
try:
    data["images"].clone()
    print("the whole fits")
except RuntimeError:
    print("the whole does not fit")
"""


def links(folder: Path, per_class: int) -> None:
    """Many names of a few files, so that a large dataset is made in no time."""
    draws = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (folder / "train" / name).mkdir(parents=True)
        pixels = draws.integers(0, 100 + 100 * label, (SIDE, SIDE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.bmp")
        for i in range(per_class):
            os.link(folder / f"{name}.bmp", folder / "train" / name / f"{i:06}.bmp")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts private memory on Linux alone")
def test_a_dataset_that_does_not_fit_into_memory_is_read_trained_and_evaluated(tmp_path: Path, root: Path) -> None:
    links(tmp_path, 1400)  # 421 MB
    arguments = [sys.executable, "-c", JOB, str(tmp_path), "2800", str(ROOM)]
    done = subprocess.run(arguments, cwd=root, env=os.environ | GIVEN_BACK, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "right 2800" in done.stdout
    assert done.stdout.endswith("the whole does not fit\n")
    assert (tmp_path / "train.safetensors").stat().st_size > 420 * 10**6
