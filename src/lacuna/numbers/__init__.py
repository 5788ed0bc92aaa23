"""From outcomes to cells: metrics, statistics and flags. No torch."""
