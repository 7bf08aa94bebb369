"""What is run: inputs, and a program from whatever a user hands in."""
