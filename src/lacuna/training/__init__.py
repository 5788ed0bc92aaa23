"""Training of one network, resumable at each epoch."""
