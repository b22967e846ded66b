"""The page of the audit: what was looked for, how often it was found, and in which papers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from openbook.corpus.audit.findings import KINDS, SEVERITIES, Finding
from openbook.variables.definitions import definition
from openbook.web.site.addresses import href
from openbook.web.site.frame import Frame, crumbs
from openbook.web.site.listed import Listed

PER_PAGE: Final = 100


def audit_files(frame: Frame, papers: Sequence[Listed]) -> Iterator[tuple[str, str]]:
    """The page, a list per kind in pages, and all findings as JSON: (path, content)."""
    found: dict[str, list[tuple[Listed, Finding]]] = defaultdict(list)
    for one in papers:
        for finding in one.audited():
            found[finding.kind].append((one, finding))
    yield "audit/index.html", _overview(frame, papers, found)
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    for kind, pairs in found.items():
        pairs.sort(key=lambda pair: (order[pair[1].severity], pair[0].name.casefold(), pair[0].id))
        yield from _kind(frame, kind, pairs)
    listed = [
        {
            "id": one.id, "kind": finding.kind, "severity": finding.severity, "variable": finding.variable,
            "evidence": finding.evidence, "why": finding.why,
        }
        for kind in KINDS for one, finding in found.get(kind, ())
    ]  # fmt: skip
    yield "audit/findings.json", json.dumps({"findings": listed}, ensure_ascii=False) + "\n"


def _overview(frame: Frame, papers: Sequence[Listed], found: dict[str, list[tuple[Listed, Finding]]]) -> str:
    flagged = sum(bool(one.findings) for one in papers)
    rows = []
    for kind, meaning in KINDS.items():
        pairs = found.get(kind, [])
        grave = Counter(finding.severity for _, finding in pairs)
        name = kind.replace("_", " ")
        named = f'<a href="{kind}/index.html">{name}</a>' if pairs else name
        looked = "–" if kind == "quote_absent" and not pairs else f"{len(pairs):,}"
        cells = "".join(f'<td class="num">{grave[severity]:,}</td>' for severity in SEVERITIES)
        rows.append(
            f'<tr><th scope="row">{named}</th><td>{escape(meaning)}</td><td class="num">{looked}</td>{cells}'
            f'<td class="num">{len({one.id for one, _ in pairs}):,}</td></tr>\n'
        )
    body = (
        crumbs("../", ("Audit", None))
        + '<h1>Audit</h1>\n<p class="lede">A second look at the answers: rules that find answers which cannot be trusted, '
        "each with the words it rests on.</p>\n"
        f"<p>{flagged:,} of {len(papers):,} records have at least one finding. A finding does not change a score; it stands "
        "on the paper's page beside the answer. Quotes are looked up in the papers only where those are at hand, which is "
        "not so while this site is built.</p>\n"
        '<div class="wide" tabindex="0" role="region" aria-label="Findings by kind"><table class="kinds"><thead><tr>'
        '<th scope="col">Kind</th><th scope="col">What it means</th><th scope="col" class="num">Findings</th>'
        + "".join(f'<th scope="col" class="num">{severity.capitalize()}</th>' for severity in SEVERITIES)
        + f'<th scope="col" class="num">Papers</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>\n'
        '<p><a href="findings.json">All findings as JSON</a></p>\n'
    )
    return frame.page("Audit", body, "audit/index.html", part="audit")


def _kind(frame: Frame, kind: str, pairs: Sequence[tuple[Listed, Finding]]) -> Iterator[tuple[str, str]]:
    name = kind.replace("_", " ")
    pages = max(1, -(-len(pairs) // PER_PAGE))
    for number in range(1, pages + 1):
        at = f"audit/{kind}/index.html" if number == 1 else f"audit/{kind}/{number}/index.html"
        root = "../" * at.count("/")
        here = pairs[(number - 1) * PER_PAGE : number * PER_PAGE]
        items = "".join(
            f'<li><a href="{root}{href(one.path)}#answers">{escape(one.name[:400])}</a>'
            f'<span class="badge">{finding.severity}</span><span class="meta">{escape(one.venue)} {one.year_name}'
            f"{' · ' + definition(finding.variable).title.lower() if finding.variable else ''} · "
            f"“{escape(finding.evidence[:240])}{'…' if len(finding.evidence) > 240 else ''}”</span></li>\n"
            for one, finding in here
        )
        links = "".join(
            f'<li><a href="{root}audit/{kind}/{"" if page == 1 else f"{page}/"}index.html"'
            f"{' aria-current=page' if page == number else ''}>{page}</a></li>"
            for page in range(1, pages + 1)
        )
        pager = f'<nav aria-label="Pages"><ul class="chips">{links}</ul></nav>\n' if pages > 1 else ""
        body = (
            crumbs(root, ("Audit", "audit/index.html"), (name, None))
            + f"<h1>{name.capitalize()}</h1>\n<p class=lede>{escape(KINDS[kind])}: {len(pairs):,} findings"
            f'{f", page {number} of {pages}" if pages > 1 else ""}.</p>\n{pager}<ol class="papers">\n{items}</ol>\n{pager}'
        )
        yield at, frame.page(f"Audit: {name}, page {number}", body, at, part="audit")
