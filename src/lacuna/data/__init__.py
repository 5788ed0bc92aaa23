"""Datasets: from official files to verified tensors."""
