"""Which pixels of an image are its foreground, and how salient they are: saliency models, the foreground score."""
