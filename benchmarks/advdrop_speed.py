"""AdvDrop, images times steps per second: ours against the published algorithm done literally (tests/).

ResNet-18 of 1/8 width on random 32 x 32 colour images, untargeted, float32. The network is tilted towards the label so
far that no image ever stops early: what is timed is the steps. Ours runs on the folded network in channels-last layout,
the literal algorithm on the network as its users have it. Rounds are interleaved; the ratio is within a round.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from common import interleaved, network, save
from torch import Tensor, nn

from lacuna.attacks.advdrop import advdrop
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.folding import fold_batch_norm

sys.path.append(str(Path(__file__).parents[1] / "tests/support"))
import literal_advdrop

BOUND, STEPS = 20, 10
BATCHES = (20, 125)  # the released demo's, and the workflow's


class Tilted(nn.Module):
    """A network that says class 0 whatever it sees."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        return torch.cat([logits[:, :1] + 30, logits[:, 1:]], 1)


def measure(batch: int, rounds: int, device: str) -> list[dict[str, object]]:
    """One line per engine and round."""
    x = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.zeros(batch, dtype=torch.int64, device=device)
    plain = network("1/8").to(device, memory_format=torch.contiguous_format)
    quick = Tilted(fold_batch_norm(plain).to(memory_format=torch.channels_last)).eval()
    drop = partial(advdrop, variant="paper", bound=BOUND, steps=STEPS, draws=Draws(0, tuple(range(batch))))
    literal = partial(literal_advdrop.attack, start=1.0, box=(1.0, 1.0 + BOUND), steps=STEPS)
    works = {"lacuna": partial(drop, quick, x, labels), "literal": partial(literal, Tilted(plain).eval(), x, labels)}
    where = {"batch": batch, "threads": torch.get_num_threads(), "device": device}
    lines: list[dict[str, object]] = []
    for turn, seconds in interleaved(works, rounds):
        for name, spent in seconds.items():
            speed = {"image_steps_per_second": batch * STEPS / spent, "ours_to_this": spent / seconds["lacuna"]}
            lines.append({**where, "engine": name, "round": turn, **speed})
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: all cores")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lines = [line for batch in BATCHES for line in measure(batch, arguments.rounds, device)]
    frame = save("advdrop_speed", lines, x="engine", y="image_steps_per_second", col="batch")
    print(frame.groupby(["batch", "engine"])[["image_steps_per_second", "ours_to_this"]].median().round(2).to_string())


if __name__ == "__main__":
    main()
