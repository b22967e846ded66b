"""What search engines read of a paper's page: schema.org as JSON-LD."""

from __future__ import annotations

import json
from typing import Any

from openbook.record.model import Record
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.site.addresses import href, is_web


def json_ld(record: Record, base_url: str, at: str) -> str:
    """A ``<script>`` of data, in which nothing of a paper can end the element."""
    paper, scores = record.paper, record.scores
    article: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "name": (paper.title or paper.id)[:300],
        "identifier": paper.id,
    }
    if paper.authors:
        article["author"] = [{"@type": "Person", "name": name[:120]} for name in paper.authors[:50]]
    if paper.year:
        article["datePublished"] = str(paper.year)
    if paper.venue:
        article["isPartOf"] = {"@type": "PublicationIssue", "name": f"{paper.venue} {paper.year or ''}".strip()}
    if is_web(paper.url):
        article["url"] = paper.url
    here = base_url + href(at.removesuffix("index.html"))
    measured: list[dict[str, Any]] = [
        {"@type": "PropertyValue", "name": definition(variable).title, "value": record.answers[variable].result}
        for variable in SCORED
        if variable in record.answers
    ]
    measured += [
        {"@type": "PropertyValue", "name": name, "value": value, "maxValue": most}
        for name, value, most in (
            ("Documentation Score", scores.documentation, 7),
            ("Reproducibility Score", scores.reproducibility, 1),
        )
        if value is not None
    ]
    record_of: dict[str, Any] = {
        "@type": "Dataset",
        "name": "What this paper documents: an estimate",
        "description": record.notice,
        "measurementTechnique": " ".join(part for part in (record.run.assessor, record.run.model) if part),
        "variableMeasured": measured,
        "distribution": {
            "@type": "DataDownload",
            "encodingFormat": "application/json",
            "contentUrl": f"{here}record.json" if base_url else "record.json",
        },
    }
    if base_url:
        record_of["url"] = here
    article["subjectOf"] = record_of
    text = json.dumps(article, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/ld+json">{text}</script>\n'
