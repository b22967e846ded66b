#!/usr/bin/env bash
# The last step of action.yml, which can be run anywhere: PAPER=draft.pdf REQUIRE=code,data bash tools/action.sh
# Writes the summary to GITHUB_STEP_SUMMARY (standard output where it is not set) and prints the annotations.
set -euo pipefail
: "${PAPER:?PAPER is not set; give the paper, a PDF or the main LaTeX file}"
openbook advise "$PAPER" --format markdown >> "${GITHUB_STEP_SUMMARY:-/dev/stdout}"
if [ -n "${REQUIRE:-}" ]; then
  openbook advise "$PAPER" --format github --require "$REQUIRE"
else
  openbook advise "$PAPER" --format github
fi
