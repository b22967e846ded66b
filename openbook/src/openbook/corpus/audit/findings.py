"""A finding of the audit, and the kinds there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from openbook.errors import OpenbookError

Kind = Literal["ghost", "promised_code", "damaged_url", "checklist", "not_a_quote", "quote_absent", "contradiction"]
Severity = Literal["high", "medium", "low"]

#: Kind -> what it means, in the order of reports.
KINDS: Final[dict[str, str]] = {
    "ghost": "answers about a paper whose text the assessor never had",
    "promised_code": "code counted as open although it is only promised",
    "damaged_url": "a link in an answer that was broken by text extraction",
    "checklist": "an answer that rests on the authors' checklist instead of the paper",
    "not_a_quote": "a yes whose evidence is the assessor's own words, not the paper's",
    "quote_absent": "a yes whose quote is not in the paper",
    "contradiction": "answers of one record that cannot both be right, or an answer against its own evidence",
}
SEVERITIES: Final = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: with which paper and answer, how grave it is, the words it rests on, and why."""

    id: str
    kind: Kind
    severity: Severity
    variable: str | None
    evidence: str
    why: str


def read_findings(path: Path) -> list[Finding]:
    """Findings as ``openbook audit --json`` printed them. Raises ``OpenbookError`` on anything else."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return [
            Finding(**{name: one.get(name) for name in ("id", "kind", "severity", "variable", "evidence", "why")})
            for one in content["findings"]
        ]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise OpenbookError(
            f"{path} does not hold findings ({type(error).__name__}: {error}); make them with: openbook audit R --json"
        ) from error
