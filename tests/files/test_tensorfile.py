"""Files larger than memory: the bytes of safetensors' own writer, and reading through a memory map."""

import struct
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, map_tensors, write_split
from lacuna.files.tensorfile import map_file as mapped
from lacuna.files.tensorfile import save_split

torch.set_num_threads(1)


def split(seed: int, count: int, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)
    return images, torch.randint(0, 1000, (count,), generator=generator)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 5), (3, 1, 1)])
@pytest.mark.parametrize(("count", "size"), [(1, 1), (7, 3), (100, 100), (101, 10)])
def test_pieces_give_the_bytes_of_safetensors_own_writer(
    tmp_path: Path, shape: tuple[int, ...], count: int, size: int
) -> None:
    images, labels = split(count, count, shape)
    save_split(tmp_path / "ours", labels, tuple(images.shape), torch.split(images, size))
    save_file({"images": images, "labels": labels}, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_pieces_that_do_not_add_up_leave_no_file(tmp_path: Path) -> None:
    images, labels = split(0, 5, (1, 2, 2))
    path = tmp_path / "train.safetensors"
    with pytest.raises(ValueError, match="16 bytes of images"):
        write_split(str(path), labels, (5, 1, 2, 2), [images[:4]], Record("dataset", "{}"))
    assert list(tmp_path.iterdir()) == []


def test_a_map_reads_what_was_written(tmp_path: Path) -> None:
    tensors = {
        "f": torch.randn(3, 4),
        "u": torch.arange(6, dtype=torch.uint8).view(2, 3),
        "i": torch.arange(5),
        "b": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
        "one": torch.tensor(7, dtype=torch.int32),
    }
    save_file(tensors, tmp_path / "file", {"lacuna": "{}"})
    read = mapped(tmp_path / "file")
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor) and read[name].dtype == tensor.dtype for name, tensor in tensors.items())


def test_a_map_is_verified_and_must_be_a_safetensors_file(tmp_path: Path) -> None:
    images, labels = split(0, 5, (1, 2, 2))
    path = tmp_path / "train.safetensors"
    write_split(str(path), labels, (5, 1, 2, 2), [images], Record("dataset", "{}"))
    assert torch.equal(map_tensors(str(path))["images"], load_file(path)["images"])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(LacunaError, match="has changed since it was made"):
        map_tensors(str(path))
    path.write_bytes(struct.pack("<Q", 1 << 40))
    with pytest.raises(SafetensorError):
        mapped(path)
    Record("dataset", "{}").write(str(path))
    with pytest.raises(LacunaError, match="is not a safetensors file; delete it and run again"):
        map_tensors(str(path))
