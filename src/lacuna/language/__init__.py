"""What names mean: models, attacks, codes of the printed tables, exhibits. No torch."""
