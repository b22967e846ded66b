"""The author block: what stands before the abstract, and whether it names companies, universities, or both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np

from openbook.assessors.linear_corpus import Corpus
from openbook.assessors.linear_features import batches, build_vocabulary
from openbook.assessors.linear_layers import SentenceLayer, sigmoid
from openbook.assessors.linear_learning import fit_logistic
from openbook.papers.paper import Paper, Sentence

HEADS: Final = ("company", "university")
"""What the heads of the block layer score. Codes of the index: 0 universities only, 1 both, 2 companies only."""
_LONGEST: Final = 2500
_LONG_SENTENCE: Final = 28
_ABSTRACT: Final = re.compile(r"^\s*(?:\d\.?\s*)?(?:abstract|introduction|summary)\b", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"<EMAIL>|@|univers|institut|depart|college|laborator|research|school|inc\b|corp|ltd|labs?\b", re.IGNORECASE
)


def author_block(paper: Paper) -> list[Sentence]:
    """The sentences between the title and the abstract; empty where there are none.

    A block ends at the heading of the abstract or introduction, or at the first long sentence without an address.
    """
    block: list[Sentence] = []
    for sentence in paper.sentences:
        text = paper.words(sentence)
        if sentence.start > _LONGEST or _ABSTRACT.match(text):
            break
        if len(text.split()) >= _LONG_SENTENCE and not _ADDRESS.search(text):
            break
        block.append(sentence)
    title = paper.title.strip()
    return [sentence for sentence in block if paper.words(sentence).strip() != title]


def fit_blocks(corpus: Corpus, penalty: float = 3.0, progress: Callable[[str], None] = lambda _: None) -> SentenceLayer:
    """Two heads over quoted author blocks: does a company stand in it, does a university."""
    progress("author blocks")
    known = [place for place, code in enumerate(corpus.block_labels) if code in (0, 1, 2) and corpus.blocks[place]]
    texts = [corpus.blocks[place] for place in known]
    codes = corpus.block_labels[known]
    vocabulary = build_vocabulary(texts, least=5)
    from scipy.sparse import vstack

    rows = vstack([vocabulary.rows(batch) for batch in batches(texts, 2000)]).tocsr()
    fitted = [fit_logistic(rows, truth, penalty, sparse=True) for truth in (codes == 0, codes != 2)]
    return SentenceLayer(
        vocabulary,
        np.array([-fitted[0][0], fitted[1][0]], np.float32),
        np.array([-fitted[0][1], fitted[1][1]], np.float32),
    )


def affiliation(paper: Paper, layer: SentenceLayer) -> tuple[str, float, list[Sentence]]:
    """(result, probability that it is right, the sentences that say so)."""
    block = author_block(paper)
    if not block:
        return "unknown", 0.0, []
    texts = [paper.words(sentence) for sentence in block]
    whole = layer.scores(layer.vocabulary.rows([" ".join(texts)]))[0]
    if not any(_ADDRESS.search(text) for text in texts):
        return "unknown", 0.0, []
    company, university = sigmoid(whole[0]), sigmoid(whole[1])
    chances = {
        "academia": (1 - company) * university,
        "industry": company * (1 - university),
        "collaboration": company * university,
    }
    result = max(chances, key=lambda name: chances[name])
    single = layer.scores(layer.vocabulary.rows(texts))
    heads = {"academia": (1,), "industry": (0,), "collaboration": (0, 1)}[result]
    places = sorted({int(np.argmax(single[:, head])) for head in heads})
    return result, chances[result] / sum(chances.values()), [block[place] for place in places]
