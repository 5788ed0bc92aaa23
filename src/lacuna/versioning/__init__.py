"""Versions data and checkpoints with DVC: checks them against the plan, adds, pushes, pulls, takes them as made."""
