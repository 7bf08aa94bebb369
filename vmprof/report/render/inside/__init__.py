"""The inside of operators, rendered: a module per form."""

BY = ("line", "instruction", "function")
