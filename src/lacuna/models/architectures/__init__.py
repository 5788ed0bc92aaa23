"""One module per architecture, with its name, which is letters and then digits: what builds it, where masks stand."""
