"""The committed results as DVC reads them: the main numbers of each table, and its cells to plot.

    python docs/_generate/committed_numbers.py

writes metrics/results/ and plots/rates/results/ from the cells below docs/results/. No torch here.
"""

from pathlib import Path

from lacuna.files.artefacts import read_csv
from lacuna.versioning.metrics import as_json, main_numbers, rates

RESULTS = "docs/results"
NUMBERS, RATES = "metrics/results", "plots/rates/results"


def texts(root: Path) -> dict[Path, str]:
    """Path and text of each file; a table without shares in percent has nothing to plot."""
    made = {}
    for source in sorted((root / RESULTS).rglob("*.cells.csv")):
        cells, place = read_csv(source), source.relative_to(root / RESULTS)
        name = place.name.removesuffix(".cells.csv")
        made[root / NUMBERS / place.with_name(f"{name}.json")] = as_json(main_numbers(cells))
        if len(lines := rates(cells)):
            made[root / RATES / place.with_name(f"{name}.csv")] = lines.to_csv(index=False)
    return made


def write(root: Path) -> None:
    """Writes all of them."""
    for path, text in texts(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
