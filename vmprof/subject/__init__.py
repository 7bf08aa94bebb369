"""What is run: a program from whatever a user hands in."""
