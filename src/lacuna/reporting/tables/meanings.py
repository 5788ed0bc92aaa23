"""What each flag of a cell means, in words."""

from collections.abc import Mapping

from lacuna.language.doubts import (
    ATTACK_DRAWS,
    BATCH,
    BROKEN,
    DEFENSE_DRAWS,
    JPEG_BLOCKS,
    NETWORK_DRAWS,
    NO_GRADIENT,
    PROBABILITIES,
    SALIENCY_DRAWS,
    STALLED,
    STALLED_SHARE,
)
from lacuna.numbers.flags import FLAT, FLAT_SHARE, LARGER, LESS

MEANINGS = {
    FLAT: (
        f"at more than {100 * FLAT_SHARE:g} % of the images the cross-entropy has no gradient at all on the attack's "
        "source (source_flat in the outcomes says at which), so an attack that follows it is blind there"
    ),
    LARGER: "the same attack with twice the budget leaves more images right, though it may do all that the smaller may",
    LESS: (
        "an attack with the same budget that sees scores or decisions only, or was made on another network, leaves "
        "fewer images right (beaten_by names it), so this number is too high"
    ),
    PROBABILITIES: (
        "the network's answers lie in [0, 1] as after a softmax, where logits are expected, so a loss of logits has "
        "little gradient"
    ),
    NETWORK_DRAWS: "the network gives another answer when it is asked again about the same images",
    DEFENSE_DRAWS: "the defense gives another image when it is asked again about the same one",
    SALIENCY_DRAWS: "the saliency model that the attack or the measure uses gives another answer about the same images",
    BATCH: "the answer on an image depends on the images beside it, so the number depends on the size of a batch",
    ATTACK_DRAWS: "the attack gives other images when it runs again with the same seed, so its number comes once",
    JPEG_BLOCKS: (
        "the clean images are JPEG files, and the attack quantises the same blocks of 8 x 8 pixels, so JPEG "
        "compression after the attack can restore what it dropped"
    ),
    BROKEN: "at some images the source's gradient holds numbers that are not finite, so steps along it lead nowhere",
    NO_GRADIENT: "no gradient of the source reaches the pixels, so an attack that follows one cannot see anything",
    STALLED: (
        f"at more than {100 * STALLED_SHARE:g} % of the images the loss that the attack raises is no higher on its "
        "saved example than on the clean image, so the attack has failed rather than the network withstood it"
    ),
}
# Below every table with a flag. The records of older runs hold none, and nothing is said where nothing is doubtful.
EXPLAINED = "What each of these flags means, how it is measured, and what to do about it: docs/flags.md."


def flag_sentences(flags: Mapping[str, str]) -> list[str]:
    """A line for each flag: its letter, its name, its meaning; and where all of them are explained."""
    return [*(f"**{letter}**, {flag}: {MEANINGS[flag]}." for flag, letter in flags.items()), *[EXPLAINED] * bool(flags)]
