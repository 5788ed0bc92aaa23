"""A paper's claims: the relations between cells that they state, and the verdicts on them. No torch."""
