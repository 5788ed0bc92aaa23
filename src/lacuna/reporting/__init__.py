"""Renders cells as tables and figures; nothing here computes a cell."""
