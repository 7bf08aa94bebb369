"""Profiling on another host, by TVM's RPC: what is measured is measured there."""
