"""Events by name: the grammar, what names mean on this processor."""
