"""Advice names what is missing, and a place in the paper itself."""

from __future__ import annotations

import pytest

from openbook.advice import advise
from openbook.advice.advising import by_place
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.papers.reading import read_text
from openbook.record.model import Answer, NearMiss, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED

TEXT = """A Study of Sorting Pebbles by Colour

Ada Example

1 Introduction

Pebbles are sorted by hand in many places of the world. We study how a machine may do it as well. The task is old and it
is important, and nobody has solved it so far to the full content of all.

2 Method

Our method looks at each pebble in turn. It then puts the pebble into one of several bowls, and learns from errors. The
update of the bowls is a convex problem that we solve in each step.

3 Experiments

We compare three sorters on the Beach data of pebbles. The code will be released upon acceptance of this paper. Each
experiment was run on a standard desktop computer and took a few minutes. Our sorter makes fewer errors than the others.

4 Conclusion

Pebbles can be sorted by a machine. We hope that this is of use to many people who sort pebbles.

References

Miller, B. Pebbles of the world. Journal of Stones, 2001.
"""


def record(**results: str) -> Record:
    answers = {variable: Answer(result=results.get(variable, "no")) for variable in SCORED}
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    return Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))


@pytest.fixture(scope="module")
def paper() -> Paper:
    return read_text(TEXT)


def test_each_missing_thing_gets_a_place_in_the_paper(paper: Paper) -> None:
    advice = advise(record(open_datasets="yes", dataset_splits="unverified"), paper)
    assert [item.variable for item in advice] == [variable for variable in SCORED if variable != "open_datasets"]
    assert [item.reason for item in advice if item.variable == "dataset_splits"] == ["unverified"]
    titles = [section.title for section in paper.sections]
    for item in advice:
        assert item.what
        assert item.states
        assert item.draft
        assert item.place is not None
        assert item.place.section in titles
        assert item.place.start is not None
        assert item.place.after == " ".join(paper.text[item.place.start : item.place.end].split())
        assert paper.part_at(item.place.start) == "body"


def test_it_belongs_where_it_is_spoken_of(paper: Paper) -> None:
    place = {item.variable: item.place for item in advise(record(), paper)}
    assert "Method" in place["pseudocode"].section  # type: ignore[union-attr]
    for variable in ("open_source_code", "hardware_specification", "dataset_splits", "experiment_setup"):
        assert "Experiments" in place[variable].section, variable  # type: ignore[union-attr]


def test_what_comes_near_is_named(paper: Paper) -> None:
    by_variable = {item.variable: item for item in advise(record(), paper)}
    promise = by_variable["open_source_code"].shortfall
    assert promise is not None
    assert "upon acceptance" in str(promise["sentence"])
    machine = by_variable["hardware_specification"]
    assert machine.shortfall is not None
    assert "standard desktop computer" in str(machine.shortfall["sentence"])
    assert machine.place is not None
    assert machine.place.after == machine.shortfall["sentence"]
    assert by_variable["pseudocode"].shortfall is None


def test_nothing_to_add_and_nothing_to_read(paper: Paper) -> None:
    assert advise(record(**dict.fromkeys(SCORED, "yes")), paper) == []
    with pytest.raises(OpenbookError, match="nothing to advise"):
        advise(record(), Paper("", "t", "pdf", "0", problem="encrypted"))


def test_a_paper_without_sections_still_gets_advice() -> None:
    advice = advise(record(), Paper("", "t", "text", "0"))
    assert len(advice) == 7
    assert all(item.place is None for item in advice)


UNFIT = """Counting Shells

Ada Example

1 Introduction

Shells are counted by hand on many beaches of the world. We train a network to count them instead, on one GPU.

2 Problem Setup

Let the data set be private data of a beach, and let a shell be a point. The machine reads the data and the code of each.

3 Training

We use Adam on the BeachShells data set and on the ShoreNet data set. We compare the training error with the test error in
the BeachShells data set. Each of the parameters was tuned by hand in Python and PyTorch.

4 Author Contributions

Ada wrote the code, ran the experiment on a standard desktop computer, and chose the data sets.

5 Acknowledgements

We thank the machine room for the GPU on which the experiment ran, and for the data sets that they collected.
"""


def test_nothing_is_put_where_it_does_not_belong() -> None:
    paper = read_text(UNFIT)
    advice = advise(record(), paper)
    assert {item.place.section for item in advice if item.place} <= {"1 Introduction", "3 Training"}
    assert any(item.place for item in advice)


NESTED = """Sorting Pebbles

1 Introduction

Pebbles are sorted by hand on many beaches of the world. We run our software in Python on a machine with a GPU each day.

2 Related Work

2.1 Sorters

Earlier sorters were trained on a GPU, and their software in Python was released with the code of each experiment.

3 Experiments

We compare three sorters on pebbles of all colours, and we repeat it five times to see how much the error varies.

Beach 0.12 0.34 0.56 on the machine 0.78 0.91 0.23 with a GPU 0.45 software 0.67 0.89 code.
"""


def test_a_place_is_a_sentence_of_the_section_made_for_it() -> None:
    """Not of a part of related work, not of the introduction, and no row of a table."""
    paper = read_text(NESTED)
    places = {item.variable: item.place for item in advise(record(), paper)}
    for variable in ("software_dependencies", "hardware_specification", "open_source_code", "experiment_setup"):
        place = places[variable]
        assert place is not None
        assert place.section == "3 Experiments"
        assert str(place.after).startswith("We compare three sorters")


def test_a_theory_paper_is_not_told_where_to_put_its_data(paper: Paper) -> None:
    theory = record()
    theory.answers["research_type"] = Answer(result="theoretical")
    places = {item.variable: item.place for item in advise(theory, paper)}
    assert [name for name, place in places.items() if place] == ["pseudocode", "open_source_code"]


def test_drafts_use_the_names_of_the_paper() -> None:
    drafts = {item.variable: item.draft for item in advise(record(), read_text(UNFIT))}
    assert "BeachShells and ShoreNet" in drafts["open_datasets"]
    assert "Adam with learning rate" in drafts["experiment_setup"]
    assert "Python [version] and PyTorch [version]" in drafts["software_dependencies"]
    assert "[GPU model]" in drafts["hardware_specification"]


def test_a_near_miss_is_quoted_and_its_kind_said(paper: Paper) -> None:
    missed = record()
    start = paper.text.index("The code will be released")
    miss = NearMiss(
        quote="The code will be released upon acceptance of this paper.", page=None, start=start, kind="a promise"
    )
    missed.answers["open_source_code"] = Answer(result="no", near_miss=miss)
    item = next(item for item in advise(missed, paper) if item.variable == "open_source_code")
    assert item.shortfall == {"sentence": miss.quote, "page": None, "lacks": "It does not count: a promise."}
    assert item.place is not None
    assert item.place.start == start


def test_each_place_is_named_once(paper: Paper) -> None:
    advice = advise(record(), paper)
    groups = by_place(advice)
    places = [(place.section, place.after) for place, _ in groups if place]
    assert len(places) == len(set(places))
    assert sorted(item.variable for _, items in groups for item in items) == sorted(item.variable for item in advice)
