"""Title, authors, venue and year of a PDF, from its first page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from openbook.papers.layout import Layout, PrintedRow

_ABSTRACT = re.compile(r"(?:abstract|summary|1\.?\s+introduction|introduction)\b", re.IGNORECASE)
_AFFILIATION = re.compile(
    r"univ|unversit|institut|\bteam\b|campus|\bcity\b|new york|hong kong|project|paristech|mathematic|cedex|drive\b|"
    r"departm|dept\b|school|college|laborator|research|center|centre|academy|faculty|division|"
    r"\binc\b|\bltd\b|\bllc\b|\bgmbh\b|\bcorp|google|microsoft|facebook|\bmeta\b|amazon|\bibm\b|deepmind|openai|nvidia|"
    r"alibaba|tencent|huawei|baidu|yahoo|adobe|samsung|\binria\b|\bcnrs\b|\beth\b|\bepfl\b|\bcmu\b|polytech|"
    r"\blabs?\b|street|avenue|\bUSA\b|\bUK\b|china|germany|france|canada|japan|israel|switzerland|australia|korea|india|"
    r"singapore|netherlands|sweden|italy|spain|finland|denmark|austria|russia|(?-i:\b(?:CA|NY|MA|AI|MIT)\b)|hospital|"
    r"technolog|technion|technische|sciences?\b|engineering|group\b|road\b|\bbrain\b|robotics|systems\b|analytics|"
    r"intelligence|foundation|bosch|siemens|criteo|salesforce|bytedance|linkedin|netflix|spotify|uber\b|intel\b|apple\b|"
    r"qualcomm|ericsson|nokia|sony\b|hitachi|toshiba|fujitsu|anthropic|cohere\b|mistral ai|hugging face|"
    r"max[ -]planck|fraunhofer|sorbonne|caltech|stanford|princeton|harvard|oxford|cambridge|berkeley|"
    r"carnegie mellon|georgia tech|virginia tech|ecole|école|normale|hochschule|imperial|king['’]s|"
    r"these authors|equal contribution|correspond|work done|first author",
    re.IGNORECASE,
)
_PLACES = frozenset(
    "Aachen Amsterdam Atlanta Austin Baltimore Bangalore Barcelona Basel Beijing Bengaluru Berlin Bern Bologna Bonn Bordeaux Boston "
    "Boulder Bristol Brisbane Brussels Budapest Chicago Cologne Copenhagen Daejeon Dallas Darmstadt Delft Delhi Denver Detroit Dresden "
    "Dubai Dublin Edinburgh Eindhoven Florence Frankfurt Freiburg Geneva Ghent Glasgow Gothenburg Grenoble Groningen Guangzhou Haifa "
    "Hamburg Hangzhou Hannover Heidelberg Helsinki Houston Hyderabad Istanbul Jerusalem Karlsruhe Kyoto Lausanne Leiden Leuven Leipzig "
    "Lille Linz Lisbon London Lugano Lyon Madrid Mannheim Marseille Melbourne Milan Milano Montreal Montréal Moscow Mumbai Munich "
    "München Nanjing Nantes Nice Nijmegen Oslo Ottawa Padova Paris Philadelphia Pisa Pittsburgh Portland Potsdam Prague Princeton Quebec "
    "Québec Redmond Rennes Rome Rotterdam Saarbrücken Seattle Seoul Shanghai Shenzhen Stockholm Stuttgart Sunnyvale Sydney Taipei Tokyo "
    "Toronto Toulouse Trento Trondheim Tübingen Turin Torino Uppsala Utrecht Vancouver Vienna Wien Warsaw Waterloo Wuhan Würzburg "
    "Xiamen Zurich Zürich "
    "Belgium Brazil Chile Colombia Denmark Egypt England Greece Hungary Iran Ireland Mexico Norway Poland Portugal Qatar Romania Scotland "
    "Taiwan Thailand Turkey Ukraine Vietnam Wales California Texas Massachusetts Washington Pennsylvania Illinois Michigan Ontario".split()
)
_PAIRED_PLACES = re.compile(
    r"(?:Santa (?:Monica|Clara|Barbara|Cruz)|Palo Alto|Mountain View|Menlo Park|Redwood City|San (?:Francisco|Diego|Jose|Mateo|Bruno)|"
    r"Los Angeles|New (?:York|Delhi|Jersey|Haven|Zealand)|Tel Aviv|Hong Kong|Ann Arbor|Salt Lake City|College Park|Chapel Hill|"
    r"Stony Brook|Cold Spring Harbor|Rio de Janeiro|Sao Paulo|São Paulo|Buenos Aires|Saudi Arabia|South (?:Korea|Africa)|"
    r"United (?:States|Kingdom)|Abu Dhabi|Milton Keynes|Yorktown Heights|Saint Petersburg|St\.? (?:Louis|Petersburg|Andrews))\W*"
)
_ORGANISATIONS = frozenset("TU UC KU HU FU VU UT UW IIT".split())
_EMAIL = re.compile(r"\{[^}]*\}\s*@?\S*|\S*@\s?\S+|<EMAIL>|https?://\S+", re.IGNORECASE)
_MARKS = re.compile(r"[\d*†‡§¶∗⋆♯♭♠♣♥♦⇤¹²³⁴⁵?]+(?:,\s?[\d*†‡§¶∗]+)*")
_LEADING_MARK = re.compile(r"(?:\d{1,2}|[*†‡§¶∗⋆♯♭♠♣♥♦⇤¹²³⁴⁵?]+)(?:\s?,\s?\d)*\s?(?=[^\W\d_])")
_ACCENTS = re.compile(r"\s?[´`¨ˆ˜ˇ]\s?")
_POSTCODE = re.compile(r"\b\d{5}\b|\b[A-Z]{1,2}\d[\dA-Z]? ?\d[A-Z]{2}\b")
_SEPARATOR = re.compile(r",|;|\band\b|&|·|•|\s{2,}")
_SLANTED = re.compile(r"ital|obli|slant|-it\b|cmti|cmsl|ti\d", re.IGNORECASE)
_BOLD = re.compile(r"bold|bx|medi|black|heavy|demi")
_NAME_WORD = re.compile(
    r"[A-ZÀ-ÖØ-ÞĀ-Ž][\w’'´`-]*\.?(?:-[A-Z]\.?)?$|(?:de|van|der|von|la|le|di|da|del|den|dos|el|al|bin|ten|ter|y|e)$"
)

_VENUES = (
    ("NeurIPS", r"NeurIPS|\bNIPS\b|neural information processing systems"),
    ("ICML", r"\bICML\b|international conference on machine learning"),
    ("ICLR", r"\bICLR\b|international conference on learning representations"),
    ("UAI", r"\bUAI\b|uncertainty in artificial intelligence"),
    ("AISTATS", r"\bAISTATS\b|artificial intelligence and statistics"),
    ("IJCAI", r"\bIJCAI\b|international joint conferences? on artificial intelligence"),
    ("AAAI", r"\bAAAI\b|association for the advancement of artificial intelligence"),
    ("COLT", r"\bCOLT\b|conference on (?:computational )?learning theory"),
    ("CoRL", r"\bCoRL\b|conference on robot learning"),
    ("EMNLP", r"\bEMNLP\b|empirical methods in natural language processing"),
    ("NAACL", r"\bNAACL\b|north american chapter of the association for computational linguistics"),
    ("EACL", r"\bEACL\b|european chapter of the association for computational linguistics"),
    ("ACL", r"\bACL\b|annual meeting of the association for computational linguistics"),
    ("CVPR", r"\bCVPR\b|computer vision and pattern recognition"),
    ("ICCV", r"\bICCV\b|international conference on computer vision"),
    ("ECCV", r"\bECCV\b|european conference on computer vision"),
    ("KDD", r"\bKDD\b|knowledge discovery and data mining"),
    ("TMLR", r"\bTMLR\b|transactions on machine learning research"),
    ("JMLR", r"\bJMLR\b|journal of machine learning research"),
    ("ACML", r"\bACML\b|asian conference on machine learning"),
    ("ALT", r"algorithmic learning theory"),
    ("MIDL", r"\bMIDL\b|medical imaging with deep learning"),
)
_VENUE_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _VENUES)
_PMLR = {
    "ICML": "28 32 37 48 70 80 97 119 139 162 202 235 267",
    "AISTATS": "22 31 33 38 51 54 84 89 108 130 151 206 238 258",
    "UAI": "115 124 161 180 216 244 286",
}
_PMLR_FIRST = {"ICML": 2013, "AISTATS": 2012, "UAI": 2019}
_PMLR_VOLUMES = {
    int(volume): (venue, _PMLR_FIRST[venue] + index)
    for venue, volumes in _PMLR.items()
    for index, volume in enumerate(volumes.split())
}
"""Volume of the Proceedings of Machine Learning Research -> venue, year."""
_VOLUME = re.compile(r"\bPMLR:? ?(?:vol(?:ume|\.)? ?)?(\d{1,3})\b")
_PUBLISHED = re.compile(
    r"proceedings of|published (?:as|at|in)|appearing in|to appear in|accepted (?:as|at|to|by|for)|copyright|©|\bPMLR\b|W&CP|"
    r"\d(?:st|nd|rd|th) (?:international |annual |asian |european )?conference|(?:NeurIPS|NIPS|ICML|ICLR|UAI) (?:19|20)\d\d\)?|"
    r"the (?:[\w-]+ )?AAAI conference|AAAI-\d\d|IJCAI-\d\d|joint conference|transactions on|journal of|"
    r"\b[A-Z]{3,8} ?['’]\d\d\b|open access version",
    re.IGNORECASE,
)
_SERIES = re.compile(r"JMLR:? ?(?:W&CP|workshop)|Proceedings of Machine Learning Research", re.IGNORECASE)
_NOT_PUBLISHED = re.compile(
    r"under review|submitted to|do not distribute|work in progress|in submission", re.IGNORECASE
)
_YEAR = re.compile(r"(?<![\d.:-])(?:19[89]\d|20[0-4]\d)(?![\d.]\d|[\d/])")
_SHORT_YEAR = re.compile(r"(?:AAAI|IJCAI|UAI|KDD|ICML|ACL|EMNLP|CVPR|NIPS)[ -]?['’-]?(\d\d)\b")
_ARXIV = re.compile(r"arXiv:(\d\d)\d\d\.\d{4,5}(?:v\d+)?\s+\[[\w.-]+\]\s+\d{1,2} \w+ ((?:19|20)\d\d)")


@dataclass(slots=True)
class FrontMatter:
    """The title, the authors as far as they could be told from their affiliations, and where and when it was published."""

    title: str = ""
    authors: list[str] = field(default_factory=list)
    venue: str = ""
    year: int | None = None


def front_matter(layout: Layout) -> FrontMatter:
    """Title: the largest print of the first page's head; authors: the names between it and the abstract."""
    rows = [row for row in layout.rows if row.page == layout.rows[0].page] if layout.rows else []
    head: list[PrintedRow] = []
    for row in rows[:80]:
        if _ABSTRACT.match(row.text.replace(" ", "")) or _ABSTRACT.match(row.text):
            break
        head.append(row)
    if not head or len(head) >= 80:
        head = rows[:25]
    venue, year = publication(_imprint(layout, rows, head))
    candidates = [row for row in head if sum(c.isalpha() for c in row.text) > 3]
    if not candidates:
        return FrontMatter(venue=venue, year=year)
    largest = max(row.size for row in candidates)
    if largest < layout.size + 0.8:
        bold = [row for row in candidates if row.bold]
        first = head.index((bold or candidates)[0])
    else:
        first = next(i for i, row in enumerate(head) if row in candidates and row.size > largest - 0.6)
    last = first + 1
    while last < len(head) and last - first < 5 and abs(head[last].size - head[first].size) < 0.7:
        if largest < layout.size + 0.8 and not head[last].bold:
            break
        last += 1
    title = ""
    for row in head[first:last]:
        title = title + row.text if title.endswith("-") else f"{title} {row.text}".strip()
    return FrontMatter(title, _authors([*head[:first], *head[last:]], layout.leading), venue, year)


def _imprint(layout: Layout, rows: list[PrintedRow], head: list[PrintedRow]) -> list[str]:
    """The lines of the first page that may say where the paper was published: edges, head, small print, last rows."""
    small = [row for row in rows[len(head) :] if row.size < layout.size - 0.4 or row in rows[-4:]]
    return [*layout.furniture.edges, *(row.text for row in [*head, *small])]


def publication(lines: Iterable[str]) -> tuple[str, int | None]:
    """The venue (its usual abbreviation) and year that the lines of a first page state; "" and None if they do not.

    A paper under review is not published. A date of arXiv counts only where nothing else is stated.
    """
    venue, year, preprint = "", None, None
    lines = list(lines)
    for index, line in enumerate(lines):
        if (stamp := _ARXIV.search(line)) is not None:
            preprint = preprint or int(stamp.group(2))
        if not _PUBLISHED.search(line):
            continue
        # a sentence of the footer may run over three lines; an unpublished paper names the venue too
        statement = _SERIES.sub(" ", " ".join(lines[index : index + 3]))[: len(line) + 220]
        if _NOT_PUBLISHED.search(" ".join(lines[max(index - 1, 0) : index + 1])):
            continue
        places = [(found.start(), name) for name, pattern in _VENUE_PATTERNS if (found := pattern.search(statement))]
        venue = venue or (min(places)[1] if places else "")
        if places or re.search("copyright|©", line, re.IGNORECASE):
            whole, short = _YEAR.search(statement), _SHORT_YEAR.search(statement)
            year = year or (int(whole.group()) if whole else 2000 + int(short.group(1)) if short else None)
        volume = _VOLUME.search(statement)
        if volume and int(volume.group(1)) in _PMLR_VOLUMES:
            known = _PMLR_VOLUMES[int(volume.group(1))]
            venue, year = venue or known[0], year or known[1]
    if not venue and year is None and preprint is not None:
        return "arXiv", preprint
    return venue, year


def _authors(rows: list[PrintedRow], leading: float) -> list[str]:
    """The names of people in the rows between title and abstract, in order, each once."""
    found: list[str] = []
    named: PrintedRow | None = None
    before: PrintedRow | None = None
    address = False
    for row in rows[:40]:
        line = row.parts[0][1] if row.parts else row
        apart = before is None or before.base - row.base > 1.7 * leading or row.base > before.base + 2
        if before is not None and _EMAIL.search(before.text):
            apart = True
        before = row
        if named is not None and named.parts:
            first = named.parts[0][1]
            plain = _BOLD.search(first.font) and not _BOLD.search(line.font)
            slanted = _SLANTED.search(line.font) and not _SLANTED.search(first.font)
            if plain or slanted or line.size < first.size - 1.2:
                address = True
                continue
            same_style = first.font == line.font and abs(first.size - line.size) < 0.3
        else:
            same_style = True
        if address and not apart and not (named is not None and same_style and _styled_apart(rows, named)):
            continue
        people, whole = _people(_spread(row), first=named is None)
        address = not whole
        if people and named is None:
            named = row
        found.extend(name for name in people if name not in found)
    return found[:100]


def _styled_apart(rows: list[PrintedRow], named: PrintedRow) -> bool:
    """Whether names have a font of their own: some row of the head has another."""
    return any(row.font != named.font for row in rows if not _EMAIL.fullmatch(row.text))


def _spread(row: PrintedRow) -> str:
    """The text of a row with two spaces where its parts stand far apart: the names of two columns."""
    text, last = "", None
    for index, (at, line) in enumerate(row.parts):
        end = row.parts[index + 1][0] if index + 1 < len(row.parts) else len(row.text)
        far = last is not None and line.x0 - last > 1.5 * row.size
        text += ("  " if far else "") + row.text[at:end]
        last = line.x1
    return text or row.text


def names(lines: Iterable[str]) -> list[str]:
    """The names of people in lines of text between title and abstract, in order, each once."""
    found: list[str] = []
    for line in lines:
        found.extend(name for name in _people(line, first=not found)[0] if name not in found)
    return found[:100]


def _people(line: str, *, first: bool) -> tuple[list[str], bool]:
    """The names of people in a line, and whether it holds nothing else. ``first``: no name came before it."""
    if _POSTCODE.search(line) or _LEADING_MARK.match(line):
        return [], False
    line = _ACCENTS.sub(" ", _MARKS.sub(" , ", _EMAIL.sub(" , ", line)))
    people: list[str] = []
    pieces = [piece.strip(" .:()[]{}⟨⟩") for piece in _SEPARATOR.split(line)]
    if not first and len(pieces) == 2 and len(pieces[0].split()) > 1 and re.fullmatch(r"[A-ZÀ-Ž][\w’'-]+", pieces[1]):
        return [], False  # "Leaf Works, Musterstadt"
    pieces = [
        piece for piece in (re.sub(r"\s+[a-zα-ω](?:\s+[a-zα-ω])*$", "", piece) for piece in pieces) if len(piece) > 1
    ]
    for index, piece in enumerate(pieces):
        if _AFFILIATION.search(piece):
            return people, False  # the rest of the line is its address
        if _is_place(piece) and (index or not first):
            # "Acme Robotics, Berlin": what stands right before a place is an organisation, unless it is the first name
            return people[:1] if first or index > 1 else [], False
        if _is_name(piece):
            people.append(piece)
        elif (shouted := piece.split()) and _is_name(" ".join(word for word in shouted if not word.isupper())):
            people.append(" ".join(word for word in shouted if not word.isupper()))
    return people, bool(people)


def _is_place(piece: str) -> bool:
    """A town, a country or an organisation in one: ``Berlin``, ``Palo Alto``, ``ETH Zurich``."""
    words = piece.split()
    if not words or _PAIRED_PLACES.fullmatch(piece):
        return bool(words)
    return words[-1] in _PLACES or words[0] in _ORGANISATIONS


def _is_name(piece: str) -> bool:
    words = piece.split()
    if not 2 <= len(words) <= 5 or len(piece) > 45 or piece.isupper():
        return False
    if any(word.isupper() and len(word.strip(".")) > 2 and "." not in word for word in words):
        return False
    return all(_NAME_WORD.match(word) for word in words) and sum(len(word.strip(".")) > 1 for word in words) >= 1
