"""What can be asked for: every table and figure with its costs and its state, and what it consists of. No torch."""
