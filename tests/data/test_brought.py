"""Datasets that users bring: ImageNet-10, Segment-6 with its foregrounds, counterparts of the same names."""

import copy
import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import Tensor

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images
from lacuna.data.own_files import file_names, order_digest, own_files
from lacuna.data.sources import load_splits, open_splits, source_digests
from lacuna.errors import LacunaError
from lacuna.foreground.find import find_foreground
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_missing

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
DATASETS: dict[str, Any] = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())


def picture(path: Path, value: int, size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (value, value, value)).save(path)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(LacunaError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


# ImageNet-10 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def imagenet10(tmp_path: Path) -> dict[str, Any]:
    """The entry, on a made-up ImageNet of small images: two for training and one for testing, and other classes."""
    entry = copy.deepcopy(DATASETS["imagenet10"])
    entry["source"]["path"] = str(tmp_path)
    for label, folder in enumerate(entry["source"]["folders"]):
        for i in range(2):
            picture(tmp_path / "train" / folder / f"{folder}_{i}.JPEG", 20 * label, 16)
        picture(tmp_path / "val" / folder / f"ILSVRC2012_val_{label}.JPEG", 20 * label, 16)
    for split in ("train", "val"):
        picture(tmp_path / split / "n01440764/tench.JPEG", 255)
    return entry | {"image": [3, 8, 8], "train": 20, "train_at_least": 15, "test": 10}


def test_only_the_ten_classes_are_read_in_the_order_of_the_entry(imagenet10: dict[str, Any]) -> None:
    splits = load_splits("imagenet10", imagenet10)
    assert len(splits["train"][0]) == 20
    images, labels = splits["test"]
    assert labels.tolist() == list(range(10))
    assert (images.float().mean((1, 2, 3)) - 20 * torch.arange(10)).abs().max() < 2


@pytest.mark.parametrize(("least", "taken"), [(18, True), (19, True), (20, False)])
def test_fewer_training_images_are_taken_down_to_the_least_number(
    imagenet10: dict[str, Any], least: int, taken: bool
) -> None:
    folder = imagenet10["source"]["folders"][3]
    (Path(imagenet10["source"]["path"]) / "train" / folder / f"{folder}_0.JPEG").unlink()
    imagenet10["train_at_least"] = least
    if taken:
        assert len(load_splits("imagenet10", imagenet10)["train"][0]) == 19
    else:
        assert "imagenet10.train: there are 19 images; stated: 20" in refused(
            lambda: load_splits("imagenet10", imagenet10)
        )


def test_more_training_images_or_another_number_of_test_images_are_refused(imagenet10: dict[str, Any]) -> None:
    folder = Path(imagenet10["source"]["path"]) / "train" / imagenet10["source"]["folders"][0]
    picture(folder / "more.JPEG", 0)
    said = refused(lambda: load_splits("imagenet10", imagenet10))
    assert "imagenet10.train: there are 21 images; stated: 15 to 20" in said
    (folder / "more.JPEG").unlink()
    assert "imagenet10.test: there are 10 images; stated: 11" in refused(
        lambda: load_splits("imagenet10", imagenet10 | {"test": 11})
    )


def test_the_entry_is_ten_classes_with_a_bear_and_as_many_images_as_imagenet_can_have() -> None:
    entry = DATASETS["imagenet10"]
    assert len(entry["classes"]) == len(set(entry["source"]["folders"])) == 10
    assert dict(zip(entry["source"]["folders"], entry["classes"], strict=True))["n02132136"] == "brown bear"
    assert (entry["train_at_least"], entry["train"], entry["test"]) == (732 * 10, 1300 * 10, 50 * 10)
    assert entry["source"]["path"] == DATASETS["imagenet"]["source"]["path"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e["source"]["folders"].pop(), ["key imagenet10.source.folders", "one folder per named class"]),
        (lambda e: e.update(classes=10), ["key imagenet10.source.folders", "one folder per named class"]),
        (lambda e: e.update(train_at_least=13001), ["key imagenet10.train_at_least", "at most 13000"]),
    ],
)
def test_entries_that_contradict_themselves_are_refused(
    project: "Project", change: Callable[[Any], object], words: list[str]
) -> None:
    project.edit("config/datasets.yaml", lambda content: change(content["imagenet10"]))
    said = refused(project.load)
    assert all(word in said for word in words), said


# Segment-6 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def segment6(tmp_path: Path) -> dict[str, Any]:
    """The entry, on a made-up folder: 12 training and 6 test images whose lines are in no order."""
    entry = copy.deepcopy(DATASETS["segment6"])
    entry["source"]["path"] = str(tmp_path)
    entry["foreground"]["masks"]["path"] = str(tmp_path / "masks")
    lines = [
        {"image": f"{n:02}.png", "class": entry["classes"][n % 6], "split": "train" if n < 12 else "test"}
        for n in np.random.default_rng(1).permutation(18).tolist()
    ]
    for n in range(18):
        picture(tmp_path / f"images/{n:02}.png", n)
        foreground = np.zeros((8, 8), np.uint8)
        foreground.flat[: n + 1] = 255
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(foreground).save(tmp_path / f"masks/{n:02}.bmp")  # another ending than the image's
    write_lines(entry, lines)
    return entry | {"image": [3, 8, 8], "train": 12, "test": 6}


def lines_of(entry: dict[str, Any]) -> list[dict[str, str]]:
    with (Path(entry["source"]["path"]) / "partitions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_lines(entry: dict[str, Any], lines: list[dict[str, str]]) -> None:
    with (Path(entry["source"]["path"]) / "partitions.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]))
        table.writeheader()
        table.writerows(lines)


def test_partitions_are_read_in_the_order_of_their_lines(segment6: dict[str, Any]) -> None:
    lines, splits = lines_of(segment6), load_splits("segment6", segment6)
    for split, (images, labels) in splits.items():
        wanted = [line for line in lines if line["split"] == split]
        assert images[:, 0, 0, 0].tolist() == [int(line["image"][:2]) for line in wanted]
        assert labels.tolist() == [segment6["classes"].index(line["class"]) for line in wanted]


@pytest.mark.parametrize("split", ["train", "test"])
def test_foregrounds_are_those_of_the_images_of_the_same_ids(segment6: dict[str, Any], split: str) -> None:
    images, labels = load_splits("segment6", segment6)[split]
    found = foreground_of(segment6, split, images, labels)
    for image, foreground in zip(images, found, strict=True):
        assert foreground.sum() == image[0, 0, 0] + 1


def foreground_of(entry: dict[str, Any], split: str, images: Tensor, labels: Tensor) -> Tensor:
    where = {"split": split, "classes": entry["classes"], "source": entry["source"]}
    how = {"device": "cpu", "batch": 4, "say": lambda _: None}
    return find_foreground(entry["foreground"]["masks"], images, labels, **where, **how).pixels


def test_a_missing_foreground_is_named_and_a_changed_order_refused(segment6: dict[str, Any]) -> None:
    images, labels = load_splits("segment6", segment6)["test"]
    (Path(segment6["source"]["path"]) / "masks/15.bmp").unlink()
    assert "has no image named 15" in refused(lambda: foreground_of(segment6, "test", images, labels))
    write_lines(segment6, lines_of(segment6)[::-1])
    assert "not those that were read" in refused(lambda: foreground_of(segment6, "test", images, labels))


def test_columns_and_words_are_those_of_the_configuration(segment6: dict[str, Any]) -> None:
    before = load_splits("segment6", segment6)
    words = {"train": "0", "test": "1"}
    lines = [{"id": x["image"][:2], "y": f" {x['class']} ", "part": words[x["split"]]} for x in lines_of(segment6)]
    write_lines(segment6, [*lines, {"id": "none", "y": "cow", "part": "2"}])  # another partition is passed over
    segment6["source"] |= words | {"columns": {"image": "id", "class": "y", "split": "part"}}
    after = load_splits("segment6", segment6)
    for split in ("train", "test"):
        assert all(torch.equal(a, b) for a, b in zip(before[split], after[split], strict=True))


def test_the_csv_files_checksum_is_recorded(segment6: dict[str, Any]) -> None:
    [(name, digest)] = source_digests(segment6["source"]).items()
    assert name.endswith("partitions.csv")
    write_lines(segment6, lines_of(segment6)[::-1])
    assert source_digests(segment6["source"])[name] != digest


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda lines: lines[2].update({"class": "cow"}), ["line 4", "'cow' is no class", "clock"]),
        (lambda lines: lines[2].update(image=lines[0]["image"]), ["line 4", "stands in line 2 already"]),
        (lambda lines: lines[2].update(image="99.png"), ["has no image named 99"]),
        (lambda lines: [line.update(split="x") for line in lines if line["split"] == "test"], ["nowhere says 'test'"]),
        (lambda lines: [line.update(label=line.pop("class")) for line in lines], ["no column 'class'", "label"]),
        (lambda lines: lines.pop(), ["there are 11 images; stated: 12"]),
        (lambda lines: [x.update({"class": "bird"}) for x in lines if x["split"] == "test"], ["no image is of class"]),
    ],
)
def test_lines_that_do_not_fit_are_named(
    segment6: dict[str, Any], spoil: Callable[[Any], object], words: list[str]
) -> None:
    lines = lines_of(segment6)
    spoil(lines)
    write_lines(segment6, lines)
    said = refused(lambda: load_splits("segment6", segment6))
    assert all(word in said for word in words), said


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b""])
def test_a_csv_file_that_is_none_is_one_sentence(segment6: dict[str, Any], content: bytes | None) -> None:
    path = Path(segment6["source"]["path"]) / "partitions.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert str(path) in refused(lambda: load_splits("segment6", segment6))


def test_classes_that_are_only_counted_do_not_go_with_partitions(project: "Project") -> None:
    project.edit("config/datasets.yaml", lambda content: content["segment6"].update(classes=6))
    assert "key segment6.classes: 6 is not allowed" in refused(project.load)


# Counterparts ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Any]:
    """A folder dataset of three classes, and stylised counterparts of its test images as PNG files."""
    source = {"kind": "folder", "path": str(tmp_path), "train": "val", "test": "val", "resize": "exact"}
    for label, name in enumerate("abc"):
        for i in range(4):
            picture(tmp_path / f"val/{name}/{i}.JPEG", 10 * label + i)
            picture(tmp_path / f"styled/{name}/{i}.png", 100 + 10 * label + i)
    return {"source": source, "image": [3, 8, 8], "classes": 3, "train": 12, "test": 12}


def from_folder(entry: dict[str, Any], ids: list[int], batch: int = 5, **budget: Any) -> Tensor:
    opened = open_splits("mine", entry)["test"]
    names = file_names(entry["source"], entry["classes"], "test", opened.order)
    whole = {"name": "styled", "path": f"{entry['source']['path']}/styled", "resize": "exact"} | budget
    images = torch.cat(list(opened.pieces()))[ids]
    supplies = Supplies(Draws(0, tuple(ids)), files=[names[image] for image in ids])
    attack, how = Attempt("set", "folder", whole), {"batch": batch, "say": lambda _: None}
    return adversarial_images(None, images, opened.labels[ids], attack, supplies, **how).images


def test_each_selected_image_gets_the_counterpart_of_its_name(pair: dict[str, Any]) -> None:
    ids = [7, 0, 11, 4, 3, 8, 1]
    made = from_folder(pair, ids)
    assert made[:, 0, 3, 3].tolist() == [100 + 10 * (image // 4) + image % 4 for image in ids]
    assert torch.equal(made, from_folder(pair, ids, batch=2))


def test_only_selected_counterparts_must_be_there_and_a_missing_one_is_named(pair: dict[str, Any]) -> None:
    (Path(pair["source"]["path"]) / "styled/b/2.png").unlink()
    assert len(from_folder(pair, [0, 5, 7])) == 3
    assert "has no image named b/2" in refused(lambda: from_folder(pair, [0, 6]))


def test_counterparts_of_another_size_are_refused_or_resized_as_asked(pair: dict[str, Any]) -> None:
    picture(Path(pair["source"]["path"]) / "styled/a/0.png", 77, 12)
    assert "12 x 12, not 8 x 8" in refused(lambda: from_folder(pair, [0]))
    assert from_folder(pair, [0], resize="crop").unique().tolist() == [77]


def test_files_that_are_not_those_that_were_read_are_refused(pair: dict[str, Any]) -> None:
    order = open_splits("mine", pair)["test"].order
    files = own_files(pair["source"], 3, "test")
    assert order == order_digest(files) != order_digest(files[::-1])
    picture(Path(pair["source"]["path"]) / "val/a/00.JPEG", 0)
    assert "not those that were read" in refused(lambda: file_names(pair["source"], 3, "test", order))


def test_without_file_names_there_are_no_counterparts() -> None:
    images, labels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    attack = Attempt("set", "folder", {"name": "styled", "path": "nowhere", "resize": "exact"})
    supplies, how = Supplies(Draws(0, (0, 1))), {"batch": 2, "say": lambda _: None}
    assert "file names" in refused(lambda: adversarial_images(None, images, labels, attack, supplies, **how))


def test_the_paper_scale_reads_stylized_imagenet_and_the_demo_makes_a_stand_in(project: "Project") -> None:
    codes = {scale: Plan(project.load(scale=scale)).lookup.codes("stylised") for scale in ("demo", "laptop", "paper")}
    assert codes == {"demo": ["stylised"], "laptop": ["stylised"], "paper": ["stylized_imagenet"]}
    plan = Plan(project.load(scale="paper"))
    assert [cell.attack for cell in plan.lookup.cells("table1")][3::4] == ["stylized_imagenet"] * 2
    assert '"dataset":{"classes":1000,"source":' in plan.stages["attack"].canonical("imagenet", "stylised", "none")
    assert '"dataset"' not in plan.stages["attack"].canonical("imagenet", "shuffle", "none")


def test_a_folder_of_counterparts_needs_a_dataset_with_file_names(project: "Project") -> None:
    budget = {"name": "other", "path": "data/other", "resize": "exact"}
    change = {"method": "folder", "budgets": [budget]}
    project.edit("config/scales/demo.yaml", lambda content: content["attacks"].update(stylised=change))
    said = refused(project.load)
    assert "config/scales/demo.yaml, key attacks.stylised.method" in said
    assert "folder or partitions" in said


# Presence -------------------------------------------------------------------------------------------------------------


MORE = {"foreground": {"split": "test"}, "evaluate": {"suite": "pgd16", "target": "resnet18-standard-s1"}}  # wildcards


def _attack(name: str) -> dict[str, str]:
    return {"attack": name, "source": "none"} if name else {}


def jobs(*places: tuple[str, str, str], exhibits: tuple[str, ...] = ()) -> list[tuple[str, dict[str, str]]]:
    """Rules and wildcards: (rule, dataset, attack) of jobs, and the tables asked for."""
    planned = [(rule, {"dataset": dataset} | MORE.get(rule, {}) | _attack(attack)) for rule, dataset, attack in places]
    return [*planned, *(("cells", {"dataset": "imagenet", "exhibit": name}) for name in exhibits)]


def test_what_the_planned_jobs_need_must_be_there(project: "Project", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    plan = Plan(project.load(scale="paper"))
    refuse_missing(
        plan, jobs(("dataset", "cifar10", ""), ("evaluate", "imagenet", ""), ("attack", "imagenet", "shuffle"))
    )
    asked = jobs(("dataset", "imagenet", ""), ("attack", "imagenet", "stylised"), exhibits=("table1", "table3"))
    sentence = "table1: dataset imagenet: data/imagenet/{} is not there, and is yours to bring; see docs/datasets.md"
    for split in ("train", "val"):
        assert refused(lambda: refuse_missing(plan, asked)) == sentence.format(split)
        Path(f"data/imagenet/{split}").mkdir(parents=True)
    assert "data/stylized-imagenet/val is not there" in refused(lambda: refuse_missing(plan, asked))
    Path("data/stylized-imagenet/val").mkdir(parents=True)
    said = refused(lambda: refuse_missing(plan, asked))
    assert said == "data/imagenet/train has 0 class folders, not 1000 as config/datasets.yaml says", "all is there"


def test_images_partitions_and_foreground_of_segment6_must_be_there(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    plan = Plan(project.load(scale="paper"))
    planned = jobs(("dataset", "segment6", ""), ("foreground", "segment6", ""))
    folder = Path("data/segment6")
    for name in ("images", "partitions.csv", "masks"):
        assert f"{folder / name} is not there" in refused(lambda: refuse_missing(plan, planned))
        (folder / name).mkdir(parents=True)
    assert "partitions.csv cannot be read as CSV" in refused(lambda: refuse_missing(plan, planned)), "all is there"
