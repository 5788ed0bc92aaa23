"""The page of the user study: which pairs are dealt, and what the page does with choices."""

import base64
import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import CLASSES, CODE, Store, made_on, stored
from PIL import Image

from lacuna.errors import LacunaError
from lacuna.files.records import record_text
from lacuna.reporting.examples import Examples
from lacuna.reporting.study.pairs import data_uri, deal, study_page
from lacuna.study import make_page

BOTH = made_on("standard", 1), made_on("defective", 2)


def dealt(seed: int = 0, pairs: int = 6) -> list[dict[str, Any]]:
    return deal(*BOTH, CLASSES, pairs, seed)


def pixels(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


# Pairs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_is_one_image_made_on_both_networks_and_fools_each(seed: int) -> None:
    for pair in dealt(seed):
        sides = {pair[side]["source"]: pair[side] for side in ("left", "right")}
        for one in BOTH:
            at = one.ids.tolist().index(pair["image"])
            assert one.valid[at]
            assert sides[one.name]["predicted"] == CLASSES[one.predicted[at]] != pair["label"]
            assert pair["label"] == CLASSES[one.labels[at]]
            np.testing.assert_array_equal(pixels(sides[one.name]["uri"]), np.moveaxis(one.images[at], 0, -1))


def test_the_seed_decides_pairs_and_sides() -> None:
    assert dealt(3) == dealt(3)
    assert len({json.dumps([pair["image"] for pair in dealt(seed)]) for seed in range(10)}) > 5


def test_both_sides_are_dealt_and_no_image_twice() -> None:
    many = [dealt(seed) for seed in range(20)]
    assert all(len({pair["image"] for pair in pairs}) == 6 for pairs in many)
    left = [pair["left"]["source"] for pairs in many for pair in pairs]
    assert 0.3 < np.mean([source == "standard" for source in left]) < 0.7


def test_too_few_pairs_are_refused_with_their_number() -> None:
    common = BOTH[0].fooled().keys() & BOTH[1].fooled().keys()
    assert len(dealt(pairs=len(common))) == len(common)
    with pytest.raises(LacunaError, match=f"{len(common)} images fool both standard and defective, 50 are asked"):
        dealt(pairs=50)


def test_a_grey_image_is_a_grey_png() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    np.testing.assert_array_equal(pixels(data_uri(image)), image[0])


# Page ------------------------------------------------------------------------------------------------------


def test_the_page_holds_everything_and_asks_no_network() -> None:
    html = study_page(dealt(), "A title", "Scale demo.", "study-1", 1)
    assert data_of(html) == {"pairs": dealt(), "seed": 1, "name": "study-1"}
    assert "6 pairs, seed 1. Scale demo." in html
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|//[a-z]|src=\"(?!data:)|@import", re.sub(r"<script type.*?</script>", "", html))


def test_texts_cannot_end_the_data() -> None:
    pairs = [dealt()[0] | {"label": "</script><b>&"}]
    html = study_page(pairs, "<i>", "&", "study", 0)
    assert data_of(html)["pairs"] == pairs
    assert "<i>" not in html


def browse(html: str, keys: list[str]) -> dict[str, Any]:
    """What the page shows after each key, and the CSV it saves at the end."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, which stands in for a browser")
    data = json.dumps({"data": json.dumps(data_of(html)), "keys": keys})
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    done = subprocess.run(
        [node, str(Path(__file__).parents[1] / "support/browser.js"), data],
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_keys_choose_go_back_and_end_in_a_csv() -> None:
    pairs = dealt(pairs=3)
    pairs[0]["label"] = 'a "quoted", label'
    keys = ["ArrowLeft", "x", "ArrowLeft", "Backspace", "ArrowRight", "click right", "ArrowLeft"]
    made = browse(study_page(pairs, "A title", "", "study-7", 7), keys)
    shown = [line[0] for line in made["seen"]]
    assert shown[:6] == ["Pair 1 of 3", "Pair 2 of 3", "Pair 2 of 3", "Pair 3 of 3", "Pair 2 of 3", "Pair 3 of 3"]
    assert shown[6:] == ["All pairs are judged. Thank you!"] * 2
    assert made["seen"][1][1:] == [[pairs[1][side]["uri"], pairs[1][side]["predicted"]] for side in ("left", "right")]
    lines = list(csv.DictReader(io.StringIO(made["saved"])))
    assert [line["choice"] for line in lines] == ["left", "right", "right"]
    for number, (line, pair) in enumerate(zip(lines, pairs, strict=True), start=1):
        assert (line["seed"], line["pair"], line["image"]) == ("7", str(number), str(pair["image"]))
        assert (line["label"], line["left_source"]) == (pair["label"], pair["left"]["source"])
        assert line["right_predicted"] == pair["right"]["predicted"]
        assert line["chosen_source"] == pair[line["choice"]]["source"]
    assert made["name"] == "study-7.csv"
    assert made["hidden"]
    assert sum(map(int, re.findall(r": (\d)", made["result"]))) == 3


def test_choices_so_far_can_be_saved() -> None:
    made = browse(study_page(dealt(), "A title", "", "study", 0), ["ArrowRight"])
    assert made["saved"].count("\n") == 2
    assert not made["hidden"]


# Command ---------------------------------------------------------------------------------------------------


def artefact(tmp_path: Path, one: Examples, dataset: str = "cifar10", scale: str = "demo") -> str:
    """An adversarial set whose provenance says where the pipeline had put it."""
    path = stored(Store(tmp_path), one)
    record = Path(f"{path}.prov.json")
    content = json.loads(record.read_text())
    stable = content["stable"] | {"artefact": f"results/{scale}/{dataset}/attack/x/{one.name}.safetensors"}
    record.write_text(record_text(stable, content["volatile"]))
    return path


def test_the_command_reads_sets_and_states_scale_and_dataset(tmp_path: Path, root: Path) -> None:
    html = make_page(*(artefact(tmp_path, one) for one in BOTH), CODE, 5, 4, root)
    assert "5 pairs, seed 4. Scale demo, dataset cifar10: no reproduction" in html
    assert f"Attack {CODE}." in html
    assert data_of(html)["name"] == "study-cifar10-4"
    assert data_of(html)["pairs"][0]["label"] in {"airplane", "automobile", "bird"}


def test_sets_of_two_datasets_are_refused(tmp_path: Path, root: Path) -> None:
    paths = artefact(tmp_path, BOTH[0]), artefact(tmp_path, BOTH[1], "mnist")
    with pytest.raises(LacunaError, match="two scales or datasets"):
        make_page(*paths, CODE, 5, 4, root)
