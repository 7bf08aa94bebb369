"""What several tests need: constants, a kernel to play, small models."""
