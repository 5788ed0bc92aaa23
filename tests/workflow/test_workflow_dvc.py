"""DVC as its users know it: metrics, plots, parameters, status, order; experiments are refused."""

import json
from pathlib import Path

import pytest
from clones import Clone
from conftest import copy

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def run(finished_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which `dvc repro table3` ran and was committed, then once more with a row less."""
    clone = Clone(copy(finished_root, tmp_path_factory.mktemp("dvc") / "clone").root)
    clone.git("init", "-q", "-b", "main")
    clone.must("dvc", "repro", "-q", "table3")
    clone.commit()
    (clone / "first.txt").write_text(clone.must("dvc", "status"))
    clone.configure("config/papers/defective.yaml", lambda content: content["tables"]["table3"]["rows"].pop())
    (clone / "edited.txt").write_text(clone.must("dvc", "status"))
    clone.must("dvc", "repro", "-q", "table3")
    return clone


def shown(clone: Clone, *command: str) -> dict[str, dict[str, object]]:
    return json.loads(clone.do("dvc", *command, "--json").stdout)


def test_status_names_what_changed_and_nothing_else(run: Clone) -> None:
    assert "table3:" not in (run / "first.txt").read_text().splitlines()
    assert "planned:" not in (run / "first.txt").read_text().splitlines()
    lines = (run / "edited.txt").read_text().splitlines()
    assert "planned:" in lines
    assert "always changed" not in "".join(lines)
    assert "up to date" in run.must("dvc", "status", "table3")


def test_metrics_are_the_means_of_the_table_and_differ_from_the_commit_before(run: Clone) -> None:
    cells = [line.split(",") for line in (run / "tables/table3.cells.csv").read_text().splitlines()]
    metric, value = cells[0].index("metric"), cells[0].index("value")
    clean = [float(line[value]) for line in cells[1:] if line[metric] == "test_accuracy"]
    numbers = json.loads((run / "metrics/table3.json").read_text())
    assert numbers["test_accuracy"]["mean"] == pytest.approx(sum(clean) / len(clean), rel=1e-3)
    changed = shown(run, "metrics", "diff")["metrics/table3.json"]
    assert changed["cells"]["diff"] == len(cells) - 1 - changed["cells"]["old"] < 0
    assert "metrics/table3.json" in run.must("dvc", "metrics", "show")


def test_params_are_the_configuration(run: Clone) -> None:
    changed = shown(run, "params", "diff")
    assert changed.keys() == {"config/papers/defective.yaml"}
    assert changed["config/papers/defective.yaml"].keys() == {"tables.table3.rows"}


def test_plots_show_the_rates_and_the_courses_of_trainings_of_both_commits(run: Clone) -> None:
    run.must("dvc", "plots", "diff", "HEAD")
    page = (run / "dvc_plots/index.html").read_text()
    assert '"network": "fashion-mnist-subset/vgg19-standard-s1"' in page
    assert "train_accuracy" in page
    assert '"metric": "test_accuracy"' in page
    assert '"rev": "HEAD"' in page
    assert '"rev": "workspace"' in page
    assert "DVC_METRIC" not in page, "each anchor of a template is filled"


def test_experiments_are_refused_in_one_sentence(run: Clone) -> None:
    run.append("src/lacuna/numbers/cells.py")
    refused = run.do("dvc", "exp", "run", "table3")
    assert refused.returncode != 0
    errors = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Snakemake alone schedules" in errors[0]
    assert "> snakemake" not in refused.stdout


def test_the_aliases_follow_each_other(run: Clone) -> None:
    edges = run.must("dvc", "dag", "--dot").replace('"', "")
    for before, after in [
        ("data", "models"),
        ("models", "adversarial"),
        ("adversarial", "tables"),
        ("planned", "table3"),
    ]:
        assert f"{before} -> {after};" in edges
