"""Attacks on one network: the methods, what they share, and the loop over an image set."""
