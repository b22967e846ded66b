"""Made-up records for the tests of the site, and a made-up study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openbook.record.files import write_record
from openbook.record.model import Answer, Correction, Evidence, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}]]>\u2028"
ADDRESS = "https://example.org/index/"

STUDY = """
name = "orchard"
title = "Orchards, tested anew"
[paper]
title = "Made-up paper 1"
index_id = "paper_1"
unseen = "Code lies in the authors' <drawer>."
[[claims]]
id = "apples"
sentence = "There are seven <b>apples</b>."
where = "section 1"
metric = "apples"
published = 7.0
command = ["true"]
read = "apples"
[[claims]]
id = "pears"
sentence = "There are no pears."
where = "section 2"
metric = "pears"
published = 0.0
command = ["true"]
read = "pears"
[[values]]
name = "how ripe is ripe"
value = "red"
variable = "experiment_setup"
guessed = true
[[values]]
name = "height of the ladder"
value = "2 m"
variable = "hardware_specification"
guessed = true
[[values]]
name = "number of trees"
value = "12"
variable = "open_datasets"
"""
VERDICTS = """{"study": "orchard", "written": "2026-01-01T00:00:00Z", "claims": {
 "apples": {"verdict": "reproduced", "measured": 7.0, "published": 7.0},
 "pears": {"verdict": "not run", "reason": "no ladder", "published": 0.0}}}"""


def made_up(number: int, venue: str = "PLUM", year: int | None = 2023, text: str = "", **paper: Any) -> Record:
    """A record whose answers follow from its number."""
    published = number % 2 == 0
    answers = {
        name: Answer(result="yes" if number >> place & 1 else "no", response=text or f"Words about {name} {number}.")
        for place, name in enumerate(SCORED)
    }
    answers["research_type"] = Answer(result="theoretical" if number % 11 == 5 else "experimental", response=text)
    answers["affiliation"] = Answer(result="academia")
    if not published:
        quotes = [
            Evidence(quote=text or "We used two cores.", page=3, start=4, end=22, match="exact", part="appendix"),
            Evidence(quote="Not there", match="absent"),
        ]
        answers["pseudocode"] = Answer(result="yes", confidence=0.83, response="Yes.", evidence=quotes)
    info = {"title": f"Made-up paper {number}", "authors": ["Ann Gardener", f"Bo Miller {number}"]} | paper
    run = Run(
        assessor="published" if published else "linear",
        model="made-up-model",
        input_tokens=20000,
        output_tokens=5,
        created=None if published else f"2026-01-{1 + number % 28:02d}T00:00:00Z",
        parameters={"top_p": 0.1},
    )
    return Record(
        paper=PaperInfo(
            **{"id": f"paper_{number}", "venue": venue, "year": year, "url": "https://example.org/p.pdf"} | info
        ),
        answers=answers,
        scores=score_answers(answers),
        run=run,
    )


def special() -> list[Record]:
    """Records that are hard to show."""
    evil = made_up(900, EVIL, 2022, EVIL, id=EVIL, title=EVIL, authors=[EVIL], url="javascript:alert(1)", source=EVIL)
    long = made_up(902, text="Löng & <long>. " * 3000, id="long", title="A paper that says a lot")
    unread = made_up(904, id="unread", title="A paper that nobody could open", problem="encrypted: it needs a password")
    for name in SCORED:
        unread.answers[name] = Answer(result="unread")
    unread.scores = score_answers(unread.answers)
    corrected = made_up(906, id="corrected", title="A paper that was put right")
    change = Correction(result="yes", replaced="no", who="Ann", when="2026-01-02T00:00:00Z", why="page 4 says so")
    corrected.answers["open_datasets"] = Answer(result="yes", correction=change)
    corrected.scores = score_answers(corrected.answers)
    promised = made_up(908, id="promised", title="A paper with a promise")
    promised.answers["open_source_code"] = Answer(
        result="yes", response="The code will be released upon acceptance of this paper."
    )
    nowhere = made_up(910, id="../../nowhere", title="", authors=[], year=None)
    nowhere.paper.venue = None
    return [evil, long, unread, corrected, promised, nowhere]


def write_folder(folder: Path, records: list[Record]) -> Path:
    for place, record in enumerate(records):
        write_record(record, folder / f"r{place:04d}.json")
    return folder
