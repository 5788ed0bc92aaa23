"""Trained networks for others: safetensors, ONNX, a loader that needs torch alone, and a model card."""
