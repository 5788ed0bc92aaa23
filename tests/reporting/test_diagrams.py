"""Diagrams: the structure is that of the network which runs, and every masked layer stands in it once."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.architectures import MASK_PLACES
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models import build
from lacuna.models.build import build_model, mask_report
from lacuna.models.layers import Defect, Shape, draw_mask
from lacuna.models.resnet import Residual
from lacuna.reporting.drawing.core.style import tint
from lacuna.reporting.drawing.core.wiring import MASKED
from lacuna.reporting.drawing.diagram import diagram
from lacuna.reporting.structure import Op, Structure, Unit, read_structure

COLOUR, GREY = (3, 32, 32), (1, 28, 28)


def network(name: str, image: Shape = GREY, place: str = "released_code") -> nn.Sequential:
    """An untrained network of an eighth of the paper's width."""
    spec, mean = parse_model(name), torch.zeros(1, 1, 1)
    return build_model(spec, image, 10, width=Fraction(1, 8), mask_place=place, seed=3, mean=mean, std=mean + 1)


def masked_name(arch: str, keep: str = "0.3") -> str:
    return f"{arch}-bottom{keep}-standard-s0m0"


def units(whole: Structure) -> list[Unit]:
    return [unit for block in whole.blocks for unit in block.units]


def ops(whole: Structure) -> list[Op]:
    return [op for unit in [*units(whole), whole.head] for op in unit.ops]


def occurrences(whole: Structure, start: str) -> int:
    """How many layers of the network an architecture shows, whose name starts so."""
    return sum(len(op.channels) for op in ops(whole) if op.name.startswith(start))


# Structure -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [COLOUR, GREY])
@pytest.mark.parametrize("place", MASK_PLACES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_masked_layer_stands_in_the_diagram_once(arch: str, place: str, image: Shape) -> None:
    made = network(masked_name(arch), image, place)
    report = mask_report(made)
    whole = read_structure(made, image)
    assert sorted(name for op in ops(whole) for name in op.masks) == sorted(str(line["layer"]) for line in report)
    assert sum(op.kept for op in whole.masks) == sum(int(str(line["kept"])) for line in report)
    assert report


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_layer_with_weights_stands_in_the_diagram_once(arch: str) -> None:
    made = network(f"{arch}-standard-s0")
    whole = read_structure(made, GREY)
    layers = list(made.modules())
    kernels = [tuple(layer.kernel_size) for layer in layers if isinstance(layer, nn.Conv2d)]
    for size in (1, 3):
        assert occurrences(whole, f"{size}x{size} conv") == kernels.count((size, size))
    assert occurrences(whole, "linear") == 1
    shown = {channels for op in ops(whole) if "conv" in op.name for channels in op.channels}
    assert shown == {layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)}
    strided = sum(len(op.channels) for op in ops(whole) if op.strided)
    assert strided == sum(isinstance(layer, nn.Conv2d) and layer.stride[0] == 2 for layer in layers)


class Numbered(Defect):
    """A mask that knows the block it was made for."""

    block = -1


@pytest.mark.parametrize("image", [COLOUR, GREY])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_blocks_are_those_that_the_network_was_built_with(
    arch: str, image: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everywhere(*_: object) -> Callable[[int, str, Shape], nn.Module]:
        def site(block: int, kind: str, shape: Shape) -> nn.Module:
            mask = Numbered(draw_mask(shape, Fraction(1, 2), block))
            mask.block = block
            return mask

        return site

    monkeypatch.setattr(build, "mask_sites", everywhere)
    made = network(f"{arch}-standard-s0", image)
    told = {name: layer.block for name, layer in made.named_modules() if isinstance(layer, Numbered)}
    found = {name: block.number for block in read_structure(made, image).blocks for name in block.masked}
    assert found == told
    assert len(set(told.values())) >= 4


def test_repeated_units_are_collapsed_to_their_number() -> None:
    dense = read_structure(network("densenet121-standard-s0"), GREY)
    assert [(unit.kind, unit.repeat) for unit in units(dense) if unit.kind == "Dense"] == [
        ("Dense", 6),
        ("Dense", 12),
        ("Dense", 24),
        ("Dense", 16),
    ]
    plain = read_structure(network("resnet50-standard-s0"), GREY)
    assert [unit.repeat for unit in units(plain)] == [1, 1, 2, 1, 3, 1, 5, 1, 2]


def test_what_a_collapsed_unit_gives_is_what_the_last_one_gives() -> None:
    made = network("densenet121-standard-s0")
    shapes: list[tuple[int, ...]] = []
    made[1].layers[5].register_forward_hook(lambda *given: shapes.append(tuple(given[2].shape[1:])))
    made.eval()(torch.zeros(1, *GREY))
    assert units(read_structure(network("densenet121-standard-s0"), GREY))[1].shape == shapes[0]


@pytest.mark.parametrize(("arch", "kinds"), [("resnet18", {"+"}), ("senet18", {"+", "\N{MULTIPLICATION SIGN}"})])
def test_shortcuts_are_joins_with_what_stands_on_them(arch: str, kinds: set[str]) -> None:
    made = network(masked_name(arch))
    whole = read_structure(made, GREY)
    joins = [(unit.repeat, step) for unit in units(whole) for step in unit.steps if step.symbol]
    assert {step.symbol for _, step in joins} == kinds
    assert sum(repeat for repeat, step in joins if step.symbol == "+") == 8
    pointwise = sum(
        repeat for repeat, step in joins if step.symbol == "+" and any("1x1" in op.name for op in step.side)
    )
    assert pointwise == 3


def test_a_masked_projection_stands_on_the_shortcut() -> None:
    step = units(read_structure(network(masked_name("resnet18")), GREY))[2].steps[2]
    assert [op.name for op in step.side] == ["1x1 conv {} /2", "BN", "mask"]
    assert (step.symbol, step.start) == ("+", -1)


def test_the_shortcut_of_a_pre_activation_block_leaves_after_the_activation() -> None:
    down = units(read_structure(network(masked_name("senet18")), GREY))[2]
    gate, shortcut = (step for step in down.steps if step.symbol)
    assert [op.name for op in down.steps[shortcut.start].ops] == ["BN", "mask", "ReLU"]
    assert [op.name for op in gate.side] == ["global average", "1x1 conv {}", "ReLU", "1x1 conv {}", "sigmoid"]


def test_masks_stand_where_they_act() -> None:
    paper, code = (
        [op.name for op in units(read_structure(network(masked_name("resnet18"), place=p), GREY))[1].ops]
        for p in ("paper", "released_code")
    )
    assert code == ["3x3 conv {}", "BN", "mask", "ReLU", "3x3 conv {}", "BN", "mask", "ReLU"]
    assert paper == ["3x3 conv {}", "BN", "mask", "ReLU", "3x3 conv {}", "BN", "ReLU", "mask"]


@pytest.mark.parametrize(("keep", "share"), [("0.3", "30."), ("0.05", "5.0")])
def test_the_share_kept_is_that_of_the_masks(keep: str, share: str) -> None:
    masks = read_structure(network(masked_name("vgg19", keep)), GREY).masks
    assert all(op.text.startswith(f"mask {share}") for op in masks)


def test_channels_that_grow_are_given_as_a_range() -> None:
    one, two = (Op("1x1 conv {} /2", True, (channels,)) for channels in (8, 24))
    assert Op.merge([one, two]).text == "1x1 conv 8-24 /2"
    assert Op.merge([one, one]).text == "1x1 conv 8 /2"


class Plain(nn.Module):
    """A network of a user's own: two convolutions and a head, or what ``path`` makes of them."""

    def __init__(self, path: Callable[["Plain", Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.defect = Defect(torch.ones(1, 4, 28, 28))
        self.head, self.path = nn.Linear(4, 10), path

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.path(self, x).mean((2, 3)))


def test_a_network_of_ones_own_is_drawn() -> None:
    whole = read_structure(Plain(lambda net, x: net.defect(F.relu(net.second(F.relu(net.first(x)))))), GREY)
    assert [op.text for op in ops(whole)][:3] == ["3x3 conv 4", "ReLU", "3x3 conv 4"]
    assert len(whole.masks) == 1


def two_ways(net: Plain, x: Tensor) -> Tensor:
    """Two side paths with boxes, both from the first convolution; the main path is the sum's last argument."""
    start = net.first(x)
    return net.defect(torch.sigmoid(start)) + (start.mean((2, 3), keepdim=True).relu() * F.relu(net.second(start)))


def test_the_main_path_has_the_most_convolutions_wherever_it_is_written() -> None:
    whole = read_structure(Plain(two_ways), GREY)
    (block,) = whole.blocks
    names = [[op.name for op in step.ops] or step.symbol for step in block.units[0].steps]
    assert names[:4] == [["3x3 conv {}"], ["3x3 conv {}", "ReLU"], "\N{MULTIPLICATION SIGN}", "+"]
    assert [[op.name for op in step.side] for step in block.units[0].steps if step.symbol] == [
        ["global average", "ReLU"],
        ["sigmoid", "mask"],
    ]


def test_two_side_paths_have_their_own_place() -> None:
    figure = diagram(read_structure(Plain(two_ways), GREY), "A title", "A note")
    figure.draw_without_rendering()
    filled = [box.get_window_extent() for box in boxes(figure) if box.get_zorder() == 1]
    assert len(filled) == 2 + 2 + 2  # convolutions, side paths, head
    assert not any(one.padded(-1).overlaps(two.padded(-1)) for one, two in combinations(filled, 2))


REFUSED: dict[str, Callable[[Plain, Tensor], Tensor]] = {
    "cannot be drawn on images": lambda net, x: net.defect(net.first(x)) if x.sum() > 0 else net.first(x),
    "a masked layer is on no path": lambda net, x: net.first(x),
    "joins two paths aside": lambda net, x: net.defect(net.second(net.first(x))) + (net.first(x) + net.first(x)).relu(),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_shown_is_refused(reason: str) -> None:
    with pytest.raises(LacunaError, match=f"{reason}"):
        read_structure(Plain(REFUSED[reason]), GREY)


# Drawing ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=ARCHITECTURES)
def drawn(request: pytest.FixtureRequest) -> tuple[Structure, Figure]:
    """The diagram of a masked network, laid out."""
    whole = read_structure(network(masked_name(request.param), COLOUR), COLOUR)
    figure = diagram(whole, "A title", "A note")
    figure.draw_without_rendering()
    return whole, figure


def boxes(figure: Figure) -> list[FancyBboxPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def test_the_boxes_in_colour_are_those_with_a_mask(drawn: tuple[Structure, Figure]) -> None:
    whole, figure = drawn
    masked = [part for unit in units(whole) for step in unit.steps for part in (step.side, step.ops)]
    wanted = sum(any(op.masks for op in part) for part in masked)
    coloured = [box for box in boxes(figure) if box.get_facecolor()[:3] == pytest.approx(MASKED)]
    assert len(coloured) == wanted > 0
    layers = sum(len(op.masks) for op in whole.masks)
    kept, neurons = sum(op.kept for op in whole.masks), sum(op.neurons for op in whole.masks)
    legend = figure.legends[0].get_texts()[0].get_text()
    assert legend == f"masked layer; {layers} of them keep {kept:,} of {neurons:,} neurons"


def test_every_text_stays_in_its_box_and_on_the_page(drawn: tuple[Structure, Figure]) -> None:
    _, figure = drawn
    placed = [(text, text.get_window_extent()) for text in figure.axes[0].texts if text.get_text()]
    frames = [box.get_window_extent() for box in boxes(figure)]
    for text, extent in placed:
        x, y = (extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2
        around = [frame for frame in frames if frame.contains(x, y)]
        smallest = min(around, key=lambda frame: frame.width * frame.height, default=figure.bbox)
        assert smallest.x0 <= extent.x0, text
        assert extent.x1 <= smallest.x1, text
        assert smallest.y0 <= extent.y0, text
        assert extent.y1 <= smallest.y1, text


def test_boxes_do_not_overlap_and_the_page_is_no_larger_than_a4(drawn: tuple[Structure, Figure]) -> None:
    _, figure = drawn
    filled = [box.get_window_extent() for box in boxes(figure) if box.get_zorder() == 1]
    assert not any(one.padded(-1).overlaps(two.padded(-1)) for one, two in combinations(filled, 2))
    width, height = figure.get_size_inches()
    assert width <= 11.7
    assert height <= 8.3


def test_a_network_without_masks_has_no_box_in_colour() -> None:
    figure = diagram(read_structure(network("resnet18-standard-s0"), GREY), "A title", "A note")
    assert not [box for box in boxes(figure) if box.get_facecolor()[:3] == pytest.approx(tint(MASKED))]
    assert figure.legends[0].get_texts()[0].get_text() == "masked layer: none"
    assert Residual.__name__ in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("lines", [1, 4, 9])
def test_a_note_of_any_length_stands_below_the_legend_and_the_drawing(lines: int) -> None:
    note = "\n".join(["what a scale's note says, " * 4] * lines)
    figure = diagram(read_structure(network("resnet18-bottom0.5-standard-s1m1"), GREY), "A title", note)
    figure.draw_without_rendering()
    (below,) = [text.get_window_extent() for text in figure.texts if "what a scale's note" in text.get_text()]
    (legend,) = [legend.get_window_extent() for legend in figure.legends]
    assert below.y0 >= 0
    assert below.y1 <= legend.y0
    assert legend.y1 <= min(box.get_window_extent().y0 for box in boxes(figure))
