"""Shows both packages at work, by their command lines: `make demo`.

    python studies/demo.py [--out demo] [--study malach2024] [--full]

Runs what is quick of a study (with --full: all of it), writes its report, has the report assessed like any paper, and
builds a site with the record and the study. Progress goes to standard error. What was run before and has not changed is
kept. The last lines are a summary and the place to open.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

STUDIES = Path(__file__).resolve().parent


class Failed(Exception):
    """A step that did not do its work."""


def openbook(*arguments: object, also: tuple[int, ...] = ()) -> dict[str, Any]:
    """What ``openbook ... --json`` prints. Raises Failed unless it ends with 0 or one of ``also``."""
    command = [sys.executable, "-m", "openbook.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, *also):
        raise Failed(f"openbook {' '.join(map(str, arguments))} ended with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def step(number: int, text: str) -> None:
    print(f"\n[{number} of 4] {text}", file=sys.stderr, flush=True)


def demo(out: Path, study: str, full: bool, studies: Path = STUDIES) -> list[str]:
    """Do all steps; the lines of the summary. Raises Failed."""
    began = time.monotonic()
    step(1, f"the study {study}: {'all of it' if full else 'what is quick'}")
    run = openbook("study", "run", study, *([] if full else ["--quick"]), "--studies", studies, also=(3,))
    step(2, "its report")
    report = openbook("study", "report", study, "--studies", studies)
    step(3, "its report, assessed like any paper")
    records = out / "records"
    openbook("assess", report["pdf"], "--out", records, "--force")
    record = json.loads((records / "report.json").read_text(encoding="utf-8"))
    step(4, "a site with the record and the study")
    page = out / "site" / "index.html"
    if has_command("site"):
        search = [] if find_spec("pagefind") else ["--no-search"]  # an extra that the demo does without
        openbook("site", "--records", records, "--studies", studies, "--out", out / "site", *search)
    else:
        print("this openbook has no command site; the record is shown as a page instead", file=sys.stderr)
        page = out / "record.html"
        openbook("show", records / "report.json", "--html", page)
    return summary(run, record, page, Path(report["html"]), time.monotonic() - began)


def has_command(name: str) -> bool:
    """Whether this openbook has a command."""
    command = [sys.executable, "-m", "openbook.cli", name, "--help"]
    return subprocess.run(command, capture_output=True).returncode == 0


def summary(run: dict[str, Any], record: dict[str, Any], site: Path, report: Path, seconds: float) -> list[str]:
    """Some lines, and the places to open."""
    paper = [claim for claim in run["claims"].values() if not claim["ours"]]
    own = {name: claim for name, claim in run["claims"].items() if claim["ours"]}
    quotes = [quote["match"] for answer in record["answers"].values() for quote in answer["evidence"]]
    located = sum(match in ("exact", "normalised") for match in quotes)
    documents = f"the study's own report documents {record['scores']['documentation']} of 7"
    lines = [
        f"{run['study']}: {_counted(paper)} of the paper's claims, in {seconds:.0f} s",
        *(f"ours, {name}: {claim['verdict']}, {_number(claim)}" for name, claim in own.items()),
        *(_claim(run["claims"], name) for name in ("circuits", "turing-machines", "linear-text")),
        f"{documents}, {located} of {len(quotes)} quotes found word for word",
    ]
    return [*(line for line in lines if line), f"open {site.resolve()}", f" and {report.resolve()}"]


def _counted(claims: list[dict[str, Any]]) -> str:
    verdicts = [claim["verdict"] for claim in claims]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))


def _number(claim: dict[str, Any]) -> str:
    return claim["reason"] if claim["measured"] is None else f"{claim['measured']:.6g} ({claim['metric']})"


def _claim(claims: dict[str, Any], name: str) -> str:
    claim = claims.get(name)
    return "" if claim is None else f"{name}: {claim['verdict']}, {_number(claim)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The quick part of a study, its report, the report's record, and a site."
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for records and site (demo)")
    parser.add_argument("--study", default="malach2024", help="which study (malach2024)")
    parser.add_argument("--full", action="store_true", help="all claims that can be run here, not only the quick ones")
    given = parser.parse_args()
    try:
        lines = demo(given.out, given.study, given.full)
    except Failed as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; run it again and what is done is kept")
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
