"""What other libraries expect beside weights: timm's config.json, and RobustBench's line of a leaderboard."""

from typing import Any

from lacuna.exports.forms import Comparison
from lacuna.language.models import parse_model


def timm_config(about: dict[str, Any]) -> dict[str, Any]:
    """A config.json as `timm.models.save_for_hf` writes it.

    `timm.data.resolve_data_config` reads images from it as the network takes them: in [0, 1], since the network
    normalises them itself. The architecture has a name that timm does not know, so that timm never builds another one.
    """
    channels, height, width = about["network"]["image"]
    labels = about["classes"] if len(about["classes"]) == about["network"]["classes"] else []
    images = {"input_size": [channels, height, width], "fixed_input_size": True, "crop_pct": 1.0}
    pixels = {"mean": [0.0] * channels, "std": [1.0] * channels, "interpolation": "bilinear"}
    named = {"label_names": labels} if labels else {}
    return {
        "architecture": f"lacuna_{about['model']}",
        "num_classes": about["network"]["classes"],
        "pretrained_cfg": {
            **images,
            **pixels,
            "num_classes": about["network"]["classes"],
            "custom_load": False,
            **named,
        },
    }


def robustbench_info(about: dict[str, Any], seen: Comparison) -> dict[str, Any]:
    """The keys of a file below RobustBench's model_info/; null is what nobody measured or wrote.

    Its function ``benchmark`` takes any torch module from images in [0, 1] to logits, which `load` gives.
    """
    return {
        "link": None,
        "name": about["model"],
        "authors": None,
        "additional_data": bool(about["network"].get("training", {}).get("pretrained")),
        "number_forward_passes": 1,
        "dataset": about["dataset"]["name"],
        "venue": "Unpublished",
        "architecture": parse_model(about["model"]).arch,
        "eps": None,
        "clean_acc": f"{100 * seen.right / seen.images:.2f}",
        "reported": None,
        "autoattack_acc": None,
    }
