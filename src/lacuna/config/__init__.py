"""The configuration files: how they are read, and what is refused before anything runs. No torch."""
