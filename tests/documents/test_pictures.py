"""Committed pictures show images that may be passed on: embedded ones, and photographs of installed packages."""

from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.data.photographs import PHOTOGRAPHS
from lacuna.plan.figures import files_of
from lacuna.plan.plan import Plan

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results"
PICTURES = sorted(path for ending in ("png", "svg", "jpg", "jpeg", "gif") for path in RESULTS.rglob(f"*.{ending}"))
FREE = ("embedded", "photographs")  # kinds of datasets whose images are in the repository or in packages


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load(ROOT, {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.relative_to(RESULTS).as_posix())
def test_a_committed_picture_is_a_figure_that_shows_no_images_but_free_ones(plan: Plan, path: Path) -> None:
    _, body = plan.lookup.figures[path.stem]
    dataset = plan.lookup.dataset_of(path.stem)
    if "images" not in files_of(plan.known, body, dataset):
        return
    assert path.relative_to(RESULTS).parts[0] == "demo", "of another scale's dataset no image is committed"
    assert plan.config.datasets[dataset]["source"]["kind"] in FREE


def test_the_documents_state_author_and_licence_of_every_photograph() -> None:
    page = (ROOT / "docs/datasets.md").read_text()
    for name, package in PHOTOGRAPHS.items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
        _, _, of, licence, _ = (part.strip() for part in line.split("|"))
        assert of == package
        author, _, terms = licence.partition("; ")
        assert author
        assert terms
