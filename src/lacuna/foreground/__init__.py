"""What of an image is its foreground, and how salient it is: masks, saliency models, the foreground score."""
