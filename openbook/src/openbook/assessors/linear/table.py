"""The accuracy table of the linear assessor, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def markdown(result: Mapping[str, Any]) -> str:
    """What ``train`` returned, as the table that the README shows."""
    agreement = result["agreement"]
    head = "variable|yes of papers|kappa [95 %]|accuracy|F1|precision|recall|AUC [95 %]|sure; right when sure"
    lines = [
        f"| {head.replace('|', ' | ')} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in agreement["variables"].items():
        interval = row["interval"]
        sure = row["accuracy_when_sure"]
        lines.append(
            f"| {name.replace('_', ' ')} | {row['yes']} of {row['papers']} "
            f"| {_number(row['kappa'])} {_span(interval['kappa'])} | {_number(row['accuracy'])} | {_number(row['f1'])} "
            f"| {_number(row['precision'])} | {_number(row['recall'])} "
            f"| {_number(row['auc'])} {_span(interval['auc'])} "
            f"| {row['sure']:.0%}; {'-' if sure is None else format(sure, '.0%')} |"
        )
    mean = agreement["mean_over_seven"]
    lines.append(
        f"| **mean over the seven** | | **{_number(mean['kappa']['value'])}** {_span(mean['kappa']['interval'])} "
        f"| {_number(mean['accuracy']['value'])} | {_number(mean['f1']['value'])} | | "
        f"| **{_number(mean['auc']['value'])}** {_span(mean['auc']['interval'])} | |"
    )
    block = result["affiliation"]
    lines.append(
        f"\nAffiliation (three answers, {block['papers']} papers): kappa {_number(block['kappa'])}, "
        f"accuracy {_number(block['accuracy'])}, unknown {block['unknown']}."
    )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".replace("0.", ".", 1)


def _span(interval: list[float]) -> str:
    return f"[{_number(interval[0])}, {_number(interval[1])}]" if interval else ""
