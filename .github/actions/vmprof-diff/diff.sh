#!/usr/bin/env bash
# The step of action.yml, whose inputs are in the environment.
set -euo pipefail

options=(--markdown - --fail-over "$FAIL_OVER")
[ -z "$PROCESSES" ] || options+=(--processes "$PROCESSES")
[ -z "$COLUMN" ] || options+=(--column "$COLUMN")
[ -z "$MIN_SHARE" ] || options+=(--min-share "$MIN_SHARE")
[ -z "$COUNTERS" ] || options+=(--counters "$COUNTERS")
[ -z "$ENTRY" ] || options+=(--entry "$ENTRY")
[ -z "$HTML" ] || options+=(--html "$HTML" --force)

code=0
vmprof diff "${options[@]}" "$BEFORE" -- "$AFTER" | tee -a "$GITHUB_STEP_SUMMARY" || code=$?

# The codes of vmprof diff --fail-over.
case $code in
  0) verdict=ok ;;
  3) verdict=slower && echo "::error::vmprof: something is slower by over $FAIL_OVER" ;;
  4) verdict=unsure && echo "::warning::vmprof cannot tell whether something is slower" ;;
  *) exit "$code" ;; # vmprof said why
esac
echo "verdict=$verdict" >> "$GITHUB_OUTPUT"
[ "$verdict" != unsure ] || [ "$UNSURE" = fail ] || code=0
exit "$code"
