"""What a plot declares, and the keys and inputs that several plots share. No torch here."""
