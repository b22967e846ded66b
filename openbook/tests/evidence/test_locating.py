"""Where quotes are found, and where they must not be."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.benchmarks.stages import make_text
from openbook.evidence.letters import fold
from openbook.evidence.locating import Finder
from openbook.evidence.measuring import alter
from openbook.papers.paper import Page, Paper, Section
from openbook.papers.reading import read_text

TEXT = (
    "We trained the model for 5½ hours on a single A100 GPU. The learning rate was 3e-4 with a batch size of 128. "
    "We do not use data augmentation in any of these experiments, since it changes the distribution of the inputs. "
    "The effi\u00adcient imple-\nmentation of the ﬁrst layer follows Schr¨odinger’s “naïve” method — with 10−3 as tolerance. "
    "Algorithm 12 Pruned search over orderings. We split the 10,000 examples into 8,000 for training and 2,000 for "
    "testing. The regularization weight is set to 0.5 in all runs. All runs used 16 CPU cores of one machine."
)


def paper_of(text: str) -> Paper:
    middle = len(text) // 2
    return Paper(
        text=text,
        source="t",
        format="text",
        sha256="0" * 64,
        pages=[Page(1, 0, middle), Page(2, middle, len(text))],
        sections=[Section("Body", "body", 1, 0, middle), Section("References", "references", 1, middle, len(text))],
    )


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(paper_of(TEXT))


SYNTHETIC = read_text(make_text(7, pages=6))
FINDER = Finder(SYNTHETIC)
SENTENCES = [s for s in SYNTHETIC.sentences if s.kind == "text" and s.end - s.start >= 50]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(SENTENCES) - 1))
def test_a_sentence_of_the_paper_is_found_word_for_word(index: int) -> None:
    sentence = SENTENCES[index]
    place = FINDER.locate(SYNTHETIC.words(sentence))
    assert place is not None
    assert place.match == "exact"
    assert SYNTHETIC.text[place.start : place.end] == SYNTHETIC.words(sentence)
    assert place.start == sentence.start or SYNTHETIC.text.count(SYNTHETIC.words(sentence)) > 1


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(SENTENCES) - 1), st.randoms(use_true_random=False))
def test_spaces_case_and_line_ends_do_not_matter(index: int, rng: random.Random) -> None:
    sentence = SENTENCES[index]
    words = SYNTHETIC.words(sentence).split()
    changed = rng.choice(["  ", "\n", "\u00a0"]).join(words)
    place = FINDER.locate(changed.upper() if rng.random() < 0.5 else changed)
    assert place is not None
    assert place.match == "normalised"
    assert fold(SYNTHETIC.text[place.start : place.end]).letters == fold(changed).letters


@settings(deadline=None, max_examples=80)
@given(st.integers(0, len(SENTENCES) - 1), st.randoms(use_true_random=False))
def test_a_typo_is_fuzzy_and_another_claim_is_absent(index: int, rng: random.Random) -> None:
    text = SYNTHETIC.words(SENTENCES[index])
    typo = alter(text, "typo", [], rng)
    if typo is not None:
        place = FINDER.locate(typo)
        assert place is not None
        assert place.match in ("fuzzy", "normalised")
    for kind in ("number", "negation", "word"):
        changed = alter(text, kind, ["quizzically", "walrus", "xylophone"], rng)
        if changed is not None and changed not in SYNTHETIC.text:
            assert FINDER.locate(changed) is None, changed


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=300))
def test_any_text_gives_valid_offsets_or_is_absent(quote: str) -> None:
    for piece in FINDER.evidence(quote):
        if piece.match == "absent":
            assert piece.start is piece.end is piece.page is None
        else:
            assert piece.start is not None
            assert piece.end is not None
            assert 0 <= piece.start < piece.end <= len(SYNTHETIC.text)
            if piece.match == "exact":
                assert SYNTHETIC.text[piece.start : piece.end] == piece.quote


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_folding_keeps_the_way_back(text: str) -> None:
    folded = fold(text)
    assert len(folded.letters) == len(folded.origin)
    assert all(earlier <= later for earlier, later in zip(folded.origin, folded.origin[1:], strict=False))
    for index in range(len(folded.letters)):
        start, end = folded.span(index, index + 1)
        assert folded.letters[index] in fold(text[start:end]).letters


@pytest.mark.parametrize(
    ("quote", "match"),
    [
        ("We trained the model for 5½ hours on a single A100 GPU.", "exact"),
        ("“The learning rate was 3e-4 with a batch size of 128.”", "exact"),
        ("The efficient implementation of the first layer", "normalised"),
        ('follows Schrödinger\'s "naive" method - with 10-3 as tolerance', "normalised"),
        ("We split the 10000 examples into 8000 for training and 2000 for testing.", "normalised"),
        ("The lerning rate was 3e-4 with a batch size of 128.", "fuzzy"),
        ("We do not use data augmentation in any of the experiments, since it changes the distribution", "fuzzy"),
    ],
)
def test_found(finder: Finder, quote: str, match: str) -> None:
    place = finder.locate(quote)
    assert place is not None
    assert place.match == match


@pytest.mark.parametrize(
    "quote",
    [
        "5 hours",
        "We trained the model for 5 hours on a single A100 GPU.",
        "We trained the model for 51/2 hours on a single A100 GPU.",
        "The learning rate was 3e-5 with a batch size of 128.",
        "The learning rate was 3e4 with a batch size of 128.",
        "The learning rate was 3e-4 with a batch size of 256.",
        "We use data augmentation in any of these experiments, since it changes the distribution of the inputs.",
        "We trained the model for 5½ hours on a single H100 GPU.",
        "All runs used 16 GPU cores of one machine.",
        "All runs used 6 CPU cores of one machine.",
        "Algorithm 1",
        "Algorithm 2 Pruned search over orderings.",
        "The regularization weight is set to 0",
        "The regularization weight is set to 05 in all runs.",
        "The regularization weight is set to 5 in all runs.",
        "Our code is available at https://github.com/example/code.",
        "",
        "   ",
        "“”",
        "...",
    ],
)
def test_not_found(finder: Finder, quote: str) -> None:
    assert finder.locate(quote) is None
    assert all(piece.match == "absent" for piece in finder.evidence(quote))


def test_pieces_joined_by_an_ellipsis(finder: Finder) -> None:
    pieces = finder.evidence(
        "We trained the model for 5½ hours ... with a batch size of 128. [...] It flew to the moon."
    )
    assert [piece.match for piece in pieces] == ["exact", "exact", "absent"]
    assert pieces[2].quote == "It flew to the moon."


def test_an_interrupted_sentence_is_found_in_two_pieces() -> None:
    float_ = "Figure 3: Mean error over time for all of the compared methods on the held-out part of the data."
    text = f"The regularisation weight was chosen by grid search {float_} over the values one and two on held-out data."
    quote = "The regularisation weight was chosen by grid search over the values one and two on held-out data."
    pieces = Finder(paper_of(text)).evidence(quote)
    assert [piece.match for piece in pieces] == ["exact", "exact"]
    assert fold("".join(piece.quote for piece in pieces)).letters == fold(quote).letters


@pytest.mark.parametrize("left_out", ["not", "never"])
def test_a_sentence_without_its_not_is_absent(left_out: str) -> None:
    text = f"We have in all of our experiments {left_out} used the standard split of the collection of images."
    quote = "We have in all of our experiments used the standard split of the collection of images."
    assert all(piece.match == "absent" for piece in Finder(paper_of(text)).evidence(quote))


def test_page_and_part(finder: Finder) -> None:
    first = finder.evidence("We trained the model for 5½ hours on a single A100 GPU.")[0]
    last = finder.evidence("All runs used 16 CPU cores of one machine.")[0]
    assert (first.page, first.part) == (1, "body")
    assert (last.page, last.part) == (2, "references")


def test_a_lone_label_in_a_list_of_labels() -> None:
    text = f"Algorithm 1 Slow search for peaks\n\n{'Words of prose. ' * 9}\n\nAlgorithm 2 Fast search for peaks\n\nMore words."
    pieces = Finder(paper_of(text)).evidence("Algorithm 1 Slow search for peaks, Algorithm 2 Fast search for peaks")
    assert [piece.match for piece in pieces] == ["exact", "exact"]


def test_quotes_of_the_index_in_their_papers(index_data) -> None:  # type: ignore[no-untyped-def]
    """Two real papers: their quotes are found, and none of the other's."""
    import pyarrow.parquet as pq

    from openbook.evidence.measuring import measure, measure_elsewhere, quotes_of
    from openbook.papers.reading import read_paper

    folder = index_data.parent / "papers" / "pdf"
    paths = sorted(folder.glob("a*.pdf"))[:3]
    if len(paths) < 3:
        pytest.skip(f"no papers in {folder}")
    papers = {path.stem: read_paper(path) for path in paths}
    rows = pq.read_table(index_data / "records.parquet", filters=[("id", "in", list(papers))]).to_pylist()
    quotes = quotes_of(rows)
    assert quotes
    assert measure(quotes, papers).summary()["share_of_letters_found"] > 0.9
    elsewhere = measure_elsewhere(quotes, papers).summary()
    assert elsewhere["share_of_letters_found"] < 0.02
