"""``python -m vmprof``."""

from vmprof.cli.main import program

raise SystemExit(program())
