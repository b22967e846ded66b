"""What studies of rebuilt papers found: a box on the paper's page, a page per study, and a list of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.studies import Study, load_studies
from openbook.variables.definitions import definition
from openbook.web.site.addresses import group_folder, href
from openbook.web.site.frame import Frame, crumbs, link


def read_studies(folder: Path | None) -> list[Study]:
    """The studies of a folder. Raises OpenbookError when it is not there, or one of them is no study."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise OpenbookError(f"there is no folder {folder}; --studies names the folder that holds NAME/study.toml")
    return load_studies(folder)


def boxes(studies: Sequence[Study]) -> dict[str, str]:
    """Paper's id -> the box for its page."""
    found: dict[str, str] = {}
    for study in studies:
        if study.index_id:
            found[study.index_id] = found.get(study.index_id, "") + _box(study)
    return found


def _box(study: Study) -> str:
    path = f"../../{_path(study)}"
    return (
        '<section class="rebuilt" aria-labelledby="rebuilt-' + escape(study.name) + '">'
        f'<h2 id="rebuilt-{escape(study.name)}">Rebuilt here: {escape(_headline(study))}</h2>\n'
        "<p>Beside what the paper documents stands what came out when its claims were tested anew.</p>\n"
        + _unseen(study)
        + f'{_table(study, study.name)}<p><a href="{path}">The study, claim by claim</a></p></section>\n'
    )


def _unseen(study: Study) -> str:
    unseen = study.file.paper.unseen
    return f"<p><strong>What the record could not see.</strong> {escape(unseen)}</p>\n" if unseen else ""


def _headline(study: Study) -> str:
    return study.headline() if study.was_run else f"{len(study.claims)} claims, none tested here yet"


def _path(study: Study) -> str:
    return f"studies/{href(group_folder(study.name))}/index.html"


def _table(study: Study, label: str) -> str:
    rows = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        kind = result.verdict.replace(" ", "-")
        said = f'<span class="muted">ours</span> {escape(claim.sentence)}' if claim.ours else escape(claim.sentence)
        between = f" [{_number(result.interval[0])}, {_number(result.interval[1])}]" if result.interval else ""
        measured = "–" if result.measured is None else f"{_number(result.measured)}{between}"
        reason = f'<br><span class="muted">{escape(result.reason)}</span>' if result.reason else ""
        rows.append(
            f'<tr><td>{said}<br><span class="muted">{escape(claim.metric)}</span></td>'
            f'<td class="num">{"–" if claim.published is None else _number(claim.published)}</td><td class="num">{measured}</td>'
            f'<td><span class="badge {kind}">{escape(result.verdict)}</span>{reason}</td></tr>\n'
        )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Claims of {escape(label)}"><table class="results"><thead>'
        '<tr><th scope="col">Claim</th><th scope="col" class="num">Published</th><th scope="col" class="num">Measured here'
        f'</th><th scope="col">Verdict</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>\n'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4g}"


def at_home(studies: Sequence[Study]) -> str:
    """The studies on the first page."""
    if not studies:
        return ""
    return f'<h2>Papers rebuilt here</h2>\n<ul class="cards">{"".join(_card(study, "") for study in studies)}</ul>\n'


def _card(study: Study, root: str) -> str:
    return (
        f'<li class="card"><h3><a href="{root}{_path(study)}">{escape(study.file.title)}</a></h3>'
        f'<p>{escape(_headline(study))}</p><p class="muted">{escape(study.file.paper.title)}'
        f"{f', {study.file.paper.year}' if study.file.paper.year else ''}</p></li>\n"
    )


def study_pages(frame: Frame, studies: Sequence[Study], folders: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The list and a page per study: (path, page). ``folders`` maps papers' ids to their folders."""
    cards = "".join(_card(study, "../") for study in studies)
    body = (
        crumbs("../", ("Studies", None))
        + '<h1>Studies</h1>\n<p class="lede">Papers whose claims were tested anew: what was published, what was measured '
        "here, and whether the two agree.</p>\n"
        + (f'<ul class="cards">{cards}</ul>\n' if studies else "<p>This site was built without studies.</p>\n")
    )
    yield "studies/index.html", frame.page("Studies", body, "studies/index.html", part="studies")
    for study in studies:
        at = f"studies/{group_folder(study.name)}/index.html"
        yield at, frame.page(study.file.title, _page(study, folders), at, part="studies")


def _page(study: Study, folders: dict[str, str]) -> str:
    paper = study.file.paper
    folder = folders.get(study.index_id or "")
    documents = f'<a href="../../papers/{href(folder)}/index.html">What it documents</a>' if folder else ""
    facts = [escape(paper.title), *(escape(str(part)) for part in (paper.venue, paper.year) if part)]
    facts += [part for part in (link(paper.url, "The paper"), documents) if part]
    counts = "".join(
        f"<div><dt>{escape(verdict)}</dt><dd>{number}</dd></div>" for verdict, number in study.counts().items()
    )
    details = "".join(_claim(study, name) for name in study.claims)
    return (
        crumbs("../../", ("Studies", "studies/index.html"), (study.name, None))
        + f"<h1>{escape(study.file.title)}</h1>\n"
        f'<p class="facts">{"".join(f"<span>{fact}</span>" for fact in facts)}</p>\n'
        f'<p class="lede">{escape(_headline(study))}.</p>\n<dl class="stats">{counts}</dl>\n'
        f"<h2>The claims</h2>\n{_table(study, study.name)}"
        f'<p class="muted">To run it: <code>openbook study run {escape(study.name)}</code></p>\n'
        f"<h2>How each was tested</h2>\n{details}"
    )


def _claim(study: Study, name: str) -> str:
    claim, result, run = study.claims[name], study.verdicts[name], study.run_of(name)
    told: list[tuple[str, str]] = [("Where", claim.where), ("Metric", claim.metric)]
    told += [("Command", " ".join(claim.command))]
    told += [("Scale", result.scale)] if result.scale else []
    told += (
        [("Answers", ", ".join(definition(one).title.lower() for one in claim.variables))] if claim.variables else []
    )
    told += [("Took", f"{result.seconds:,.0f} s")] if result.seconds is not None else []
    if run is not None:
        told += [("Started", run.started), ("Commit", (run.commit or "unknown") + (", changed" if run.dirty else ""))]
        told += [("Machine", ", ".join(f"{key} {value}" for key, value in run.hardware.items()))]
        told += [("Versions", ", ".join(f"{key} {value}" for key, value in run.versions.items()))]
        told += [("Seeds", ", ".join(map(str, run.seeds)))] if run.seeds else []
    told += (
        [("Also", "; ".join(f"{key}: {one.measured} (expected {one.expected})" for key, one in result.also.items()))]
        if result.also
        else []
    )
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in told)
    revised = f"<p>{escape(claim.revised)}</p>\n" if claim.revised else ""
    kind = result.verdict.replace(" ", "-")
    return (
        f'<details class="claim" id="{escape(name)}"><summary>{escape(claim.sentence)} <span class="badge {kind}">'
        f'{escape(result.verdict)}</span></summary>\n{revised}<dl class="terms">{rows}</dl></details>\n'
    )
