"""Attacks on one network: gradient-sign methods, and the loop over an image set."""
