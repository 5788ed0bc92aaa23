"""Pairs of adversarial examples for people to judge, and the page that shows them (Defective CNN, appendix A.4)."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from lacuna.errors import LacunaError
from lacuna.language.pages import templates
from lacuna.reporting.examples import Examples


def deal(
    standard: Examples, defective: Examples, classes: Sequence[str], pairs: int, seed: int
) -> list[dict[str, Any]]:
    """Deals ``pairs`` random pairs of adversarial examples, with random sides.

    Both examples of a pair are of one image, and each fools its source. A pair has image (the id), label (the true
    one), left and right. A side has source, predicted (the source's label) and uri (the image as a data URI). The same
    seed deals the same pairs. Raises `LacunaError` where too few images fool both sources.
    """
    truth, others = standard.fooled(), defective.fooled()
    common = [image for image in truth if image in others]
    if len(common) < pairs:
        raise LacunaError(f"{len(common)} images fool both {standard.name} and {defective.name}, {pairs} are asked")
    draw = np.random.default_rng(seed)
    dealt = []
    for image in draw.choice(common, pairs, replace=False).tolist():
        sides = [_side(one, image, classes) for one in (standard, defective)]
        left = int(draw.integers(2))
        dealt.append({"image": image, "label": classes[truth[image]], "left": sides[left], "right": sides[1 - left]})
    return dealt


def _side(one: Examples, image: int, classes: Sequence[str]) -> dict[str, str]:
    images, predicted = one.at(np.array([image]))
    return {"source": one.name, "predicted": classes[int(predicted[0])], "uri": data_uri(images[0])}


def data_uri(image: np.ndarray) -> str:
    """An image uint8 (C, H, W), with one channel or three, as a PNG in a data URI."""
    buffer = io.BytesIO()
    pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def study_page(pairs: Sequence[dict[str, Any]], title: str, note: str, name: str, seed: int) -> str:
    """One self-contained HTML page. It needs no network, works by keyboard, and offers the choices as a CSV file."""
    page = templates("lacuna.reporting.study").get_template("study.html.j2")
    return page.render(pairs=pairs, title=title, note=note, name=name, seed=seed)
