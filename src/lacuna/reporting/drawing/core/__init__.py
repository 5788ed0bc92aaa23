"""What several figures share: style, files, notes, and drawings of which each is part of more than one figure."""
