"""The spread over trainings of a cell of one training: borrowed from cells of like rate that have several.

Rates are compared on the arcsine scale, asin(sqrt(p)), on which the variance of a rate hardly depends on the rate. At
0 and 100 percent a rate cannot move to both sides, so that such cells neither lend nor borrow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from lacuna.language.codes import PERCENT
from lacuna.numbers.spread import SEED_VALUES
from lacuna.numbers.statistics import LEVEL, Array

LIKE = 0.1  # distance on the arcsine scale: 40 to 60 % are like 50 %, 5 to 17 % like 10 %, 0.2 to 6 % like 2 %
FEWEST_FREEDOM = 10  # degrees of freedom; the interval then reaches from 0.7 to 1.75 times the spread
ALIKE = ("metric", "dataset", "scale")  # columns in which lender and borrower are the same
NETWORK = ("target", "keep_prob", "variant")  # codes of a lender's network; a defense before it is passed over


@dataclass(frozen=True)
class Borrowed:
    """A standard deviation over trainings in percentage points with its 95 % interval, and whence it comes.

    ``freedom`` are its degrees of freedom, ``networks`` is how many networks lend, ``sources`` names what they stand
    in.
    """

    spread: float
    low: float
    high: float
    freedom: int
    networks: int
    sources: tuple[str, ...]


def lenders(cells: pd.DataFrame, source: str) -> pd.DataFrame:
    """The cells that can lend, one line each: `ALIKE`, network, ``place`` and ``variance`` on the arcsine scale.

    ``freedom`` is the number of trainings less one. Rates with several trainings lend, none of which is 0 or 100.
    """
    kept = cells[cells["unit"] == PERCENT] if SEED_VALUES in cells else cells.iloc[:0]
    values = [_places(text) for text in kept.get(SEED_VALUES, [])]
    lending = np.array([len(one) > 1 and np.all((one > 0) & (one < np.pi / 2)) for one in values], dtype=bool)
    kept, values = kept[lending], [one for one, lends in zip(values, lending, strict=True) if lends]
    return kept[[*ALIKE]].assign(
        network=[_network(codes) for codes in kept[[*NETWORK]].to_numpy(dtype=object).tolist()],
        place=np.array([one.mean() for one in values]),
        variance=np.array([one.var(ddof=1) for one in values]),
        freedom=np.array([len(one) - 1 for one in values], dtype=int),
        source=source,
    )


def borrow(values: Sequence[float], alike: Iterable[Sequence[str]], known: pd.DataFrame) -> list[Borrowed | None]:
    """What cells of these ``values`` in percent borrow from ``known`` `lenders`; ``alike`` has the `ALIKE` of each.

    Lenders differ from a cell by at most `LIKE` on the arcsine scale. All cells of a network share its trainings, so
    that a network counts once, with the mean of its cells' variances. A network that does not vary was not trained
    again, and does not count. None where fewer than `FEWEST_FREEDOM` degrees of freedom come together.
    """
    groups = dict(iter(known.groupby([*ALIKE], observed=True))) if len(known) else {}
    asked = [(value, tuple(key)) for value, key in zip(values, alike, strict=True)]
    lent = {(value, key): _pooled(value, groups[key]) for value, key in {*asked} if key in groups}
    return [lent.get(one) for one in asked]


def _pooled(value: float, group: pd.DataFrame) -> Borrowed | None:
    """What a cell of this value borrows from a group of lenders."""
    if not 0 < value < 100:  # nor where there is no value
        return None
    place = np.arcsin(np.sqrt(value / 100))
    near = group[(group["place"] - place).abs() <= LIKE]
    networks = near.groupby("network").agg({"variance": "mean", "freedom": "min"})
    networks = networks[networks["variance"] > 0]
    freedom = int(networks["freedom"].sum())
    if freedom < FEWEST_FREEDOM:
        return None
    pooled = float((networks["variance"] * networks["freedom"]).sum() / freedom)
    spread = 100 * np.sqrt(pooled) * np.sin(2 * place)  # dp = sin(2 place) d(place)
    low, high = spread * np.sqrt(freedom / chi2.isf([LEVEL / 2, 1 - LEVEL / 2], freedom))
    sources = tuple(dict.fromkeys(near.loc[near["network"].isin(networks.index), "source"]))
    return Borrowed(float(spread), float(low), float(high), freedom, len(networks), sources)


def _network(codes: Sequence[object]) -> str:
    """A network's codes, without the defense before it; the same whether a number was read as a text or not."""
    known = ["" if code is None or code != code else code for code in codes]  # NaN is not itself
    texts = [f"{code:g}" if isinstance(code, float) else str(code) for code in known]
    return " ".join([*texts[:-1], texts[-1].partition("+")[0]])


def _places(text: str) -> Array:
    """The values of a cell's trainings on the arcsine scale; nothing where a training has none."""
    values = str(text).split()
    known = [] if "-" in values else [float(value) for value in values]
    return np.arcsin(np.sqrt(np.clip(np.array(known, dtype=float), 0, 100) / 100))
