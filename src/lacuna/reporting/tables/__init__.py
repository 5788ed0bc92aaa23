"""Tables and pages of claims, rendered from cells. No torch."""
