"""``python -m vmprof``."""

from vmprof.cli.main import main

raise SystemExit(main())
