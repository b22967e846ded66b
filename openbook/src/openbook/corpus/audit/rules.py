"""The rules of the audit: ghosts, promises, damaged links, checklists, explanations, contradictions; and the run of all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from openbook.corpus.audit.findings import (
    KINDS,
    NO,
    YES,
    AuditedAnswer,
    AuditedRecord,
    Finding,
    Severity,
    excerpt,
    read_audited,
    yes_answers,
)
from openbook.evidence.checking import speaks_of_the_paper
from openbook.variables import SCORED

#: Tokens of the published index's prompt and questions: what a call costs before any text of the paper.
PUBLISHED_PROMPT_TOKENS: Final = 6400
#: A text of fewer tokens is a file name or a title, no paper.
LEAST_TEXT_TOKENS: Final = 100
#: Up to here the assessor's own word that it had only a title is believed; a paper has more.
SHORT_TEXT_TOKENS: Final = 1000
#: No record of the published index with a larger input is a ghost.
MOST_GHOST_TOKENS: Final = PUBLISHED_PROMPT_TOKENS + SHORT_TEXT_TOKENS

_ONLY_A_TITLE: Final = re.compile(
    r"\b(?:only|just)\b[^.]{0,40}\btitle\b|\b(?:provided|given|supplied)\s+(?:\w+\s+)?(?:text|excerpt|snippets?|document|paper)\b"
    r"[^.]{0,60}\b(?:only|just)\b[^.]{0,60}\b(?:title|citation|conference|heading)\b",
    re.IGNORECASE,
)


def ghosts(record: AuditedRecord, prompt_tokens: int | None = None) -> Iterator[Finding]:
    """At most one finding: by the size of the input, where the size of the prompt is known, else by the record's words."""
    prompt = prompt_tokens if prompt_tokens is not None else PUBLISHED_PROMPT_TOKENS if record.published else None
    text_tokens = None
    if prompt is not None and record.input_tokens:
        text_tokens = record.input_tokens - prompt
        if text_tokens < LEAST_TEXT_TOKENS:
            claims = [variable for variable, _ in yes_answers(record)]
            claimed = ", ".join(claims) if claims else "no variable"
            yield Finding(
                record.id,
                "ghost",
                "high",
                None,
                f"{record.input_tokens} input tokens, of which about {prompt} are the prompt",
                f"the text had about {max(text_tokens, 0)} tokens, a file name and no paper; answered yes to {claimed}",
            )
            return
    if text_tokens is not None and text_tokens > SHORT_TEXT_TOKENS:
        return
    for variable, answer in record.answers.items():
        match = _ONLY_A_TITLE.search(answer.words)
        if match and (text_tokens is not None or _nothing_found(record)):
            why = "the record itself says that there was only a title to read"
            yield Finding(record.id, "ghost", "medium", variable, excerpt(answer.words, *match.span()), why)
            return


def _nothing_found(record: AuditedRecord) -> bool:
    return not any(True for _ in yes_answers(record))


_CONDITION: Final = (
    r"\b(?:up)?on\s+(?:the\s+)?(?:paper\W?s?\s+)?(?:acceptance|publication)\b|\b(?:after|once|if|when)\s+(?:the\s+|this\s+)?"
    r"(?:paper|work|manuscript|article)?\s*(?:is|gets|has\s+been|be)?\s*(?:accepted|published|publication|acceptance)\b|"
    r"\bafter\s+(?:the\s+)?(?:\w+\s+)?(?:review|anonymity)\b"
)
_FUTURE: Final = (
    r"\b(?:will|shall)\s+(?:\w+\s+){0,3}?(?:be\s+(?:\w+\s+){0,3}?(?:available|accessible|released|shared|published|provided|public|"
    r"open\W?sourced)|(?:open\W?source|release|share|publish|provide|open|make))\b|\bto\s+be\s+released\b|\bcoming\s+soon\b|"
    r"\b(?:plan|intend|aim|promise|commit\w*|going)\s+to\s+(?:\w+\s+){0,2}?(?:release|share|publish|open\W?sourc\w+|make)\b"
)
_PROMISE: Final = re.compile(f"{_CONDITION}|{_FUTURE}", re.IGNORECASE)
#: Words of code that is there now: a link, a supplement, a release that has happened.
_AT_HAND: Final = re.compile(
    r"https?:|www\.|git\s?(?:hub|lab|ee)|bitbucket|zenodo|figshare|osf\.io|anonymous|suppl[ei]|append|attach|enclos|"
    r"\.(?:com|org|io|zip)\b|footnote|\burl\b|\blinks?\b|website|webpage|project\s+page|homepage|"
    r"\b(?:is|are|was|were|been|has|have|now|already|currently)\s+(?:\w+\s+){0,2}?(?:publicly\s+|freely\s+|openly\s+)?"
    r"(?:available|accessible|released|provided|included|shared|uploaded|submitted|open\W?sourced|public)\b|"
    r"\bwe\s+(?:also\s+)?(?:provide|release|include|submit|share|publish|open\W?source|have|upload|present|attach|give|make)\w*\b|"
    r"\[yes\]|\breleasing\b|\bsubmitted\b|\bincluded\b|\bpip\s+install\b|\btoolbox\b",
    re.IGNORECASE,
)


def promised_code(record: AuditedRecord) -> Iterator[Finding]:
    """At most one finding. A promise beside a link or a supplement is not a finding, unless it waits for acceptance."""
    for variable, answer in yes_answers(record):
        if variable != "open_source_code":
            continue
        promise = _PROMISE.search(answer.words)
        if promise is None:
            return
        rest = answer.words[: promise.start()] + " … " + answer.words[promise.end() :]
        at_hand = _AT_HAND.search(rest)
        if at_hand is None:
            why = "the evidence promises code for later and points to none that is there now"
            yield Finding(record.id, "promised_code", "high", variable, excerpt(answer.words, *promise.span()), why)
        return


_HOST: Final = r"(?:https?://|www\.)(?:www\.)?[\w-]+(?:\.[\w-]+)+"
_FORGE: Final = r"(?:(?:https?://)?(?:www\.)?(?:github|gitlab|bitbucket)\.(?:com|org))"

_DAMAGES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(
            r"\bhttps?\s+:\s*//|\bhttps?:\s+//|\bhttps?:/\s+/|\bhttps?://\s+(?=[\w-]+\s?\.\s?[\w-])", re.IGNORECASE
        ),
        "a space within or after http://",
    ),
    (
        re.compile(
            r"\b(?:https?://|www\.)\s?(?:Git|git|Bit|bit|Hugging|hugging)\s(?:Hub|hub|Lab|lab|Bucket|bucket|Face|face)\s?\.\s?\w+|"
            r"\b(?:https?://|www\.)(?:www\.)?(?:github|gitlab|bitbucket)(?:\s\.\s?|\.\s)(?:com|org)\b",
            re.IGNORECASE,
        ),
        "a space within the name of the host",
    ),
    (
        re.compile(
            rf"{_FORGE}/(?:[\w.-]+/)?\s(?!and\b|or\b|for\b|which\b|\d?https?:)[\w-]+(?:/[\w.-]+)?(?=[\s.,;)\]'\"]|$)"
        ),
        "a space after a slash",
    ),
    (
        # The splitter cuts between a small and a capital letter; the rest of the name still has its slash.
        re.compile(rf"{_FORGE}/(?:[\w.-]+/)?[\w.-]*[A-Za-z0-9-]\s[A-Z][\w.-]*/[\w.-]+"),
        "a space within a name of its path",
    ),
    (
        # ... or the name is followed by what ends a sentence, so that its next word cannot begin one.
        re.compile(
            rf"(?:{_FORGE}/[\w.-]+/|{_HOST}/(?:[\w~.%-]+/)*)[\w.-]*(?:[a-z]|\b[A-Z])\s[A-Z][A-Za-z0-9_-]*"
            r"(?:\s[A-Z][A-Za-z0-9_-]*){0,3}(?:\.git)?(?=[.,;:)\]'\"]*\s*$|[.,;)\]'\"]+(?:\s|$)|\s(?:for|for\scode|to)\b)"
        ),
        "a space within the last name of its path",
    ),
)
#: Words that begin a sentence after a link which simply lacks its full stop.
_BEGINS_A_SENTENCE: Final = frozenset(
    (
        "The This That These Those Our We It In To For A An All Code Codes Data See And Also Project Section Appendix "
        "Table Figure Model Models Here Please Note Source Python Git GitHub Github Supplementary Checklist Abstract "
        "Reproducibility Introduction Correspondence Equal Dataset Datasets Implementation Available Footnote Ref "
        "Acknowledgements"
    ).split()
)


def damaged_urls(record: AuditedRecord) -> Iterator[Finding]:
    """A finding for each answer with a damaged link, the first that is found, and in what way it is damaged.

    Low where only ``http://`` is torn, which any reader mends; medium where the link as given leads elsewhere.
    """
    for variable in SCORED:
        answer = record.answers.get(variable)
        if answer is None or not ("http" in answer.words or "www." in answer.words or "git" in answer.words):
            continue
        for pattern, why in _DAMAGES:
            match = next((one for one in pattern.finditer(answer.words) if not _ends_before(one.group(0))), None)
            if match:
                severity: Severity = "low" if pattern is _DAMAGES[0][0] else "medium"
                link = excerpt(answer.words, match.start(), min(len(answer.words), match.end() + 40), 0)
                yield Finding(record.id, "damaged_url", severity, variable, link, why)
                break


def _ends_before(link: str) -> bool:
    """Whether what follows the space begins a sentence, so that the link ended there whole."""
    following = link.split()[1:]
    return bool(following) and following[0].strip(".,;:)]'\"") in _BEGINS_A_SENTENCE and link.rstrip()[-1:] != "/"


_QUESTION: Final = (
    r"\bdid you (?:include|specify|report|describe|state|discuss|cite|mention|use|read|provide|release)\b|"
    r"\bquestion\s*:\s*(?:do|does|is|are|if|for|did|have)\b"
)
_BOX: Final = r"\[\s?(?:Yes|YES|No|NO|N/?A|TODO)\s?\]"
_MARK: Final = rf"(?-i:{_BOX})|\b(?:justification|guidelines)\s*:|\banswer\s*:\s*\[?\s?(?:yes|no|n/?a)\b"
_CHECKLIST: Final = re.compile(f"{_QUESTION}|{_MARK}", re.IGNORECASE)
_BOXES: Final = re.compile(_BOX)
#: One of these stands in every match but a box; looking for them is a hundred times faster.
_SIGNS: Final = ("id you ", "uestion", "ustification", "uidelines", "nswer")
_FURNITURE: Final = re.compile(
    f"(?:{_QUESTION})[^?]*\\??|{_MARK}|\\bquestion\\s*:|\\([a-z]\\)|^\\s*\\d+\\.", re.IGNORECASE
)
#: Words that are left beside the checklist's own before an answer is held to quote the paper as well.
_OWN_WORDS: Final = 25


def checklists(record: AuditedRecord) -> Iterator[Finding]:
    """A finding for each yes that quotes the checklist: medium when there is little else, low when there is more."""
    for variable, answer in yes_answers(record):
        signed = any(sign in answer.words for sign in _SIGNS)
        match = (_CHECKLIST if signed else _BOXES).search(answer.words)
        if match is None:
            continue
        rest = len(_FURNITURE.sub(" ", answer.words).split())
        severity: Severity = "medium" if rest < _OWN_WORDS else "low"
        why = "the evidence is the authors' checklist" + ("" if severity == "medium" else ", beside other text")
        yield Finding(record.id, "checklist", severity, variable, excerpt(answer.words, *match.span()), why)


_FIRST_PERSON: Final = re.compile(r"\b(?:we|our|ours|us)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"[^\"]{15,}\"|“[^”]{15,}”|(?<!\w)'[^']{20,}'(?!\w)|``[^`']{15,}''")


def explanations(record: AuditedRecord) -> Iterator[Finding]:
    """A finding for each yes that begins by speaking of the paper; low when it quotes as well, medium when it does not."""
    for variable, answer in yes_answers(record):
        if not speaks_of_the_paper(answer.words):
            continue
        # A paper that speaks of itself in the third person goes on to say "we" or "our"; an assessor only when it quotes.
        own, quotes = _QUOTED.subn(" ", answer.words)
        if _FIRST_PERSON.search(own):
            continue
        quoted = quotes > 0
        why = "the evidence is the assessor's own words" + (" around a quote" if quoted else " and quotes nothing")
        yield Finding(
            record.id, "not_a_quote", "low" if quoted else "medium", variable, excerpt(answer.words, 0, 200, 0), why
        )


#: What a paper without experiments has no use for. Pseudocode, code and software go well with theory.
_OF_EXPERIMENTS: Final = ("open_datasets", "dataset_splits", "hardware_specification", "experiment_setup")
_DENIAL: Final = re.compile(
    r"^\W*(?:no(?:\s+(?:specific|explicit|concrete|such|direct|structured))?\s+[\w\s/,()-]{0,80}?(?:is|are|was|were)\s+"
    r"(?:provided|mentioned|given|found|specified|described|reported|stated|included)|"
    r"(?:the|this)\s+(?:paper|authors?|text)\s+(?:do|does|did)\s+not\s+(?:\w+\s+)?"
    r"(?:provide|mention|specify|include|contain|describe|state|give|report|release))\b",
    re.IGNORECASE,
)
_DECLINED: Final = re.compile(r"(?-i:\[\s?(?:No|NO)\s?\])|\banswer\s*:\s*\[?\s?no\b", re.IGNORECASE)
_ACCEPTED: Final = re.compile(r"\[\s?yes\s?\]|\banswer\s*:\s*\[?\s?yes\b|https?://|www\.", re.IGNORECASE)
_OWN_CODE: Final = re.compile(
    r"^\W*(?:\d\W*)?(?:the\s+|all\s+|our\s+|source\s+|we\s+)*(?:codes?|implementations?|software)\b[^.]{0,80}?"
    r"\b(?:is|are)\s+(?:\w+\s+){0,2}?(?:available|released|provided|accessible)\s+(?:at|on|from|in|via)\b[^.]{0,30}?"
    r"(?:https?://|www\.|github\.com|gitlab\.com)\S+",
    re.IGNORECASE,
)
_BUT: Final = re.compile(
    r"\b(?:however|but|although|not\b|n't|baseline|third.party|dataset only|upon request|404|empty|will be|accept|review|anonymized)",
    re.IGNORECASE,
)


def contradictions(record: AuditedRecord) -> Iterator[Finding]:
    """A finding for each pair or answer that contradicts itself."""
    kind = record.answers.get("research_type")
    if kind is not None and kind.result == YES:
        for variable in _OF_EXPERIMENTS:
            answer = record.answers.get(variable)
            if answer is not None and answer.result == YES:
                why = f"the paper is called theoretical, yet {variable} is yes: one of the two is wrong"
                yield Finding(record.id, "contradiction", "medium", variable, excerpt(answer.words, 0, 200, 0), why)
    for variable, answer in yes_answers(record):
        yield from _denied(record.id, variable, answer)
    code = record.answers.get("open_source_code")
    if code is not None and code.result == NO:
        match = _OWN_CODE.search(code.words)
        if match and not _BUT.search(code.words):
            why = "the answer is no, yet its evidence says where the code is"
            yield Finding(
                record.id, "contradiction", "medium", "open_source_code", excerpt(code.words, *match.span()), why
            )


def _denied(id_: str, variable: str, answer: AuditedAnswer) -> Iterator[Finding]:
    denial = _DENIAL.match(answer.words)
    if denial:
        why = "the answer is yes, yet its own words deny it"
        yield Finding(id_, "contradiction", "high", variable, excerpt(answer.words, *denial.span()), why)
        return
    declined = _DECLINED.search(answer.words) if "[" in answer.words or "nswer" in answer.words else None
    if declined and not _ACCEPTED.search(answer.words):
        why = "the answer is yes, yet the checklist it quotes says no"
        yield Finding(id_, "contradiction", "high", variable, excerpt(answer.words, *declined.span()), why)


_CODE_HOST: Final = re.compile(
    r"\b(?:github|gitlab|bitbucket|codeberg|sourceforge|zenodo|figshare|osf)\.\w+/\S+", re.IGNORECASE
)
_SUPPLEMENT: Final = re.compile(r"\bsupplement\w*|\bappendi\w*|\battached\b|\bsubmission\b", re.IGNORECASE)
_ANY_LINK: Final = re.compile(
    r"https?:|www\.|\bgit\s?(?:hub|lab)|\bfootnote\b|\.(?:org|com|io|net|edu)\b|\w\.?\d\s*$|⟨\d", re.IGNORECASE
)
_OWN: Final = re.compile(r"\b(?:we|our|ours|us|the authors of this paper|this (?:paper|work)'?s?)\b", re.IGNORECASE)
_OTHERS: Final = re.compile(
    r"\bet al\b|\b(?:their|his|her)\s+(?:\w+\s+)?(?:code|implementation|package|software)\b|"
    r"\b(?:provided|released|published|written|kindly\s+\w+)\s+by\s+(?:the\s+|its\s+)?(?:\w+\s+)?(?:authors?|[A-Z]\w+)\b|"
    r"\b(?:baseline|competing|original)\w*\b[^.]{0,40}\b(?:code|implementation)",
    re.IGNORECASE,
)


def own_code(record: AuditedRecord) -> Iterator[Finding]:
    """Code in openbook's own records: a yes without a link of one's own or about other people's work, a no beside a link.

    The published index keeps one text an answer, not quotes, so its records are left to the other rules.
    """
    answer = record.answers.get("open_source_code")
    if answer is None or record.published:
        return
    name = "open_source_code"
    if answer.result == YES and answer.quotes:
        words = " ".join(quote for quote, match in answer.quotes if match != "absent")
        if _OTHERS.search(words) and not _OWN.search(words):
            why = "its quotes speak of other people's code, and none of the authors' own"
            yield Finding(record.id, "work_of_others", "high", name, excerpt(words, 0, 300, 0), why)
        elif not _ANY_LINK.search(words) and not _SUPPLEMENT.search(words):
            why = "none of its quotes holds a link, a footnote mark or a supplement where the code could be"
            yield Finding(record.id, "no_own_link", "medium", name, excerpt(words, 0, 300, 0), why)
    if answer.result == NO:
        link = _CODE_HOST.search(answer.words)
        if link and _OWN.search(answer.words) and not _OTHERS.search(answer.words):
            why = "the nearest sentence links to a code host in the authors' own voice, yet the answer is no"
            yield Finding(record.id, "link_beside_no", "medium", name, excerpt(answer.words, *link.span()), why)


#: The rules that need nothing but the record.
_RULES: Final = (promised_code, damaged_urls, checklists, explanations, contradictions, own_code)


def audit(
    records: Path,
    papers: Path | None = None,
    kinds: Collection[str] = tuple(KINDS),
    prompt_tokens: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
    checked: Counter[str] | None = None,
) -> Iterator[Finding]:
    """The errors in the records of a Parquet file, or of a folder that ``openbook assess`` wrote.

    ``papers`` is a folder with the papers' files or texts, against which every quote is then checked. ``prompt_tokens``
    is the size of the prompt, without the paper, of the run that made the records; that of the published index is known.
    ``checked`` counts how the quotes that were looked for came out.
    Answers about a ghost are not audited further: none of them means anything.
    """
    check = None
    if "quote_absent" in kinds:
        from openbook.corpus.audit.quotes import QuoteCheck

        check = QuoteCheck(papers, Counter() if checked is None else checked)
    only_ghosts = set(kinds) == {"ghost"} and prompt_tokens is None
    for done, record in enumerate(read_audited(records, MOST_GHOST_TOKENS if only_ghosts else None)):
        on_progress(done)
        found, ghost = audit_record(record, kinds, prompt_tokens)
        yield from found
        if check is not None and not ghost:
            yield from check(record)


def audit_record(
    record: AuditedRecord, kinds: Collection[str] = tuple(KINDS), prompt_tokens: int | None = None
) -> tuple[list[Finding], bool]:
    """The findings of the rules that need only the record, and whether it is a ghost."""
    found = list(ghosts(record, prompt_tokens))
    if found:
        return (found if "ghost" in kinds else []), True
    return [finding for rule in _RULES for finding in rule(record) if finding.kind in kinds], False
