"""What networks say: predictions, outcomes, selections, defenses, image quality, gradients."""
