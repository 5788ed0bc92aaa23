"""One file per kind of figure; each takes data and gives a matplotlib figure, and reads no file."""
