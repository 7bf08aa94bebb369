"""Holding reports against each other, and against what is possible."""
