"""``openbook audit``: what is wrong with a set of records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from openbook.cli import app
from openbook.cli._options import RecordsOptions, with_options
from openbook.text import one_line, percent, shortened

#: How many findings are written out on the terminal.
SHOWN: Final = 20


@app.command()
@with_options(chosen=RecordsOptions)
def audit(
    chosen: RecordsOptions,
    papers: Annotated[
        Path | None,
        typer.Option(help="The papers' files, named by id (PDF, text ...), or a Parquet file with id and text."),
    ] = None,
    kinds: Annotated[
        str | None, typer.Option(help="Look only for these kinds of findings, separated by commas.")
    ] = None,
    prompt_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="How many tokens the prompt has without the paper; known for the published index."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Look for answers that cannot be trusted. Each finding has a kind, a severity and the words it rests on.

    `ghost`: the assessor never had the paper's text. `promised_code`: code that is only promised. `damaged_url`: a link
    broken by text extraction. `checklist`: the authors' checklist quoted instead of the paper. `not_a_quote`: the
    assessor's own words as evidence. `quote_absent`: with --papers, a quote that is not in the paper. `contradiction`:
    answers that exclude each other, or that their own evidence denies. In openbook's own records also `no_own_link`,
    `link_beside_no` and `work_of_others`: code answered yes without a link, no beside one, or from others' code.

        openbook audit records.parquet --json > findings.json
        openbook audit out/ --papers pdfs/
    """
    import json
    from collections import Counter
    from dataclasses import asdict

    from openbook.cli._progress import ProgressBar
    from openbook.corpus.audit.findings import KINDS, SEVERITIES
    from openbook.corpus.audit.rules import audit as look

    records = chosen.required
    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()] if kinds is not None else list(KINDS)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown or not wanted:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'}; the kinds are {', '.join(KINDS)}", param_hint="--kinds"
        )
    checked: Counter[str] = Counter()
    with ProgressBar("auditing") as bar:
        seen = 0

        def progress(done: int) -> None:
            nonlocal seen
            seen = done + 1
            if seen % 200 == 0:
                bar.show("records", seen)

        findings = list(look(records, papers, wanted, prompt_tokens, progress, checked))
    counts = Counter(finding.kind for finding in findings)
    report = {
        "records": str(records),
        "papers": seen,
        "counts": {kind: counts[kind] for kind in KINDS if kind in wanted},  # type: ignore[index]
        "quotes_checked": dict(checked),
        "findings": [asdict(finding) for finding in findings],
    }
    if out is not None:
        from openbook.files import write_atomically

        write_atomically(out, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    print(
        f"{records}: {seen:,} records, {len({one.id for one in findings}):,} of them with findings: {len(findings):,}"
    )
    for kind, meaning in KINDS.items():
        if kind not in wanted:
            continue
        grave = Counter(one.severity for one in findings if one.kind == kind)
        shares = ", ".join(f"{grave[severity]:,} {severity}" for severity in SEVERITIES if grave[severity])
        print(f"{counts[kind]:>8,}  {kind:<14} {meaning}" + (f" ({shares})" if shares else ""))  # type: ignore[index]
    for one in findings[:SHOWN]:
        print(f"\n{one.id}: {one.kind}\n    {one.why}\n    “{shortened(one_line(one.evidence), 300)}”")
    if len(findings) > SHOWN:
        print(f"\n{len(findings) - SHOWN:,} more findings; --json or --out FILE lists all of them")
    if checked:
        total = sum(checked.values())
        print(
            "quotes checked: "
            + ", ".join(f"{count:,} {match} ({percent(count / total, 1)})" for match, count in checked.most_common())
        )
