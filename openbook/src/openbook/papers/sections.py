"""Headings: which lines are one, at what level, and which part of the paper they open."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openbook.papers.paper import Part
from openbook.text import one_line

_NAMED = re.compile(
    r"(?:abstract|summary|keywords?|index terms|ccs concepts|introduction|related works?|background|"
    r"preliminar(?:y|ies)|"
    r"method(?:s|ology)?|approach|experiments?|experimental (?:setup|results|settings?)|"
    r"experiments and results|results|"
    r"evaluation|discussions?|limitations?|conclusions?(?: and future works?)?|future works?|"
    r"acknowledge?ments?|broader impacts?|(?:broader )?impact statements?|ethics? statement|ethical considerations|"
    r"reproducibility(?: statement| checklist)?|references(?: and notes)?|bibliography|literature(?: cited)?|works cited|"
    r"literatur(?:verzeichnis)?|r[ée]f[ée]rences|bibliographie|referencias|bibliograf[íi]a|(?:table of )?contents|"
    r"appendix|appendices|supplementary materials?|supplemental materials?|supplementary information|checklist|"
    r"(?:neurips|nips|aaai|icml|iclr|ijcai|acl)? ?(?:\d{4} )?(?:paper|reproducibility|author|responsible nlp)? ?"
    r"checklist|"
    r"code availability|data availability(?: statement)?|(?:code|data) and (?:code|data) availability|"
    r"author contributions?|funding|competing interests?|conflicts? of interest)\W{0,2}",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-Z](?:\.\d{1,2}){0,3}|[A-Z]\d{1,2}(?:\.\d{1,2}){0,2})"
    r"(?P<dot>[.:)]?)\s+(?P<title>\S.*)",
    re.DOTALL,
)
_APPENDIX_TITLE = re.compile(
    r"(?:(?:online |technical )?(?:appendix|appendices)|supplement(?:ary|al)?|supporting information)\b(?:[\s:.–—-]*(?P<letter>[A-Z0-9](?:\.\d+)*))?(?=$|[\s:.–—-])",
    re.IGNORECASE,
)
_REFERENCES_TITLE = re.compile(
    r"(?:references(?: and notes)?|bibliography|literature(?: cited)?|works cited|literatur(?:verzeichnis)?|r[ée]f[ée]rences|"
    r"bibliographie|referencias|bibliograf[íi]a)\W*$",
    re.IGNORECASE,
)
_CHECKLIST_TITLE = re.compile(
    r"(?:[\w’' ]{0,60} )?checklist(?: guidelines| for [\w’' ]{1,40}|\s*\([^()]{0,40}\))?\W*$", re.IGNORECASE
)
_FORM_ITEM = re.compile(
    r"for every submission\b|did you (?:use|run|discuss|cite|report)\b.*\?|do you use\b.*\?", re.IGNORECASE
)
"""The lettered questions of a checklist, as the ACL's form has them."""
_CONTENTS_TITLE = re.compile(r"(?:table of )?contents\W*$", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){3,}\s*[\divxl]+\s*$|…\s*\d+\s*$")
_PAGE_AT_END = re.compile(r"\D\s+(?:\d{1,4}|[ivxl]{1,6})\s*$")
_LETTER_DIGIT = re.compile(r"([A-Z])(\d{1,2})")
_GENERIC = re.compile(r"(?:methods?|approach|results|evaluation|background|experiments?|summary)\W*", re.IGNORECASE)
"""Between numbered headings these words alone are the head of a table's column."""
_INSTITUTION = re.compile(r"\b(?:Universit|Institut|Department|Dept\b|School of|College|Laborator|Inc\b|Ltd\b|USA\b)")
_RELATIONS = frozenset("≥≤≠∈∀∑≈∼")
_PEOPLE = re.compile(r"\b[A-Z]\. ?[A-Z][a-z]+(?:,| and |\. [A-Z])|, [A-Z]\.(?: |,|$)")
_BACK_MATTER = re.compile(
    r"(?:acknowledge?ments?|(?:broader )?impact statements?|broader impacts?|ethics? statement|funding|"
    r"author contributions?)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Outline:
    """Follows the headings of one paper in order: judges the next candidate by the ones before it."""

    part: Part = "body"
    major: int = 0
    letter: str = ""
    lettered: tuple[str, int] = ("", 0)
    """The last section of a supplement, numbered ``S1``, ``S2``."""
    form: bool = False
    """The checklist is one whose questions have letters: letters open no appendix."""
    contents: bool = False
    """A table of contents goes on: what ends in a page's number is an entry."""
    roman: bool = False
    styled: bool = False
    """A numbered heading came in a typography of its own: those that do not are items of lists."""

    def is_heading(self, text: str, *, marked: bool = False) -> bool:
        """Whether a short paragraph is a heading. ``marked``: its typography (bold, larger, capitals) says so."""
        text = text.strip()
        if not 2 < len(text) < 140 or len(text.split()) > 18:
            return False
        if _LEADERS.search(text) or (self.contents and _PAGE_AT_END.search(text)):
            return False
        if _NAMED.fullmatch(text) and (text[0].isupper() or marked):
            return not (self.major and _GENERIC.fullmatch(text))
        if marked and _CHECKLIST_TITLE.fullmatch(text) and text[0].isupper():
            return True
        if text[-1] in ",;" or (text[-1] == "." and not marked) or "=" in text:
            return False
        if _APPENDIX_TITLE.match(text) and len(text.split()) < 12 and text[0].isupper():
            return True
        found = _NUMBERED.fullmatch(text)
        if found:
            if _FORM_ITEM.match(found.group("title")) and _is_lettered(found.group("number")):
                return self.part != "body"
            if not marked and text[0].isdigit() and not _RELATIONS.isdisjoint(text):
                return False
            if self.major == 0 and _INSTITUTION.search(found.group("title")):
                return False  # an affiliation and its mark, before the first section
            if self.contents and found.group("number") not in ("1", "I", "A", "S1"):
                return False  # an entry whose title takes two lines
            if (self.styled and not marked) or _PEOPLE.search(found.group("title")):
                return False
            return self._follows(_number(found), found.group("title"), marked, bool(found.group("dot")))
        return False

    def _follows(self, number: str, title: str, marked: bool, dotted: bool) -> bool:
        if not title[0].isupper() or not _reads_as_title(title):
            return False
        if _NAMED.fullmatch(title):
            return True
        head, _, rest = number.partition(".")
        if head.isdecimal():
            top = int(head)
            if rest:
                return top == self.major or top == self.major + 1 or (marked and self.part == "appendix")
            return top == self.major + 1 or (marked and self.major < top <= self.major + 3)
        supplement = _LETTER_DIGIT.fullmatch(head)
        if supplement:
            return self._next_in_supplement(supplement.group(1), int(supplement.group(2)), bool(rest))
        if len(head) == 1 and self.part in ("references", "appendix", "checklist"):
            expected = chr(ord(self.letter) + 1) if self.letter else "A"
            return head in (expected, self.letter) if rest else head == expected or (marked and head > self.letter)
        if _roman(head) is not None:
            return _roman(head) == self.major + 1 and (self.roman or self.major == 0) and (dotted or marked)
        if rest or (len(head) == 1 and dotted):  # "A. Data sets" below a Roman-numbered section
            return self.roman and marked
        return False

    def _next_in_supplement(self, letter: str, number: int, deeper: bool) -> bool:
        """Whether ``S1``, ``A1`` or the next of its kind may stand here: after the references, in order."""
        if self.part not in ("references", "appendix"):
            return False
        if self.lettered[0] == letter:
            return number == self.lettered[1] + (0 if deeper else 1)
        return number == 1 and not deeper

    def enter(self, title: str, *, marked: bool = False) -> tuple[int, Part]:
        """Take this heading as the next one: its level (1 at the top) and the part of the paper it stands in."""
        title = one_line(title)
        found = _NUMBERED.fullmatch(title)
        self.styled = self.styled or (marked and found is not None)
        bare, level = title, 1
        if (
            found
            and found.group("number")[0].isalpha()
            and _roman(found.group("number")) is None
            and self.part == "body"
        ):
            found = None  # a letter only where the outline expects one, else it is the first word ("A Method")
        if found:
            number, bare = _number(found), found.group("title")
            head, _, _rest = number.partition(".")
            level = 1 + number.count(".")
            supplement = _LETTER_DIGIT.fullmatch(head)
            if head.isdecimal():
                self.major = int(head)
            elif supplement:
                self.lettered = supplement.group(1), int(supplement.group(2))
                if self.part == "references":
                    self.part = "appendix"
            elif _roman(head) is not None and self.part == "body":
                self.major, self.roman = _roman(head) or 0, True
            elif len(head) == 1:
                self.letter = head
                if self.part in ("references", "appendix"):
                    self.part = "appendix"
        self.contents = _CONTENTS_TITLE.fullmatch(bare) is not None
        if _FORM_ITEM.match(bare) and self.part != "body":
            self.part, self.form = "checklist", True
        elif _CHECKLIST_TITLE.fullmatch(bare):
            self.part, self.letter = "checklist", ""
        elif _REFERENCES_TITLE.match(bare):
            self.part = "references"
        elif (appendix := _APPENDIX_TITLE.match(bare)) is not None:
            self.part = "appendix"
            self.letter = (appendix.group("letter") or self.letter)[:1] if appendix.group("letter") else self.letter
        elif self.part == "references":
            self.part = "body" if _BACK_MATTER.match(bare) else "appendix"
        elif self.part == "checklist" and found and _is_lettered(found.group("number")) and not self.form:
            self.part = "appendix"
        return level, self.part


def _number(found: re.Match[str]) -> str:
    """The number of a heading; a supplement's ``S.1`` is ``S1``."""
    number = found.group("number")
    return "S" + number[2:] if number.startswith("S.") else number


def _is_lettered(number: str) -> bool:
    """Whether a section's number is a letter, alone or with numbers after points."""
    return number[0].isalpha() and not number[1:2].isdigit()


def _reads_as_title(title: str) -> bool:
    letters = sum(c.isalpha() for c in title)
    return letters >= 3 and letters >= 0.6 * len(title.replace(" ", "")) and title[-1] not in ".;,"


def _roman(number: str) -> int | None:
    values = {"I": 1, "V": 5, "X": 10}
    if not number or any(c not in values for c in number):
        return None
    total = 0
    for here, after in zip(number, [*number[1:], ""], strict=True):
        total += -values[here] if after and values[after] > values[here] else values[here]
    return total
