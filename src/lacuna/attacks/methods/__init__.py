"""One module per attack method, with the name of the method: what the method takes and needs. No torch here."""
