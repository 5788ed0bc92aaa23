"""A paper's claims: the relations between cells that claims state, and the verdicts on claims. No torch."""
