"""A report as text, a page, a table: one module per output."""
