"""One module per network that comes as a package: what builds it, where its weights lie. A ``_`` stands for ``-``."""
