"""Data and checkpoints versioned with DVC: checked against the plan, added, pushed, pulled, taken as made."""
