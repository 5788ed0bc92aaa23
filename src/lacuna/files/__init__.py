"""Files and their provenance. Nothing here decides a number."""
