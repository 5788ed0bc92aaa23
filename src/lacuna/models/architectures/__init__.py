"""One module per architecture, of the architecture's name: what builds it, and where masks stand. No torch here."""
