"""The committed results of the demo: tables and figures drawn again from their cells, and the page of their audit.

    python docs/_generate/committed.py

writes the tables' Markdown and the figures that need nothing but cells. No torch here.
"""

import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lacuna.config.load import load
from lacuna.config.yaml_files import read_yaml
from lacuna.files.artefacts import provenance_path, read_frame
from lacuna.plan.plan import Plan
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.style import save
from lacuna.reporting.tables.render import table_texts

RESULTS = "docs/results/demo"
NEEDED = ("config", "data", "src", "workflow")


@contextmanager
def laid_out(root: Path) -> Iterator[Plan]:
    """The demo's plan, in a working directory where the committed cells lie as a run leaves them."""
    with TemporaryDirectory() as folder, chdir(folder):
        for name in NEEDED:
            Path(name).symlink_to(root / name)
        chosen = read_yaml(Path("config/config.yaml"), Path.cwd())
        plan = Plan(load(Path.cwd(), {**chosen, "scale": "demo"}))
        for source in cells_below(root):
            name = source.name.removesuffix(".cells.csv")
            if name in plan.lookup.tables:
                target = Path(plan.published.table(name)[-1])
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
                shutil.copy(provenance_path(source), provenance_path(target))
        yield plan


def cells_below(root: Path) -> list[Path]:
    """The committed files of cells."""
    return sorted((root / RESULTS).rglob("*.cells.csv"))


def tables(root: Path, plan: Plan) -> dict[Path, str]:
    """Path and Markdown of each committed table."""
    made = {}
    for path in cells_below(root):
        name = path.name.removesuffix(".cells.csv")
        if name in plan.lookup.tables:
            settings = plan.stages["table"].settings(**plan.lookup.wildcards_of(name))
            made[path.with_name(f"{name}.md")] = table_texts(read_frame(plan.published.table(name)[-1]), settings)[0]
    return made


def drawn_from_cells(root: Path, plan: Plan) -> list[Path]:
    """The committed PNG files of figures that are drawn from committed cells and nothing else."""
    found = []
    for path in sorted((root / RESULTS).rglob("*.png")):
        if path.stem in plan.lookup.figures:
            inputs = _inputs(plan, path.stem)
            if inputs.keys() == {"cells"} and all(Path(cells).is_file() for cells in inputs["cells"]):
                found.append(path)
    return found


def _inputs(plan: Plan, name: str) -> dict[str, Any]:
    """What a figure is drawn from, but for selections: how many images they leave out is not committed."""
    inputs = plan.stages["figure"].inputs(**plan.lookup.wildcards_of(name))
    return {role: paths for role, paths in inputs.items() if role != "selections"}


def draw(plan: Plan, name: str, path: Path) -> None:
    """Draws a figure from cells into a file, an SVG or a PNG."""
    settings = plan.stages["figure"].settings(**plan.lookup.wildcards_of(name))
    save(figure(settings, _inputs(plan, name)), str(path))


def write(root: Path) -> None:
    """Writes everything that follows from the committed cells."""
    with laid_out(root) as plan:
        for path, text in tables(root, plan).items():
            path.write_text(text)
        for path in drawn_from_cells(root, plan):
            for ending in (".png", ".svg"):
                draw(plan, path.stem, path.with_suffix(ending))


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
