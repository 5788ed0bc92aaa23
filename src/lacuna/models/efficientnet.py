"""EfficientNet-Lite as the package efficientnet-lite-pytorch has it."""

from torch import nn

from lacuna.models.blueprint import Blueprint


def efficientnet_lite0(blueprint: Blueprint) -> nn.Module:
    """EfficientNet-Lite0, from images (B, C, S, S) to logits (B, classes)."""
    return _efficientnet("efficientnet-lite0", blueprint)


def efficientnet_lite1(blueprint: Blueprint) -> nn.Module:
    """EfficientNet-Lite1, from images (B, C, S, S) to logits (B, classes)."""
    return _efficientnet("efficientnet-lite1", blueprint)


def efficientnet_lite2(blueprint: Blueprint) -> nn.Module:
    """EfficientNet-Lite2, from images (B, C, S, S) to logits (B, classes)."""
    return _efficientnet("efficientnet-lite2", blueprint)


def _efficientnet(name: str, blueprint: Blueprint) -> nn.Module:
    """Without dropout and drop-connect (0.2 in the package), so that training and inner attacks see one network.

    Batch norm has torch's momentum. The package's, 0.01, keeps a quarter of the first statistics after two epochs of
    4,000 images in batches of 64.
    """
    from efficientnet_lite_pytorch import EfficientNet

    channels, side, _ = blueprint.image
    how = {"dropout_rate": 0.0, "drop_connect_rate": 0.0, "batch_norm_momentum": 0.9}
    network = EfficientNet.from_name(name, in_channels=channels, num_classes=blueprint.classes, image_size=side, **how)
    return _foldable(network)


def _foldable(network: nn.Module) -> nn.Module:
    """Says which batch normalisation follows which convolution, for attacks that take both as one layer."""
    vars(network)["FOLDABLE"] = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
    names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    for block in network.get_submodule("_blocks").children():
        vars(block)["FOLDABLE"] = tuple(pair for pair in names if hasattr(block, pair[0]))
    return network
