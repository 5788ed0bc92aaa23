"""From the configuration to files: what every stage reads, writes and is decided by. No torch."""
