"""Records calls: of a program that is run in rounds, or of a user's own in a session.

What a session gives, a :class:`vmprof.recording.tables.Recording`, is data.
"""
