"""What networks say about images: predictions, outcomes, selections, defenses, image quality, gradients."""
