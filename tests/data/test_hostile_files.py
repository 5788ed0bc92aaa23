"""Files of other kinds, of other formats and of other depths behind the names of images, tables and checkpoints."""

import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lacuna.data.folder import read_image
from lacuna.data.partitions import partition_files
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, require_finite, sha256
from lacuna.models.networks import _read_weights

IMAGE = [3, 8, 8]
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"


def refused(path: Path, words: str = "") -> None:
    with pytest.raises(LacunaError, match=words) as error:
        read_image(path, IMAGE, "stretch")
    assert str(path) in str(error.value)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth: int, colour: int, channels: int) -> bytes:
    """An 8 x 8 PNG of one colour, with 8 or 16 bits a channel."""
    line = b"\0" + b"\x12\x34" * (8 * channels * depth // 16)
    header = struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(line * 8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def test_an_eps_behind_the_name_of_a_png_starts_no_ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (tmp_path / "1.png").write_bytes(EPS)
    refused(
        tmp_path / "1.png", "cannot be read as an image; .* allowed: a file of BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"
    )
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("format", ["ICO", "PCX", "TGA", "SGI", "ICNS", "DDS", "PDF", "JPEG2000"])
def test_formats_that_are_not_listed_are_refused_whatever_their_name(tmp_path: Path, format: str) -> None:
    Image.new("RGB", (16, 16), (1, 2, 3)).save(tmp_path / "1.png", format=format)
    refused(tmp_path / "1.png", "cannot be read as an image")


@pytest.mark.parametrize("format", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP", "MPO"])
def test_listed_formats_are_read(tmp_path: Path, format: str) -> None:
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "1.png", format=format)
    assert read_image(tmp_path / "1.png", IMAGE, "exact").shape == (8, 8, 3)
    Image.new("RGB", (400, 300), (9, 9, 9)).save(tmp_path / "2.png", format=format)
    assert read_image(tmp_path / "2.png", IMAGE, "stretch").shape == (8, 8, 3)


SIXTEEN: dict[str, bytes] = {
    "1.png": png(16, 2, 3),
    "2.png": png(16, 6, 4),
    "3.png": png(16, 4, 2),
    "4.png": png(16, 0, 1),
    "1.ppm": b"P6 8 8 65535\n" + b"\x12\x34" * 192,
    "2.ppm": b"P3 8 8 65535\n" + b"1000 " * 192,
    "3.ppm": b"P6 8 8 256\n" + b"\x00\x34" * 192,
    "1.pgm": b"P5 8 8 65535\n" + b"\x12\x34" * 64,
    "2.pgm": b"P2 8 8 1023\n" + b"1000 " * 64,
}
EIGHT = {"1.png": png(8, 2, 3), "2.png": png(8, 0, 1), "1.ppm": b"P6 8 8 255\n" + b"\x12" * 192}
EIGHT |= {"2.ppm": b"P6 8 8 15\n" + b"\x02" * 192, "1.pgm": b"P5 8 8 255\n" + b"\x12" * 64}


@pytest.mark.parametrize("name", SIXTEEN)
def test_more_than_8_bits_are_refused_in_colour_as_in_grey(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SIXTEEN[name])
    refused(tmp_path / name, "more than 8 bits per channel")


@pytest.mark.parametrize("name", EIGHT)
def test_at_most_8_bits_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(EIGHT[name])
    read_image(tmp_path / name, IMAGE, "exact")


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "pipe": lambda folder: pipe(folder / "1.png"),
    "device": lambda folder: Path("/dev/zero"),
    "terminal": lambda folder: Path("/dev/null"),
    "link to a pipe": lambda folder: link(folder / "2.png", pipe(folder / "1.png")),
    "folder": lambda folder: made(folder / "3.png"),
}


def link(path: Path, to: Path) -> Path:
    path.symlink_to(to)
    return path


def made(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = KINDS[kind](tmp_path)
    refused(path)
    with pytest.raises(LacunaError, match="is not a regular file"):
        sha256(path)
    with pytest.raises(LacunaError, match="is not a regular file"):
        Record("dataset", "{}", [str(path)])
    with pytest.raises(LacunaError, match=r"does not exist|is not"):
        _read_weights(path)


def entry(folder: Path) -> dict[str, Any]:
    columns = {"image": "image", "class": "class", "split": "split"}
    where = {"path": str(folder), "images": "images", "partitions": "all.csv"}
    return {"kind": "partitions", **where, "columns": columns, "train": "train", "test": "test"}


@pytest.mark.parametrize("name", ["../../secret/s", "../s.png", "/etc/passwd", "a/../../s", "..", "a/../../../x.jpg"])
def test_a_partitions_file_names_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images/a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "s.png")
    (tmp_path / "all.csv").write_text(f"image,class,split\na,ant,train\n{name},ant,train\n")
    with pytest.raises(LacunaError, match=r"all\.csv, line 3: '.+' leads out of the folder"):
        partition_files(entry(tmp_path), ["ant", "bee"], "train")


def test_a_pipe_in_place_of_a_partitions_file_is_refused(tmp_path: Path) -> None:
    pipe(tmp_path / "all.csv")
    with pytest.raises(LacunaError, match=r"all\.csv cannot be read as CSV"):
        partition_files(entry(tmp_path), ["ant"], "train")


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: f"image,class,split\n{text}".encode())))
def test_300_partitions_files_are_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "images").mkdir(exist_ok=True)
    (folder / "all.csv").write_bytes(content)
    try:
        partition_files(entry(folder), ["ant"], "train")
    except LacunaError as error:
        said = str(error)
    else:
        said = ""
    assert said.replace("\t", "").isprintable()


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(st.sampled_from([*SIXTEEN, *EIGHT]), st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_500_damaged_images_are_read_or_refused(tmp_path_factory: Any, name: str, at: int, bytes_: bytes) -> None:
    content = bytearray((SIXTEEN | EIGHT)[name])
    content[at : at + len(bytes_)] = bytes_
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    try:
        found = read_image(path, IMAGE, "stretch")
    except LacunaError:
        return
    assert found.dtype == np.uint8
    assert found.shape[:2] == (8, 8)


HOLLOW: dict[str, Callable[[], torch.Tensor]] = {
    "stride 0": lambda: torch.zeros(1).expand(10**6, 10**6),
    "stride 0 in one direction": lambda: torch.zeros(4, 1).expand(4, 10**9),
    "sparse": lambda: torch.sparse_coo_tensor(torch.tensor([[0]]), torch.tensor([1.0]), (10**12,)),
    "compressed rows": lambda: torch.zeros(3, 4).to_sparse_csr(),
    "meta": lambda: torch.empty(10**6, 10**6, device="meta"),
    "integers": lambda: torch.zeros(1, dtype=torch.int64).expand(10**12),
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.quint8),
}


@pytest.mark.parametrize("kind", HOLLOW)
def test_a_checkpoint_of_tensors_that_hold_less_than_their_shape_says_is_refused(tmp_path: Path, kind: str) -> None:
    torch.save({"weight": HOLLOW[kind]()}, tmp_path / "own.pt")
    with pytest.raises(LacunaError, match=r"own\.pt(: tensor 'weight' of shape|.* is not a checkpoint of tensors)"):
        _read_weights(tmp_path / "own.pt")


def test_tensors_that_share_memory_or_are_empty_are_taken() -> None:
    whole = torch.arange(12.0).view(3, 4)
    tensors = {
        "a": whole,
        "b": whole.t(),
        "c": whole[0],
        "d": torch.zeros(0, 5),
        "e": torch.tensor(3),
        "f": whole[:, ::2],
    }
    assert require_finite("x", tensors, "") is tensors
