"""Sentences below exhibits on images that selections leave out for the size of their foreground."""

from collections.abc import Iterable, Mapping

from lacuna.files.artefacts import stable_part


def left_out_sentences(selections: Iterable[str]) -> list[str]:
    """A sentence per count and limits, from the records of selections with limits of the foreground.

    Where no image was left out there is nothing to say. Raises `LacunaError` where a record is missing,
    `TamperedError` where it was changed.
    """
    records = map(stable_part, selections)
    counted = ((record["settings"]["foreground"], record["facts"]["foreground"]) for record in records)
    return list(dict.fromkeys(_sentence(limits, counts) for limits, counts in counted if counts["left_out"]))


def _sentence(limits: Mapping[str, float], counts: Mapping[str, int]) -> str:
    words = {"at_least": "under", "at_most": "over"}
    stated = " or ".join(f"{word} {100 * limits[key]:g} %" for key, word in words.items() if key in limits)
    how_many = f"{counts['left_out']} of {counts['images']}"
    return (
        f"Attacks leave out {how_many} test images, for all networks alike: their foreground is {stated} of the image."
    )
