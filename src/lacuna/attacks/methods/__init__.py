"""One module per attack method, of the method's name: what it takes and needs. The workflow reads them; no torch."""
