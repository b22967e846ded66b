"""How the answers come about, how far they can be trusted, and how to correct them."""

from __future__ import annotations

from html import escape
from typing import Any

from openbook.record.scores import CODE_AND_DATA, DATA_ONLY, RATE_CODE_AND_DATA, RATE_DATA_ONLY, wilson
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import Definition, definitions
from openbook.web.record.view import MATCHES
from openbook.web.site.frame import Frame, crumbs

_MATCH_MEANS = {
    "exact": "character for character",
    "normalised": "the same letters and digits; spaces, case, hyphens at line ends, ligatures, accents and dashes may differ",
    "fuzzy": "at least 85 of 100 alike, and the same claim: no number changed, no “not” added or lost",
    "absent": "the quote is not in the paper; a yes that rests on it alone is unverified, and not counted",
}


def method(frame: Frame) -> str:
    """What each variable asks, what counts as evidence, and what the scores mean."""
    rates = "".join(
        f"<li><strong>{rate:.2f}</strong> with {what}: a replication study reproduced {k} of {n} such papers; 95 % interval "
        f"{wilson(k, n)[0]:.2f} to {wilson(k, n)[1]:.2f}.</li>\n"
        for rate, what, (k, n) in (
            (RATE_CODE_AND_DATA, "code and data", CODE_AND_DATA),
            (RATE_DATA_ONLY, "data only", DATA_ONLY),
        )
    )
    matches = "".join(f"<dt>{MATCHES[kind]}</dt><dd>{means}.</dd>" for kind, means in _MATCH_MEANS.items())
    body = (
        crumbs("../", ("Method", None))
        + '<div class="prose"><h1>Method</h1>\n<p class="lede">Nine questions are put to each paper. Seven of them count; '
        "every yes should rest on a sentence that is really in the paper.</p>\n"
        '<p>What a record says is an estimate. <a href="../accuracy/index.html">How accurate it is</a>.</p>\n'
        "<h2>The scores</h2>\n<p><strong>Documentation Score</strong>: how many of the seven are answered yes, 0 to 7. "
        "Unverified answers do not count.</p>\n<p><strong>Reproducibility Score</strong>: the share of such papers that "
        f"could be reproduced, from what the paper documents.</p>\n<ul>{rates}<li><strong>0</strong> without open data, by "
        "definition: there is nothing to start from.</li></ul>\n<p>The scores of theoretical papers are shown on their pages "
        "and left out of every mean. Papers that could not be read have no scores.</p>\n"
        "<h2>What counts as evidence</h2>\n<p>Where openbook read the paper itself, each quote is looked for in it. How a "
        f'quote matched stands beside it:</p>\n<dl class="terms">{matches}</dl>\n<p>Records of the published index carry '
        "the index's own responses, shown as quotations with their source; they have no page numbers, and their quotes were "
        "not looked up here.</p>\n<h2>The seven that count</h2>\n"
        + "".join(_definition(definitions()[variable]) for variable in SCORED)
        + "<h2>The two that describe</h2>\n"
        + "".join(_definition(definitions()[variable]) for variable in VARIABLES if variable not in SCORED)
        + "</div>\n"
    )
    return frame.page("Method", body, "method/index.html", part="method", narrow=True)


def _definition(one: Definition) -> str:
    border = "".join(
        f"<li>“{escape(case.text)}” <strong>{escape(case.answer)}</strong>: {escape(case.why)}</li>\n"
        for case in one.borderline
    )
    cases = f"<details><summary>At the border: {escape(one.title.lower())}</summary><ul>{border}</ul></details>\n"
    return (
        f'<h3 id="{one.name}">{escape(one.title)}</h3>\n<p>{escape(one.question)}</p>\n'
        f'<dl class="terms"><dt>{"Yes" if one.scored else "One answer"}</dt><dd>{escape(one.yes)}</dd>'
        f"<dt>{'No' if one.scored else 'The other'}</dt><dd>{escape(one.no)}</dd></dl>\n{cases if border else ''}"
    )


def accuracy(frame: Frame, report: dict[str, Any] | None, card: dict[str, Any] | None) -> str:
    """How far answers agree with people's labels (``openbook validate``), and what the offline assessor's card says."""
    if report is None:
        measured = (
            '<p class="problem"><strong>Not measured here.</strong> This site was built without labelled papers, so how far '
            "its records agree with people is not known from it. Whoever builds it can say with "
            "<code>openbook site --labels LABELS</code>.</p>\n"
        )
    else:
        measured = _agreement(report)
    body = (
        crumbs("../", ("Accuracy", None))
        + '<h1>Accuracy</h1>\n<p class="lede">Scores are estimates. This is how far the answers behind them agree with those '
        "of people who read the same papers.</p>\n<h2>The records of this site</h2>\n"
        + measured
        + (_card(card) if card else "")
        + "<h2>What no figure here covers</h2>\n<ul><li>Whether a paper's results are right: only what its text says is "
        "looked at.</li><li>Whether a link still works, or the code behind it runs.</li><li>Papers of other years and venues "
        "than the labelled ones: they document other things in other words, and errors may be more frequent.</li></ul>\n"
    )
    return frame.page("Accuracy", body, "accuracy/index.html", part="accuracy")


def _agreement(report: dict[str, Any]) -> str:
    rows = []
    for name, one in report["variables"].items():
        ends = one["intervals"]
        cells = "".join(
            f'<td class="num">{_with(one[key], ends.get(key), digits)}</td>'
            for key, digits in (("accuracy", 0), ("f1", 2), ("kappa", 2))
        )
        share = one["prevalence"]
        rows.append(
            f'<tr><th scope="row">{escape(definitions()[name].title)}</th><td class="num">{one["n"]}</td>{cells}'
            f'<td class="num">{_with(share["apparent"], None, 0)}</td><td class="num">'
            f"{_with(share['corrected'], share['corrected_interval'], 0)}</td></tr>\n"
        )
    score = report["documentation"]
    bias = ""
    if score:
        low, high = score["bias_interval"] or (None, None)
        between = f" [{low:+.2f}, {high:+.2f}]" if low is not None else ""
        bias = (
            f"<p>The Documentation Score of {score['n']} empirical labelled papers is {score['bias']:+.2f}{between} away "
            f"from that of people on average; it is the same for {100 * score['exact']:.0f} % of the papers and within one "
            f"for {100 * score['within_one']:.0f} %.</p>\n"
        )
    return (
        f"<p>{report['papers']} papers have both an answer here and a person's label. Intervals are at 95 %.</p>\n"
        '<div class="wide" tabindex="0" role="region" aria-label="Agreement with people"><table class="results"><thead><tr>'
        '<th scope="col">Variable</th><th scope="col" class="num">Papers</th><th scope="col" class="num">Same answer</th>'
        '<th scope="col" class="num">F1</th><th scope="col" class="num">Kappa</th><th scope="col" class="num">Share of yes'
        '</th><th scope="col" class="num">Corrected for errors</th></tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div>\n<p class=muted>Kappa: agreement beyond chance, 1 is perfect. Share of yes: "
        "over all records; corrected with the errors seen on the labelled papers, if they are as frequent elsewhere.</p>\n"
        f"{bias}"
    )


def _card(card: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(definitions()[name].title if name in definitions() else name)}</th>'
        f'<td class="num">{one["yes"]} of {one["papers"]}</td>'
        + "".join(
            f'<td class="num">{_with(one[key], one["interval"].get(key), 2)}</td>'
            for key in ("kappa", "accuracy", "f1")
        )
        + "</tr>\n"
        for name, one in card["agreement"]["variables"].items()
    )
    return (
        "<h2>The offline assessor</h2>\n<p>Papers that openbook reads itself are answered by a linear model unless another "
        f"assessor was chosen. Against its labels ({escape(str(card['labels']))}), on papers that it had not seen "
        f"({card['folds']} folds), its agreement was as follows. Agreement with a language model is not agreement with "
        'people.</p>\n<div class="wide" tabindex="0" role="region" aria-label="Agreement of the offline assessor"><table '
        'class="results"><thead><tr><th scope="col">Variable</th><th scope="col" class="num">Yes</th><th scope="col" '
        'class="num">Kappa</th><th scope="col" class="num">Accuracy</th><th scope="col" class="num">F1</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def _with(value: float | None, ends: Any, digits: int) -> str:
    """A value with its interval: with ``digits`` 0 as a percentage, else a number."""
    if value is None:
        return "–"

    def form(one: float) -> str:
        return f"{100 * one:.0f}" if digits == 0 else f"{one:.{digits}f}"

    between = f' <span class="muted">[{form(ends[0])}, {form(ends[1])}]</span>' if ends else ""
    return f"{form(value)}{' %' if digits == 0 else ''}{between}"


def corrections(frame: Frame, correct: str | None) -> str:
    """How to propose a correction, with a form that makes its text."""
    options = "".join(f'<option value="{name}">{escape(definitions()[name].title)}</option>' for name in VARIABLES)
    where = (
        f'<p>Send it to <a href="{escape(correct.replace("{id}", ""))}">{escape(correct.replace("{id}", ""))}</a>.</p>\n'
        if correct
        else "<p>Send it to whoever runs this site. They keep it in the ledger of their records, where it wins over any "
        "program, with your name and your reason; the next build of the site shows it.</p>\n"
    )
    fields = "".join(
        f'<div class="field{kind}"><label for="{name}">{label}</label>{control}</div>\n'
        for name, label, control, kind in (
            ("paper", "Id of the paper", '<input id="paper" name="paper" required>', ""),
            ("variable", "Variable", f'<select id="variable" name="variable">{options}</select>', ""),
            ("result", "Right answer", '<select id="result" name="result"></select>', ""),
            ("who", "Your name", '<input id="who" name="who" autocomplete="name" required>', ""),
            (
                "why",
                "Why: the sentence and its page",
                '<textarea id="why" name="why" rows="4" required></textarea>',
                "",
            ),
        )
    )
    body = (
        crumbs("../", ("Propose a correction", None))
        + '<h1>Propose a correction</h1>\n<p class="lede">An answer is wrong? Say which, what is right, and where the paper '
        f"says so.</p>\n{where}"
        "<noscript><p>Without JavaScript, write down the id of the paper (the last part of its address), the variable, the "
        "right answer, your name, and the sentence with its page.</p></noscript>\n"
        f'<form id="correction" hidden>{fields}<h2>Your correction as text</h2>\n<p class="muted">Nothing is sent from this '
        'page.</p><pre tabindex="0"><code id="made"></code></pre><p><button type="button" id="copy">Copy</button> '
        '<span id="said" role="status"></span></p></form>\n'
    )
    return frame.page("Propose a correction", body, "corrections/index.html", narrow=True, scripts=("corrections.js",))
