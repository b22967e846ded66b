"""The sections of a report: how and on what the study was run, its claims, details and failures, and what was not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openbook.studies.report.document import (
    Bullets,
    CodeListing,
    Paragraph,
    ReportBlock,
    ReportFigure,
    ReportTable,
    describe,
    draw,
)
from openbook.studies.results import ClaimResult, Study, StudyRun
from openbook.studies.schema import Claim, ReportText
from openbook.text import percent, shortened


def _data(runs: dict[str, StudyRun]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for run in runs.values():
        given = run.found.get("data", [])
        found += [one for one in given if isinstance(one, dict) and one not in found] if isinstance(given, list) else []
    return found


def datasets(text: ReportText, runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """Which data, where from, and the hashes of the files that were read."""
    used = _data(runs)
    blocks: list[ReportBlock] = [
        Paragraph(one.text + (f" It is publicly available at {one.url}." if one.url else "")) for one in text.datasets
    ]
    rows = [
        (str(one["name"]), label.replace("_", " "), str(one[key]))
        for one in used
        for key, label in (("training_sha256", "first file"), ("held_out_sha256", "second file"))
        if one.get(key)
    ]
    if rows:
        blocks.append(ReportTable("SHA-256 of the files that were read.", ("data", "file", "SHA-256"), tuple(rows)))
    return blocks


def splits(text: ReportText) -> list[ReportBlock]:
    """What was learned from, and what was held out."""
    items = tuple(f"{one.name}: {one.split}" for one in text.datasets)
    return [Bullets(items)] if items else []


def setup(study: Study, text: ReportText, runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """Every setting of every recipe that was run, as the runs recorded it."""
    blocks: list[ReportBlock] = [Paragraph(one) for one in text.setup]
    scales = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        if result.scale and result.measured is not None:
            scales.append((claim.id, result.scale))
    if scales:
        blocks.append(
            ReportTable("The size at which each claim was tested.", ("claim", "size"), tuple(scales), wide=(1,))
        )
    blocks += _settings(runs)
    if study.file.values:
        rows = [(one.name, one.value, "guessed" if one.guessed else "as the paper states") for one in study.file.values]
        guessed = sum(one.guessed for one in study.file.values)
        said = f"Values that the rebuild needed. {guessed} of {len(rows)} had to be guessed, for the paper does not state them."
        blocks.append(ReportTable(said, ("what", "value here", "where from"), tuple(rows), wide=(0, 1)))
    commands = tuple(dict.fromkeys(_command(run) for run in runs.values()))
    blocks += [Paragraph("The commands, in the order of the claims:"), Bullets(commands)]
    seeds = sorted({seed for run in runs.values() for seed in run.seeds})
    if seeds:
        blocks.append(Paragraph(f"Random seeds: {', '.join(map(str, seeds))}."))
    return blocks


def _settings(runs: dict[str, StudyRun], most: int = 4) -> list[ReportBlock]:
    """What was run side by side: a row for each setting, a column for each recipe, ``most`` of them in a table."""
    found: dict[str, dict[str, str]] = {}
    for run in runs.values():
        given = run.found.get("setup", {})
        found |= {name: dict(_flat(one)) for name, one in given.items()} if isinstance(given, dict) else {}
    blocks: list[ReportBlock] = []
    names = list(found)
    for first in range(0, len(names), most):
        part = names[first : first + most]
        keys = list(dict.fromkeys(key for name in part for key in found[name]))
        rows = tuple((key, *(found[name].get(key, "") for name in part)) for key in keys)
        blocks.append(ReportTable("Settings of the runs.", ("setting", *part), rows))
    return blocks


def _flat(settings: Any, before: str = "") -> list[tuple[str, str]]:
    if not isinstance(settings, dict):
        return [(before or "value", _value(settings))]
    found = []
    for key, value in settings.items():
        name = f"{before}.{key}" if before else str(key)
        found += _flat(value, name) if isinstance(value, dict) else [(name, _value(value))]
    return found


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def hardware(study: Study, runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """The machines of the runs, their wall times, and what was not at hand."""
    machines: list[str] = []
    for run in runs.values():
        line = "; ".join([_machine(run.hardware), *_builds(run)])
        if line not in machines:
            machines.append(line)
    blocks: list[ReportBlock] = [Paragraph(f"Every command was run on {one}.") for one in machines[:1]]
    blocks += [Paragraph(f"Some were run on {one}.") for one in machines[1:]]
    rows = []
    for run in runs.values():
        of = [name for name in study.claims if study.verdicts[name].run == run.key]
        rows.append((", ".join(of), f"{run.seconds:,.1f}", run.started[:16].replace("T", " ")))
    if rows:
        columns = ("claims", "wall time, s", "begun, UTC")
        blocks.append(
            ReportTable("Wall time of each command on that machine.", columns, tuple(rows), wide=(0,), right=(1,))
        )
    lacking = [claim.id for name, claim in study.claims.items() if "GPU" in study.verdicts[name].reason]
    if lacking:
        what = "A GPU, which these claims need, was not at hand: " if len(lacking) > 1 else "No GPU was at hand for "
        blocks.append(Paragraph(f"{what}{', '.join(lacking)}."))
    return blocks


def _machine(found: dict[str, Any]) -> str:
    cores = found.get("cores")
    memory = f"{found['memory_bytes'] / 2**30:.0f} GB of RAM" if found.get("memory_bytes") else ""
    processor = f"{cores} CPU cores of an {found.get('processor', 'unknown processor')} machine"
    gpu = f"an {found['gpu']} GPU" if found.get("gpu") else "no GPU"
    return ", ".join(part for part in (processor, memory, gpu, str(found.get("system", ""))) if part)


def software(runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """Exact versions, as the runs found them."""
    said = _joined([f"{_title(name)} {' and '.join(found)}" for name, found in _versions(runs).items()])
    rows = tuple((_title(name), ", ".join(found)) for name, found in _versions(runs).items())
    table = ReportTable("Software and its exact versions.", ("package", "version"), rows)
    return [Paragraph(f"Everything here was computed with {said}."), table]


def _versions(runs: dict[str, StudyRun]) -> dict[str, list[str]]:
    """Each package's versions, without the label of a build: which one fits the machine is said with the machine."""
    found: dict[str, list[str]] = {}
    for run in runs.values():
        for name, version in run.versions.items():
            if (public := version.partition("+")[0]) not in found.setdefault(name, []):
                found[name].append(public)
    return found


def _builds(run: StudyRun) -> list[str]:
    labelled = [(name, version.partition("+")[2]) for name, version in run.versions.items()]
    return [f"the build of {_title(name)} is {label}" for name, label in labelled if label]


def _title(name: str) -> str:
    return {"python": "Python", "torch": "PyTorch", "numpy": "NumPy", "scipy": "SciPy"}.get(name, name)


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def code(text: ReportText, runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """Where the code is, at which commit."""
    states = sorted({(run.commit or "", run.dirty) for run in runs.values()})
    said = []
    for commit, dirty in states:
        if not commit:
            said.append("a source tree without a commit")
        else:
            said.append(f"commit {commit}" + (" with uncommitted changes" if dirty else ""))
    blocks: list[ReportBlock] = [Paragraph(text.code)] if text.code else []
    if said:
        blocks.append(Paragraph(f"The results were produced by {_joined(said)}."))
    return blocks


def _command(run: StudyRun) -> str:
    filled = {"{python}": "python", "{study}/": "", "{out}": "OUT"}
    words = []
    for part in run.command:
        for place, shown in filled.items():
            part = part.replace(place, shown)
        words.append(part)
    return " ".join(words)


_MOST_TEXT = 600


def summary(study: Study) -> str:
    """The outcome in two sentences."""
    counts = study.counts(ours=False)
    parts = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    said = f"Of the paper's {sum(counts.values())} claims that this study covers: {parts}."
    score = study.weighted_score()
    if score is not None:
        said += f" Weighted by the rubric, {percent(score, 1, sign=' %')} is reproduced."
    own = study.counts(ours=True)
    if sum(own.values()):
        parts = ", ".join(f"{number} {verdict}" for verdict, number in own.items() if number)
        said += f" Of {sum(own.values())} statements that this study adds: {parts}."
    return said


def claims(study: Study) -> list[ReportBlock]:
    """The tables of claims: the paper's, then ours."""
    blocks: list[ReportBlock] = [
        Paragraph(
            "Each claim was put to a command that prints a number, and the number was compared with the published one. "
            "What the number is stands in parentheses, its 95 % interval in brackets. A dash stands where nothing was published or measured."
        )
    ]
    for ours, caption in (
        (False, "The paper's claims, in our words, and what came out."),
        (True, "What this study adds."),
    ):
        rows = [_row(claim, study.verdicts[name]) for name, claim in study.claims.items() if claim.ours == ours]
        if rows:
            columns = ("claim", "published", "measured", "verdict")
            blocks.append(ReportTable(caption, columns, tuple(rows), wide=(0,), right=(1, 2)))
    return blocks


def _row(claim: Claim, result: ClaimResult) -> tuple[str, ...]:
    said = f"{claim.sentence} ({claim.metric})"
    return (said, number(claim.published), measured(result).replace(" [", "\n["), result.verdict)


def number(value: float | None) -> str:
    """A number as a report shows it; a dash if there is none."""
    return "–" if value is None else f"{value:,.6g}"


def measured(result: ClaimResult) -> str:
    """The measured number with its interval."""
    if result.measured is None or result.interval is None:
        return number(result.measured)
    low, high = result.interval
    return f"{number(result.measured)} [{low:.5g}, {high:.5g}]"


def details(runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """The tables, figures and samples that the commands returned."""
    blocks: list[ReportBlock] = []
    for run in runs.values():
        blocks += [
            ReportTable(
                str(one["caption"]), tuple(map(str, one["columns"])), tuple(tuple(map(str, row)) for row in one["rows"])
            )
            for one in _listed(run, "tables")
        ]
        blocks += [
            ReportFigure(str(one["id"]), str(one["caption"]), draw(one), describe(one))
            for one in _listed(run, "figures")
        ]
        for one in _listed(run, "samples"):
            text = str(one["text"])
            cut = shortened(text, _MOST_TEXT)
            blocks.append(CodeListing(f"{one['title']}, given “{one['prompt']}”.", cut))
    return blocks


def _listed(run: StudyRun, key: str) -> list[dict[str, Any]]:
    given = run.found.get(key, [])
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def failures(study: Study, runs: dict[str, StudyRun]) -> list[ReportBlock]:
    """What was not reproduced, what only partly, and wrong answers word for word."""
    items = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        if result.verdict in ("partly", "not reproduced"):
            items.append(f"{claim.sentence} {result.verdict.capitalize()}: {result.reason or 'see the table'}.")
    said = [str(one) for run in runs.values() for one in run.found.get("failures", []) if isinstance(one, str)]
    blocks: list[ReportBlock] = [Bullets(tuple(items))] if items else [Paragraph("No claim that was run failed.")]
    if said:
        blocks += [Paragraph("Answers that were wrong, the first of each kind:"), Bullets(tuple(said))]
    return blocks


def not_run(study: Study) -> list[ReportBlock]:
    """The claims that were not tested, and why."""
    items = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        if result.verdict == "not run":
            found = f" A smaller size gave {measured(result)} ({claim.metric})." if result.measured is not None else ""
            items.append(f"{claim.sentence} {_why(result)}{found}")
    return [Bullets(tuple(items))] if items else [Paragraph("Every claim was run.")]


def _why(result: ClaimResult) -> str:
    # which machine it takes is said in the section on hardware
    if "GPU" in result.reason:
        return "What it needs was not at hand."
    return f"{result.reason[:1].upper()}{result.reason[1:]}." if result.reason else ""
