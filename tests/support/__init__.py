"""What several tests need: an assembler, a kernel to play, small models."""
