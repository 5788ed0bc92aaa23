"""Photographs that readers decode in a second, against what networks for ImageNet need.

The photographs are those of scikit-image (docs/datasets.md), scaled to 500 x 375 and saved as JPEG files of about
110 KB, as ImageNet's are. A batch is drawn as a training draws it: each file is read, its sha256 is checked, it is
decoded, and a random box is scaled to 224 x 224. Nothing is trained meanwhile. Besides seconds the processor's seconds
count, which other work on the machine changes little. What networks need follows from the throughput of the scale
`paper`, measured on an H200 at 32 x 32, and is estimated.
"""

import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
import torch
from common import OUT
from PIL import Image
from skimage import data

from lacuna.config.load import load
from lacuna.data.index import packed
from lacuna.data.sources import open_splits
from lacuna.plan.plan import Plan
from lacuna.training.stream import Stream

COUNT, BATCH, QUALITY, ROUNDS = 256, 32, 98, 5
READERS = (0, 1, 2)  # 0: the training's own thread decodes
SPEED = "a second of a core"
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
NETWORKS = ("resnet18", "resnet50", "densenet121", "senet18", "vgg19")
CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}


def photographs(folder: Path) -> float:
    """Fills the two class folders of both splits; returns the mean size of a file in KB."""
    pictures = [Image.fromarray(getattr(data, name)()).resize((500, 375)) for name in PHOTOGRAPHS]
    places = [folder / split / name for split in ("train", "test") for name in ("a", "b")]
    for place in places:
        place.mkdir(parents=True)
    for place in places:
        for i, picture in enumerate(islice(cycle(pictures), COUNT // 2)):
            picture.save(place / f"{i:04}.jpg", quality=QUALITY)
    return sum(path.stat().st_size for path in places[0].iterdir()) / (COUNT // 2) / 1e3


def opened(folder: Path, readers: int) -> Stream:
    source = {"kind": "folder", "path": str(folder), "train": "train", "test": "test", "resize": "crop", "stream": True}
    entry = {"source": source, "image": [3, 224, 224], "classes": ["a", "b"], "train": COUNT, "test": COUNT}
    entries = open_splits("photographs", entry)["train"].entries
    assert entries
    return Stream("index", packed(entries()), {"image": entry["image"], "stream": source}, readers)


def drawn(stream: Stream, seed: int) -> dict[str, object]:
    """Photographs of one pass in a second, and in a second of a core."""
    parts = list(torch.split(torch.randperm(COUNT), BATCH))
    start, worked = time.perf_counter(), time.process_time()
    for _ in stream.drawn(parts, 0.08, seed):
        pass
    return {"a second": COUNT / (time.perf_counter() - start), SPEED: COUNT / (time.process_time() - worked)}


def needs() -> list[dict[str, object]]:
    """Images a second that networks pass at 224 x 224, with the stem of the dataset."""
    plan = Plan(load(Path.cwd(), CHOSEN))
    seconds = {arch: plan.networks.pass_seconds("imagenet", f"{arch}-standard-s0") for arch in NETWORKS}
    return [{"what": f"{arch} needs", "round": 0, "a second": 1 / one} for arch, one in seconds.items()]


def main() -> None:
    torch.set_num_threads(1)
    lines = needs()
    with tempfile.TemporaryDirectory() as temporary:
        size = photographs(Path(temporary))
        streams = {readers: opened(Path(temporary), readers) for readers in READERS}
        for turn in range(ROUNDS):
            for readers, stream in streams.items():
                lines.append({"what": f"{readers} readers", "round": turn, **drawn(stream, turn)})
    print(f"files of {size:.0f} KB")
    found = pd.DataFrame(lines)
    found.round(4).to_csv(OUT / "streaming.csv", index=False)
    print(found.groupby("what", sort=False)[["a second", SPEED]].agg(["median", "min", "max"]).round(1).to_string())


if __name__ == "__main__":
    main()
