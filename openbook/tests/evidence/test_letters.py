"""Folding a text whole gives what folding each of its characters gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openbook.evidence.letters import fold, fold_character, letters_of


@given(st.text(alphabet=st.characters(), max_size=200))
def test_letters_and_their_origins(text: str) -> None:
    folded = fold(text)
    parts = [fold_character(character) for character in text]
    assert folded.letters == letters_of(text) == "".join(parts)
    assert folded.origin.tolist() == [place for place, part in enumerate(parts) for _ in part]


def test_what_stands_for_several_letters_and_for_none() -> None:
    folded = fold("Eﬃcient, 5½ — ㎏\ud800 é")
    assert folded.letters == "efficient5½kge"
    assert [folded.source[at] for at in folded.origin] == list("Eﬃﬃﬃcient5½㎏㎏é")
