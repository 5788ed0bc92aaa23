"""What figures share on their way from files to plots."""
