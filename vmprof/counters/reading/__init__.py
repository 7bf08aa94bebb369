"""Counters that are open: groups, passes, threads, trust."""
