"""Comparing reports with each other, and with what is possible."""
