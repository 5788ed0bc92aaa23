"""Crates: what they hold and what they never hold, the same bytes twice, and that others' tools understand them."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from madeup import DATA
from projects import Project
from validating import issues, reported

from lacuna.crates.behind import Behind, split_figures
from lacuna.crates.build import build
from lacuna.crates.pack import pack
from lacuna.crates.places import place_of, remote_address
from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path, read_record, sha256
from lacuna.plan.plan import Plan
from lacuna.versioning.anchors import Anchor, Anchors, md5


def held(crate: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(crate) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def graph(crate: Path) -> dict[str, dict[str, object]]:
    return {one["@id"]: one for one in json.loads(held(crate)["ro-crate-metadata.json"])["@graph"]}


def test_a_crate_of_each_exhibit_of_claims_and_of_a_paper(run: Project) -> None:
    parts = Plan(run.load()).crates.parts
    assert {*parts} == {"table3", "defective-table3", "defective-claims", "defective"}
    assert parts["table3"].figures == parts["defective-table3"].figures == ("defective-table3",)
    assert parts["defective-table3"].tables == ("table3",)
    assert parts["defective"].whole
    assert not parts["defective-claims"].whole


def test_where_a_paper_and_an_exhibit_have_one_name_the_crate_is_the_papers(root: Path) -> None:
    parts = Plan(Project(root).load()).crates.parts
    assert parts["cross"].whole
    assert {*parts} > {"table1", "dual-figure1", "dual-claims", "dual", "advdrop"}


def test_a_crate_that_is_packed_twice_has_the_same_bytes(run: Project) -> None:
    plan = Plan(run.load())
    for name in plan.crates.parts:
        path = plan.crates.path(name)
        first = Path(path).read_bytes()
        assert pack(build(plan, name), path, f"{path}.sha256") == sha256(path)
        assert Path(path).read_bytes() == first, name
        with zipfile.ZipFile(path) as archive:
            assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_crate_holds_the_table_in_all_forms_its_figure_records_and_the_workflow(run: Project) -> None:
    found = held(Path("crates/table3.zip"))
    copies = [f"tables/table3.{ending}" for ending in ("csv", "md", "tex", "cells.csv")]
    for name in [*copies, "figures/defective-table3.svg"]:
        assert found[name] == Path(name).read_bytes()
    for artefact in Plan(run.load()).inventory.artefacts("table3"):
        assert found[f"records/{artefact.path}.prov.json"] == provenance_path(artefact.path).read_bytes()
    assert {
        "source/Snakefile",
        "source/rules/train.smk",
        "source/config/papers/defective.yaml",
        "check.py",
    } <= found.keys()
    assert json.loads(found["crate.json"]).items() >= {"scale": "demo", "seed": 0, "seeds": 1, "format": 1}.items()
    assert b"DEF10" in found["claims/table3.csv"]


@pytest.mark.parametrize("crate", ["table3", "defective-claims", "defective"])
def test_others_tools_find_nothing_wrong_with_a_crate(run_root: Path, crate: str) -> None:
    assert issues(run_root / f"crates/{crate}.zip") == []
    if crate == "table3":
        said = reported(run_root / "crates/table3.zip")
        assert said.startswith("action: #run\n")
        actions = [one for one in graph(run_root / "crates/table3.zip").values() if one["@type"] == "CreateAction"]
        assert said.count("\naction: #job/") == len(actions) - 1 > 40
        assert "tables/table3.csv" in said


def test_the_validator_has_teeth(unpacked: Path) -> None:
    description = unpacked / "ro-crate-metadata.json"
    description.write_text(description.read_text().replace('"HowToStep"', '"CreativeWork"'))
    assert issues(unpacked)


def test_files_that_are_not_packed_are_entities_with_their_sha256(run: Project) -> None:
    named = {one["name"]: one for one in graph(Path("crates/table3.zip")).values() if str(one["@id"]).startswith("ni:")}
    tensors = [one.path for one in Plan(run.load()).inventory.artefacts("table3") if one.path.endswith(".safetensors")]
    assert len(tensors) > 20
    for path in tensors:
        assert named[path]["sha256"] == read_record(path).stable["sha256"]
        assert "nobody tracked it" in str(named[path]["description"])


def test_no_crate_holds_images(run: Project) -> None:
    for path in Path("crates").glob("*.zip"):
        for name in held(path):
            assert not re.search(r"\.(safetensors|npz|npy|parquet|jpe?g)$", name)
            assert not name.endswith(".png") or name.startswith("figures/")


def test_pictures_of_images_that_are_not_ours_are_left_out_with_a_sentence(root: Path) -> None:
    plan = Plan(Project(root).load())
    pictures = ["advdrop-figure1", "dual-figure1-photographs", "table3"]
    figures = [name for name in pictures if name in plan.lookup.figures]
    assert split_figures(plan, figures) == (figures, [])
    for dataset in plan.config.datasets.values():
        dataset["source"]["kind"] = "folder"
    shown, left_out = split_figures(plan, [*figures, "defective-table3"])
    assert shown == ["defective-table3"]  # of numbers alone
    assert len(left_out) == len(figures) >= 2
    assert all("not ours to pass on" in sentence for sentence in left_out)


def test_what_does_not_go_together_is_not_packed(run: Project) -> None:
    plan = Plan(run.load())
    path = f"{DATA}/evaluate/pgd16/vgg19-standard-s1.parquet"
    Path(path).write_bytes(Path(path).read_bytes() + b" ")
    with pytest.raises(LacunaError, match="has changed since it was made"):
        build(plan, "table3")


def test_cells_of_other_outcomes_are_not_packed(run: Project) -> None:
    from madeup import rerun

    plan = Plan(run.load())
    cells = Path(plan.inventory.cells_of("table3"))
    kept = [(path, path.read_bytes()) for path in (cells, provenance_path(cells))]
    rerun(run, seed=1)
    for path, content in kept:
        path.write_bytes(content)
    with pytest.raises(LacunaError, match="was made from another"):
        Behind(plan, plan.crates.parts["table3"]).refuse_others()


def test_where_dvc_has_a_file_is_said_of_the_very_version_alone(run: Project) -> None:
    path = f"{DATA}/train/vgg19-standard-s1.safetensors"
    record = str(provenance_path(path))
    known = {path: Anchor("ab" * 16, True), record: Anchor(md5(record), True)}
    assert place_of(path, Anchors(known), "s3://b/l") == f"s3://b/l/files/md5/ab/{'ab' * 15}"
    assert place_of(path, Anchors(), "s3://b/l") == ""
    assert place_of(path, Anchors(known | {record: Anchor("0" * 32, True)}), "s3://b/l") == ""
    config = Path("config.dvc")
    config.write_text("[core]\n    remote = r\n['remote \"r\"']\n    url = ssh://me:secret@host/srv/lacuna/\n")
    assert remote_address(config) == "ssh://host/srv/lacuna"
    assert remote_address(Path("none")) == ""


def test_the_certificate_says_what_was_claimed_what_holds_and_what_differs(run_root: Path) -> None:
    page = held(run_root / "crates/defective.zip")["certificate.html"].decode()
    for said in ("DEF10", "fashion-mnist-subset in place of cifar10", "<b>demo</b>", "Fewer than three", "90 cells"):
        assert said in page, said
    assert "released code" in page  # of the page of differences
    assert re.findall(r'(?:src|href)="(?!https?:)([^"#]+)"', page) == [
        "tables/table3.md",
        "figures/defective-table3.svg",
    ]
    assert not re.search(r'(?:src|<link[^>]* href)="https?:', page)  # nothing is fetched
    assert "certificate.html" not in held(run_root / "crates/table3.zip")


def test_verdicts_on_other_cells_are_no_verdicts(run: Project) -> None:
    from madeup import rerun

    rerun(run, seed=1)
    text = build(Plan(run.load()), "table3")["claims/table3.csv"].decode()
    assert "Not judged with these cells." in text
    assert "holds for these networks" not in text
