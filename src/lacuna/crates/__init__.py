"""Packs a table, a figure, the claims or a whole paper as one file that others can check without Lacuna. No torch."""
