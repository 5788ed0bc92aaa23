"""Attacks: a module per method, what each method says of itself (methods/), and what methods share (core/)."""
