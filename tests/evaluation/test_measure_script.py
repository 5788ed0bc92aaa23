"""The script of rule measure, called as Snakemake calls it, and what it is asked for."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import torch
import yaml
from stages import Outputs
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.quality import QUALITY_MEASURES, measure_quality
from lacuna.files.artefacts import Record, read_frame, stable_part, write_tensors
from lacuna.foreground.deepgaze import DeepGaze, read_centre_bias
from lacuna.language.attacks import MARGIN
from lacuna.language.attacks import MEASURES as NAMED
from lacuna.language.doubts import COLUMN, SALIENCY_DRAWS
from lacuna.plan.lookup import SCORES
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

SOURCE = "resnet18-standard-s2"
DEFECTIVE = "config/papers/defective.yaml"


def measured(folder: Path, root: Path, measures: list[str], saliency: tuple[str, ...] = ()) -> Path:
    """Runs the script on a set of two budgets, with a foreground in each image, and returns what it wrote."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (30, 3, 40, 40), generator=generator, dtype=torch.uint8)
    write_tensors(
        str(folder / "test.safetensors"),
        {"images": images, "labels": torch.zeros(30, dtype=torch.int64)},
        Record("dataset", "{}"),
    )
    ids = torch.randperm(30, generator=generator)[:6]
    tensors = {
        "image": ids,
        "label": torch.zeros(6, dtype=torch.int64),
        "source_clean": torch.zeros(6, dtype=torch.int64),
        "source_flat": torch.zeros(6, dtype=torch.int64),
    }
    for i, code in enumerate(("b_e1", "a_e1")):
        noise = torch.randint(0, 9 * i + 2, (6, 3, 40, 40), generator=generator)
        tensors[f"{code}.images"] = (images[ids] + noise).clamp(0, 255).to(torch.uint8)
        tensors[f"{code}.source_adversarial"] = torch.zeros(6, dtype=torch.int64)
        tensors |= {f"{code}.distance": torch.zeros(6), f"{code}.distance_8bit": torch.zeros(6)}
        tensors[f"{code}.valid"] = torch.tensor([True, True, i == 0, True, True, True])
    write_tensors(str(folder / "set.safetensors"), tensors, Record("attack", "{}"))
    mask = torch.rand(30, 40, 40, generator=generator) < 0.5
    foreground = {"mask": mask, "fraction": mask.float().mean((1, 2))}
    write_tensors(str(folder / "foreground.safetensors"), foreground, Record("foreground", "{}"))
    job = SimpleNamespace(
        threads=1,
        resources=SimpleNamespace(),
        wildcards=SimpleNamespace(attack="a", source="net-s0"),
        params=SimpleNamespace(
            settings=json.dumps(
                {
                    "measures": [*measures, *saliency],
                    "saliency": {name: {"kind": "spectral_residual"} for name in saliency},
                }
            )
        ),
        input=SimpleNamespace(
            images=str(folder / "test.safetensors"),
            adversarial=str(folder / "set.safetensors"),
            foreground=[str(folder / "foreground.safetensors")] * bool(saliency),
            code=[],
        ),
        rule="measure",
        output=Outputs({"measures": str(folder / "measures.parquet")}),
        log=[str(folder / "log")],
    )
    runpy.run_path(str(root / "workflow/scripts/measure.py"), init_globals={"snakemake": job})
    return folder / "measures.parquet"


def test_every_valid_example_has_a_line_with_its_measures(tmp_path: Path, root: Path) -> None:
    path = measured(tmp_path, root, ["psnr", "ms_ssim", "png_ratio", "colours_clean"])
    frame = read_frame(str(path))
    assert list(frame.columns) == ["attack", "source", "image", "psnr", "ms_ssim", "png_ratio", "colours_clean"]
    from safetensors.torch import load_file

    clean, tensors = load_file(tmp_path / "test.safetensors")["images"], load_file(tmp_path / "set.safetensors")
    assert frame["attack"].tolist() == ["a_e1"] * 5 + ["b_e1"] * 6
    assert set(frame["source"]) == {"net-s0"}
    for code, rows in frame.groupby("attack"):
        assert rows["image"].tolist() == tensors["image"][tensors[f"{code}.valid"]].tolist()
        made = tensors[f"{code}.images"][tensors[f"{code}.valid"]]
        reference = clean[torch.tensor(rows["image"].to_numpy())]
        for name in ("psnr", "png_ratio", "colours_clean"):
            assert rows[name].tolist() == pytest.approx(measure_quality(name, reference, made).tolist(), rel=1e-5)
    assert frame["ms_ssim"].isna().all()
    reason = "ms_ssim needs images of at least 161 x 161, these are 40 x 40"
    assert stable_part(path)["facts"]["without"] == {"ms_ssim": reason}
    assert reason in (tmp_path / "log").read_text()


class Gaze(nn.Module):
    """A network that gives its centre bias as log density, or does as ``how`` says."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        if self.how == "counts":
            self.get_buffer("calls").add_(1)
        return (
            torch.rand_like(bias).flatten(1).log_softmax(1).view_as(bias)[:, None]
            if self.how == "draws"
            else bias[:, None]
        )


@pytest.mark.parametrize(("how", "doubts"), [("even", set()), ("draws", {SALIENCY_DRAWS})])
def test_doubts_about_the_saliency_model_stand_beside_the_measures(
    how: str, doubts: set[str], tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaze = DeepGaze(Gaze(how), read_centre_bias("uniform", 16)).eval()
    monkeypatch.setattr("lacuna.foreground.saliency.saliency_model", lambda settings: gaze)
    frame = read_frame(str(measured(tmp_path, root, ["psnr"], ("foreground_score",))))
    assert set(frame.get(COLUMN, [])) == doubts


def test_a_saliency_model_that_changes_while_it_measures_is_refused(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaze = DeepGaze(Gaze("counts"), read_centre_bias("uniform", 16)).eval()
    monkeypatch.setattr("lacuna.foreground.saliency.saliency_model", lambda settings: gaze)
    with pytest.raises(SystemExit):
        measured(tmp_path, root, ["psnr"], ("foreground_score",))
    assert "DeepGaze IIE changed the tensor 'network.calls' of itself" in (tmp_path / "log").read_text()
    assert not (tmp_path / "measures.parquet").exists()


def test_what_is_measured_stands_with_the_attack(table3: "Project", root: Path) -> None:
    with pytest.raises(LacunaError, match="attack 'pgd16' measures nothing"):
        Plan(table3.load()).stages["measure"].canonical("cifar10", "pgd16", SOURCE)
    table3.edit(DEFECTIVE, lambda content: content["attacks"]["pgd16"].update(measures=["psnr", "colours"]))
    assert Plan(table3.load()).stages["measure"].settings("cifar10", "pgd16", SOURCE) == {
        "measures": ["psnr", "colours"],
        "saliency": {},
    }
    table3.edit(DEFECTIVE, lambda content: content["attacks"]["pgd16"].update(measures=["beauty"]))
    with pytest.raises(LacunaError, match=r"attacks.pgd16.measures\[0\].*allowed: psnr, ssim"):
        table3.load()
    schema = yaml.safe_load((root / "workflow/schemas/paper.schema.yaml").read_text())["$defs"]
    assert [name for name in schema["measure"]["enum"] if name not in (*SCORES, MARGIN)] == list(QUALITY_MEASURES)
    assert schema["measure"]["enum"] == list(NAMED)
