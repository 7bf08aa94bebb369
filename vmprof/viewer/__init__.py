"""Reports to go about in, in a terminal; :mod:`.app` needs textual."""
