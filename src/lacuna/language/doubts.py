"""What is allowed, and yet doubtful: names of flags in tables. docs/flags.md explains each. No torch here."""

from collections.abc import Iterable

PROBABILITIES = "outputs like probabilities"
NETWORK_DRAWS = "a network that answers at random"
DEFENSE_DRAWS = "a defense that answers at random"
BATCH = "answers that depend on the batch"
ATTACK_DRAWS = "an attack that cannot be repeated"
SALIENCY_DRAWS = "a saliency model that answers at random"
JPEG_BLOCKS = "an attack on the blocks of JPEG files"
BROKEN = "gradients that are not finite"
NO_GRADIENT = "a source without a gradient"
STALLED = "a loss that does not rise"
# Files hold them by their places: a new one stands last.
DOUBTS = (
    *(PROBABILITIES, NETWORK_DRAWS, DEFENSE_DRAWS, BATCH, ATTACK_DRAWS, SALIENCY_DRAWS, JPEG_BLOCKS),
    *(BROKEN, NO_GRADIENT, STALLED),
)
STALLED_SHARE = 0.1  # of the examples; above it an attack has lost its way
DRAWS = {"network": NETWORK_DRAWS, "defense": DEFENSE_DRAWS, "saliency": SALIENCY_DRAWS}  # by what answers
COLUMN = "doubts"  # of outcomes and measures, and the name of a tensor of adversarial sets: only where there are any
SEPARATOR = "; "  # between the parts of a text


def join_texts(texts: Iterable[str]) -> str:
    """The parts of all texts as one text, each part once, in their order."""
    parts = [part for text in texts for part in text.split(SEPARATOR) if part]
    return SEPARATOR.join(dict.fromkeys(parts))
