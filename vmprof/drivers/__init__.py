"""The ways to use it all, a page each."""
