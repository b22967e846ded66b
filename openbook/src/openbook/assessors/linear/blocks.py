"""The author block: what stands before the abstract, and whether it names companies, universities, or both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.sparse import vstack

from openbook.assessors.linear.corpus import Corpus
from openbook.assessors.linear.features import batches, build_vocabulary
from openbook.assessors.linear.layers import SentenceLayer, sigmoid
from openbook.assessors.linear.learning import fit_logistic
from openbook.papers.paper import Paper, Sentence

HEADS: Final = ("company", "university")
"""What the heads of the block layer score. Codes of the index: 0 universities only, 1 both, 2 companies only."""
_LONGEST: Final = 2500
_PROSE: Final = 7
_ABSTRACT: Final = re.compile(r"^\s*(?:\d\.?\s*)?(?:abstract|introduction|summary)\b", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"<EMAIL>|@|univers|institut|depart|college|laborator|research|school|inc\b|corp|ltd|labs?\b", re.IGNORECASE
)


def author_block(paper: Paper) -> list[Sentence]:
    """The sentences between the title and the abstract; empty where there are none.

    A block ends at the heading of the abstract or introduction, or with the first sentence that is prose: seven words
    or more, without an address, most of them in lower case.
    """
    block: list[Sentence] = []
    for sentence in paper.sentences:
        text = paper.words(sentence)
        if sentence.start > _LONGEST or _ABSTRACT.match(text):
            break
        found = text.split()
        small = sum(word[0].islower() for word in found)
        if block and len(found) >= _PROSE and 2 * small > len(found) and not _ADDRESS.search(text):
            break
        block.append(sentence)
    title = paper.title.strip()
    return [sentence for sentence in block if paper.words(sentence).strip() != title]


def fit_blocks(
    corpus: Corpus, penalty: float = 100.0, progress: Callable[[str], None] = lambda _: None
) -> SentenceLayer:
    """Two heads over quoted author blocks: does a company stand in it, does a university."""
    progress("author blocks")
    known = [place for place, code in enumerate(corpus.block_labels) if code in (0, 1, 2) and corpus.blocks[place]]
    texts = [corpus.blocks[place] for place in known]
    codes = corpus.block_labels[known]
    vocabulary = build_vocabulary(texts, least=5)
    rows = vstack([vocabulary.rows(batch) for batch in batches(texts, 2000)]).tocsr()
    alone = codes == 2
    # Blocks of companies alone are one in twenty: unweighted, the second head would hardly ever say no.
    rare = np.where(alone, (~alone).sum() / max(3 * alone.sum(), 1), 1.0)
    company = fit_logistic(rows, codes != 0, penalty, sparse=True)
    university = fit_logistic(rows, ~alone, penalty, rare, sparse=True)
    return SentenceLayer(
        vocabulary,
        np.array([company[0], university[0]], np.float32),
        np.array([company[1], university[1]], np.float32),
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
