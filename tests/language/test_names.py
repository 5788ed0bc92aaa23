"""Names of models and attacks parse back to what they name, and carry the codes of the printed tables."""

import hashlib
import random
import re
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lacuna.errors import LacunaError
from lacuna.language.attacks import attack_code
from lacuna.language.codes import arch_code
from lacuna.language.methods import format_pixels, parse_pixels
from lacuna.language.models import ARCHITECTURES, ModelSpec, parse_model
from lacuna.numerics.seeding import derive

PRINTED = pd.read_csv(
    Path(__file__).parents[2] / "data/printed/defective.csv", dtype=str, keep_default_na=False, na_values=[]
)
PLACES = [(), ("bottom",), ("top",), ("bottom", "top"), ("sm",), ("nostem",), ("dc",)]
KEEP = ["0.05", "0.07", "0.1", "0.25", "0.3", "0.5", "0.7", "0.999", "1"]


def random_specs(count: int) -> list[ModelSpec]:
    """Valid specifications, all different."""
    draw = random.Random(0)
    specs: set[ModelSpec] = set()
    while len(specs) < count:
        arch, places = draw.choice([*ARCHITECTURES]), draw.choice(PLACES)
        if arch != "resnet18" and "dc" in places:
            continue
        wide = arch == "resnet18" and places in [(), ("bottom",)] and draw.random() < 0.3
        masked = bool(places) and "dc" not in places
        specs.add(
            ModelSpec(
                arch=arch,
                training=draw.choice(["standard", "at", "th16", "x"]),
                seed=draw.choice([0, 1, 7, 10, 123]),
                keep=tuple((place, draw.choice(KEEP)) for place in places),
                wide=wide,
                mask_seed=draw.choice([0, 1, 20]) if masked else None,
            )
        )
    return sorted(specs, key=str)


SPECS = random_specs(400)


def test_every_valid_specification_survives_its_name() -> None:
    assert [parse_model(str(spec)) for spec in SPECS] == SPECS


def test_every_valid_name_survives_parsing_and_fits_into_a_file_name() -> None:
    names = [str(spec) for spec in SPECS]
    assert [str(parse_model(name)) for name in names] == names
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in names)


def test_different_networks_have_different_names() -> None:
    assert len({str(spec) for spec in SPECS}) == len(SPECS)


def test_a_name_with_one_character_changed_is_refused_or_names_another_network() -> None:
    draw = random.Random(1)
    refused = 0
    for spec in SPECS:
        name, at = str(spec), draw.randrange(len(str(spec)))
        character = draw.choice("abmstx019.-_ Z\n")
        mutated = draw.choice(
            [name[:at] + name[at + 1 :], name[:at] + character + name[at:], name[:at] + character + name[at + 1 :]]
        )
        if mutated == name:
            continue
        try:
            other = parse_model(mutated)
        except LacunaError:
            refused += 1
        else:
            assert other != spec
            assert str(other) == mutated
    assert refused > len(SPECS) / 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        "resnet18",
        "resnet18-s1",
        "resnet18-standard",
        "resnet18-standard-s",
        "resnet18-standard-s-1",
        "resnet18-standard-s1m",
        "resnet18-standard-s1 ",
        " resnet18-standard-s1",
        "resnet18-standard-s1\n",
        "resnet18_standard_s1",
        "RESNET18-standard-s1",
        "resnet19-standard-s1",
        "resnet18-own-s1",
        "resnet18-standard-s01",
        "resnet18-standard-s1m0",
        "resnet18-bottom0.5-standard-s1",
        "resnet18-bottom0.5-standard-s1m01",
        "resnet18-bottom-standard-s1m1",
        "resnet18-bottom0-standard-s1m1",
        "resnet18-bottom0.0-standard-s1m1",
        "resnet18-bottom1.0-standard-s1m1",
        "resnet18-bottom2-standard-s1m1",
        "resnet18-bottom0.50-standard-s1m1",
        "resnet18-bottom00.5-standard-s1m1",
        "resnet18-bottom.5-standard-s1m1",
        "resnet18-bottom0.5.5-standard-s1m1",
        "resnet18-bottom-0.5-standard-s1m1",
        "resnet18-bottom5e-1-standard-s1m1",
        "resnet18-bottom0.5-bottom0.5-standard-s1m1",
        "resnet18-top0.5-bottom0.5-standard-s1m1",
        "resnet18-bottom0.5-dc0.5-standard-s1m1",
        "resnet18-nostem0.1-standard-s1",
        "resnet18-nostem0.5-top0.5-standard-s1m1",
        "resnet18-bottom0.5-nostem0.5-standard-s1m1",
        "resnet18x2-nostem0.1-standard-s1m1",
        "resnet18-middle0.5-standard-s1m1",
        "resnet18-dc0.5-standard-s1m1",
        "vgg19-dc0.5-standard-s1",
        "vgg19x2-standard-s1",
        "resnet18x3-standard-s1",
        "resnet18x2-top0.5-standard-s1m1",
        "resnet18-standard-bottom0.5-s1m1",
        "resnet18-standard-s\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_a_name_that_is_no_network_is_refused_by_name(name: str) -> None:
    with pytest.raises(LacunaError, match=rf"^model '{re.escape(name.strip(chr(10)))}") as error:
        parse_model(name)
    assert "\n" not in str(error.value)


def test_a_specification_has_the_parts_of_its_name() -> None:
    assert parse_model("resnet18x2-bottom0.5-standard-s3m12") == ModelSpec(
        arch="resnet18", training="standard", seed=3, keep=(("bottom", "0.5"),), wide=True, mask_seed=12
    )


# How the printed variants that one network can have are written in a name; {0}, {1} are keep probabilities.
VARIANTS = {
    "standard": "resnet18-standard-s1",
    "bottom": "resnet18-bottom{0}-standard-s1m1",
    "top": "resnet18-top{0}-standard-s1m1",
    "bottom+top": "resnet18-bottom{0}-top{1}-standard-s1m1",
    "bottom_dc": "resnet18-dc{0}-standard-s1",
    "bottom_sm": "resnet18-sm{0}-standard-s1m1",
    "bottom_x2": "resnet18x2-bottom{0}-standard-s1m1",
}
CODES = PRINTED.loc[PRINTED["variant"].isin(VARIANTS), ["variant", "keep_prob"]].drop_duplicates()


@pytest.mark.parametrize(("variant", "keep_prob"), CODES.to_numpy().tolist())
def test_variant_and_keep_probability_are_coded_as_printed(variant: str, keep_prob: str) -> None:
    spec = parse_model(VARIANTS[variant].format(*keep_prob.split("+")))
    assert (spec.variant, spec.keep_prob) == (variant, keep_prob)


def test_every_variant_of_a_single_network_is_printed_somewhere() -> None:
    assert set(CODES["variant"]) == set(VARIANTS)
    assert "0.7+0.3" in set(CODES["keep_prob"])


@pytest.mark.parametrize("name", ["bottom", "top", "sm", "dc"])
def test_all_but_thin_networks_with_a_place_have_masks(name: str) -> None:
    assert parse_model(VARIANTS[{"sm": "bottom_sm", "dc": "bottom_dc"}.get(name, name)].format("0.5")).masked == (
        name != "dc"
    )
    assert not parse_model(VARIANTS["standard"]).masked


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16/255", Fraction(16, 255)),
        ("0.3", Fraction(3, 10)),
        ("2.55/255", Fraction(1, 100)),
        ("76.5/255", Fraction(3, 10)),
        ("8/0255", Fraction(8, 255)),
        ("0", Fraction(0)),
        ("1", Fraction(1)),
        ("255/255", Fraction(1)),
        ("0.1", Fraction(1, 10)),  # 0.1 as a float is another number
    ],
)
def test_pixel_distances_are_exact(text: str, value: Fraction) -> None:
    parsed = parse_pixels(text, "epsilon")
    assert isinstance(parsed, Fraction)
    assert parsed == value


@pytest.mark.parametrize(
    "text", ["", "16/", "/255", "16/0", "16/00", "-1/255", "+1/255", "1e-2", "256/255", "1.01", "16 / 255", "nan", "½"]
)
def test_a_text_that_is_no_pixel_distance_is_refused_by_key(text: str) -> None:
    with pytest.raises(LacunaError, match=r"^budgets\[0\]\.epsilon is '.*allowed: a fraction of the pixel range"):
        parse_pixels(text, "budgets[0].epsilon")


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(16, 255), "16"), (Fraction(3, 10), "76.5"), (Fraction(1, 100), "2.55"), (Fraction(1), "255")],
)
def test_distances_are_written_on_the_scale_to_255(value: Fraction, text: str) -> None:
    assert format_pixels(value) == text


DUAL = {"epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 1, "steps": 20}
SWAPPED = {"epsilon_foreground": 2, "epsilon_background": 20, "swapped": True}
PGD = {"epsilon": "16/255", "step": "1/255", "steps": 20}
CW = {"steps": 100, "binary_search_steps": 9, "learning_rate": 0.01, "initial_const": 0.001}
WALK = {"steps": 1000, "spherical_step": 0.01, "source_step": 0.01, "step_adaptation": 1.5}


@pytest.mark.parametrize(
    ("method", "budget", "code"),
    [
        ("pgd", {"epsilon": "16/255", "step": "1/255", "steps": 20}, "pgd_e16_a1_t20"),
        ("pgd", {"steps": 20, "step": "1/255", "epsilon": "16/255"}, "pgd_e16_a1_t20"),
        ("pgd", {"epsilon": "0.3", "step": "0.01", "steps": 40}, "pgd_e76.5_a2.55_t40"),
        ("fgsm", {"epsilon": "8/255"}, "fgsm_e8"),
        ("pgd", PGD | {"random_start": True}, "pgd_e16_a1_t20_rs"),
        ("pgd", PGD | {"restarts": 5, "random_start": True}, "pgd_e16_a1_t20_rs_x5"),
        ("pgd", PGD | {"random_start": False}, "pgd_e16_a1_t20"),
        ("mifgsm", PGD, "mifgsm_e16_a1_t20"),
        ("mifgsm", PGD | {"decay": 0.5}, "mifgsm_e16_a1_t20_d0.5"),
        ("mifgsm", PGD | {"decay": 0}, "mifgsm_e16_a1_t20_d0"),
        ("cw", CW | {"kappa": 40}, "cw_k40"),
        ("cw", CW | {"kappa": 0}, "cw_k0"),
        ("cw", CW | {"kappa": 2.5}, "cw_k2.5"),
        ("cw", CW | {"kappa_rel": 0.5}, "cw_r0.5"),
        ("apgd_ce", {"epsilon": "8/255", "steps": 100, "restarts": 2}, "apgd_ce_e8_t100_x2"),
        ("apgd_t", {"epsilon": "8/255", "steps": 100, "targets": 9}, "apgd_t_e8_t100_y9"),
        ("boundary", WALK, "boundary"),
        ("square", {"epsilon": "8/255", "queries": 500}, "square_e8_n500"),
        ("square", {"epsilon": "8/255", "queries": 5_000_000}, "square_e8_n5000000"),
        ("lspga", {"epsilon": "8/255", "steps": 7, "logit_step": 1}, "lspga_e8_t7"),
        ("dual", DUAL, "dual_f4_b20_l1_t20"),
        ("dual", DUAL | {"swapped": True, "restarts": 5}, "dual_f4_b20_l1_t20_sw_x5"),
        ("dual", DUAL | {"epsilon_background": "0", "weight": 0.5}, "dual_f4_b0_l0.5_t20"),
        ("dual_l2", DUAL | {"epsilon_foreground": 2, "epsilon_background": 20.0}, "dual_l2_f2_b20_l1_t20"),
        ("dual_l2", DUAL | SWAPPED | {"equal_density": True}, "dual_l2_f2_b20_l1_t20_sw_d"),
        (
            "dual_l2",
            {"epsilon_foreground": 0.5, "epsilon_background": 2.5, "weight": 0, "steps": 100, "reference": 9}
            | {"noise": 0.25, "samples": 8, "step_scale": 1.5},
            "dual_l2_f0.5_b2.5_l0_t100_c1.5_s0.25_n8",
        ),
        ("pgd_l2", {"epsilon_l2": 2, "steps": 100, "swapped": False}, "pgd_l2_e2_t100"),
        ("pgd_l2", {"epsilon_l2": 0.5, "steps": 7, "restarts": 2}, "pgd_l2_e0.5_t7_x2"),
        ("jsma", {"gamma": 0.05}, "jsma_g0.05"),
        ("jsma", {"gamma": 0.025, "theta": 0.1}, "jsma_g0.025_h0.1"),
        ("gaussian", {"sigma": "8/255"}, "gaussian_s8"),
        ("shuffle", {"k": 4}, "shuffle_k4"),
        ("shuffle", {"k": 8, "pad": True}, "shuffle_k8"),
        ("stylised", {}, "stylised"),
        ("a.b:Deep", {"epsilon": "8/255", "arguments": {"steps": 50}}, "own_deep_e8_steps50"),
        ("a:f", {}, "own_f"),
    ],
)
def test_attacks_have_the_codes_of_the_printed_tables(method: str, budget: dict[str, Any], code: str) -> None:
    assert attack_code(method, budget) == code


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ({"variant": "paper"}, "advdrop_paper_q20_t50"),
        ({"variant": "released_code", "targeted": True}, "advdrop_released_code_q20_t50_targeted"),
        ({"variant": "paper", "targeted": False, "rounding": "hard", "table_step": 4}, "advdrop_paper_q20_t50_a4_hard"),
        ({"variant": "paper", "success": "eight_bit", "targeted": True}, "advdrop_paper_q20_t50_eight_bit_targeted"),
        ({"variant": "paper", "table_step": 0.5, "bound": 12.5}, "advdrop_paper_q12.5_t50_a0.5"),
    ],
)
def test_advdrops_codes_say_variant_bound_and_steps(budget: dict[str, Any], code: str) -> None:
    assert attack_code("advdrop", {"bound": 20, "steps": 50} | budget) == code


def test_images_from_a_folder_have_the_name_of_their_budget() -> None:
    budget = {"name": "stylized_imagenet", "path": "data/x/val", "resize": "exact"}
    assert attack_code("folder", budget) == "stylized_imagenet"
    assert "stylized_imagenet" in set(PRINTED["attack"])


def test_every_other_printed_attack_has_a_method() -> None:
    printed = set(PRINTED["attack"].dropna()) - {"none"} - set(GRADIENT_CODES)
    budgets = {"cw": lambda n: CW | {"kappa": int(n)}, "shuffle": lambda n: {"k": int(n)}, "boundary": lambda _: WALK}
    written = {code: budgets.get(code.partition("_")[0]) for code in printed - {"stylized_imagenet"}}
    assert {attack_code(code.partition("_")[0], make(code[-2:].strip("k") or 0)) for code, make in written.items()} == (
        printed - {"stylized_imagenet"}
    )


GRADIENT_CODES = sorted(set(PRINTED["attack"][PRINTED["attack"].str.match("fgsm|pgd")]))


@pytest.mark.parametrize("code", GRADIENT_CODES)
def test_every_printed_gradient_attack_can_be_written_as_a_budget(code: str) -> None:
    method, *parts = code.split("_")
    numbers = {part[0]: part[1:] for part in parts}
    budget: dict[str, str | int] = {"epsilon": f"{numbers['e']}/255"}
    if method == "pgd":
        budget |= {"step": f"{numbers['a']}/255", "steps": int(numbers["t"])}
    assert attack_code(method, budget) == code


def test_a_derived_seed_is_the_documented_function_of_seed_and_names() -> None:
    assert derive(0, "train", "resnet18-standard-s0") == 8834646304759023073
    digest = hashlib.sha256(b"7\x1ftrain\x1fa\x1f3").digest()
    assert derive(7, "train", "a", 3) == int.from_bytes(digest[:8], "big") // 2


def test_derived_seeds_fit_into_generators_and_do_not_collide() -> None:
    stages = ["initialisation", "masks", "order", "augmentation", "selection"]
    calls = [(seed, stage, str(spec)) for seed, stage, spec in product(range(5), stages, SPECS)]
    seeds = [derive(seed, stage, name) for seed, stage, name in calls]
    assert len(set(seeds)) == len(calls) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeds == [derive(seed, stage, name) for seed, stage, name in calls]


@pytest.mark.parametrize("other", [(1, "a", "b"), (0, "b", "a"), (0, "ab"), (0, "a"), (0, "a", "b", "")])
def test_any_change_of_a_name_changes_the_seed(other: tuple[int, str]) -> None:
    assert derive(0, "a", "b") != derive(*other)


def test_a_training_is_any_word_unless_the_ones_that_exist_are_given() -> None:
    assert parse_model("resnet18-th16-s1").training == "th16"
    assert parse_model("resnet18-th16-s1", ("standard", "th16")) == parse_model("resnet18-th16-s1")
    with pytest.raises(LacunaError, match=r"^model 'vgg19-at-s1': unknown training 'at'; allowed: standard, th16$"):
        parse_model("vgg19-at-s1", ("standard", "th16"))
    assert parse_model("own-net", ("standard",)).training == "own"


def test_architectures_have_the_codes_of_the_printed_tables() -> None:
    codes = {arch_code(arch) for arch in ARCHITECTURES}
    assert len(codes) == len(ARCHITECTURES)
    assert codes - {"resnet34"} == set(PRINTED["target"]) - {""}, "resnet34 is the dual paper's"
