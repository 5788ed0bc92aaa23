"""Cuts the embedded dataset from the official Fashion-MNIST files.

    python data/embedded/make_fashion_subset.py FOLDER

FOLDER holds the four official ``*-ubyte.gz`` files (Debian: package dataset-fashion-mnist, below
/usr/share/dataset-fashion-mnist). The first 1000 training and the first 200 test images of each class are
kept, in the order of the files. Same input, same bytes: the result's sha256 stands in config/datasets.yaml.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

PER_CLASS = {"train": 1000, "t10k": 200}


def read_idx(path: Path) -> np.ndarray:
    """An uint8 array from a gzipped IDX file."""
    raw = gzip.decompress(path.read_bytes())
    dims = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def cut(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) and labels (N,) of one split, the first ones of each class in file order."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    kept = np.sort(np.concatenate([np.flatnonzero(labels == c)[: PER_CLASS[split]] for c in range(10)]))
    return images[kept], labels[kept]


def main() -> None:
    folder = Path(sys.argv[1])
    out = Path(__file__).with_name("fashion-mnist-subset.npz")
    train_images, train_labels = cut(folder, "train")
    test_images, test_labels = cut(folder, "t10k")
    np.savez_compressed(
        out, train_images=train_images, train_labels=train_labels, test_images=test_images, test_labels=test_labels
    )
    print(f"{out}: {len(train_images)} training and {len(test_images)} test images")


if __name__ == "__main__":
    main()
