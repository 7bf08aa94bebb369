"""What a session recorded, as data, and the reports of it."""
