"""Counter sets: events that belong together, what is computed from them, what they mean."""

from vmprof.counters.sets.load import CounterSet, choose, file_of, load_set, sets_of

__all__ = ["CounterSet", "choose", "file_of", "load_set", "sets_of"]
