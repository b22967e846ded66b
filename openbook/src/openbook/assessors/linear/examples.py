"""Training examples: the statements of whole papers as rows, with labels from readers and from the index, and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix, vstack

from openbook.assessors.linear.corpus import UNKNOWN, Corpus, GoldSentence, LabelArray, OnMessage, gold_places, located
from openbook.assessors.linear.features import Floats, Ints
from openbook.assessors.linear.model import (
    Bools,
    SentenceLayer,
    may_prove,
    read_candidates,
    surely_proves,
    theory_features,
)
from openbook.assessors.linear.statements import WIDTH, Statement, context_rows, statements
from openbook.variables import SCORED


@dataclass(frozen=True)
class Settings:
    """How the layers are fitted. ``quotes``: papers of the index that lend quotes; a ``penalty`` is 1 / L2 strength.

    Weights of layer two's examples: a labelled sentence 1 (``unsure`` where its reader doubted), a quoted sentence of a
    whole paper ``quoted``, a sentence of a paper whose answer is no ``denied``, a sentence drawn at random ``random``.
    A paper documents a variable when a labelled sentence proves it, and does not when ``read_enough`` were read and none does.
    """

    quotes: int = 24000
    least: int = 8
    sentence_penalty: float = 1.0
    statement_penalty: float = 3.0
    paper_penalty: float = 0.1
    unsure: float = 0.4
    quoted: float = 0.15
    denied: float = 0.1
    random: float = 0.3
    index_weight: float = 0.5
    random_sentences: int = 10
    read_enough: int = 8
    kept_share: float = 0.2
    seed: int = 0


DEFAULTS: Final = Settings()


@dataclass(frozen=True)
class Examples:
    """The statements of all whole papers as rows; paper k has ``starts[k]:starts[k + 1]``.

    Per statement: ``labels`` and ``weights`` (statement, variable) for training, ``gold`` what its reader said, or
    ``UNKNOWN``; ``allowed`` what the rules let it prove and ``sure`` what they say it proves plainly; ``candidate`` whether the assessor would look at it; ``used``
    whether it is trained on. Per paper: ``theory`` features, ``proved`` (paper, variable): whether a labelled sentence
    proves the variable, ``UNKNOWN`` where none of its sentences were read. ``loose_*`` are the rows of labelled
    sentences whose papers are not given whole: they are trained on in every fold and measured in none.
    """

    items: list[Statement]
    rows: csr_matrix
    starts: Ints
    labels: LabelArray
    weights: Floats
    gold: LabelArray
    allowed: Bools
    sure: Bools
    candidate: Bools
    used: Bools
    theory: Floats
    proved: LabelArray
    loose_rows: csr_matrix | None = None
    loose_labels: LabelArray | None = None
    loose_weights: Floats | None = None

    @property
    def owner(self) -> Ints:
        """Which paper each statement is of."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def make_examples(
    corpus: Corpus, layer: SentenceLayer, settings: Settings = DEFAULTS, on_progress: OnMessage = lambda _: None
) -> Examples:
    """Candidates, labelled and quoted sentences of each whole paper, and a few at random, as rows with labels."""
    on_progress("reading sentences in their surroundings")
    random = np.random.default_rng(settings.seed)
    count = len(SCORED)
    whole: list[Statement] = []
    matrices, labels, weights, gold, allowed, plain, candidate, used, theory, starts = (
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [],
        [0],
    )
    proved = np.full((len(corpus.papers), count), UNKNOWN, np.int8)
    for number, paper in enumerate(corpus.papers):
        texts, scores, flags, keep, chosen = read_candidates(paper, layer)
        read = gold_places(texts, corpus.gold[number]) if corpus.gold[number] else {}
        row = corpus.quoted[number]
        index = located(row, texts)[:, :count] if row is not None else np.full((len(texts), count), UNKNOWN, np.int8)
        quoted = {int(place) for place in np.flatnonzero((index == 1).any(axis=1) & keep)}
        looked_at = {item.place for item in chosen}
        rest = [int(place) for place in np.flatnonzero(keep) if place not in looked_at | set(read) | quoted]
        drawn = set(random.permutation(rest)[: settings.random_sentences].tolist())
        places = sorted(looked_at | set(read) | quoted | drawn)
        items = statements(paper, places, texts)
        matrices.append(_context_matrix(items, scores[places]))
        mine = np.full((len(places), count), UNKNOWN, np.int8)
        for position, place in enumerate(places):
            if place in read:
                mine[position] = read[place].proves
        silver = index[places]
        label = np.where(mine != UNKNOWN, mine, silver).astype(np.int8)
        weight = np.where(silver == 1, settings.quoted, settings.denied)
        sure = np.array([1.0 if place not in read or read[place].sure else settings.unsure for place in places])
        weight = np.where(mine != UNKNOWN, sure[:, None], weight)
        easy = np.array([place in drawn for place in places])[:, None] & (label == UNKNOWN)
        label, weight = np.where(easy, 0, label), np.where(easy, settings.random, weight)
        hard = ((scores[places][:, :count] > 0) & (silver == 0)).any(axis=1)
        some = random.random((2, len(places)))
        used.append(
            (mine != UNKNOWN).any(axis=1)
            | (silver == 1).any(axis=1)
            | (some[0] < settings.kept_share)
            | (hard & (some[1] < 0.5))
        )
        if read:
            enough = (mine != UNKNOWN).sum(axis=0) >= settings.read_enough
            proved[number] = np.where((mine == 1).any(axis=0), 1, np.where(enough, 0, UNKNOWN))
        whole += items
        labels.append(label)
        weights.append(weight)
        gold.append(mine)
        allowed.append(np.stack([may_prove(item) for item in items]))
        plain.append(np.stack([surely_proves(item) for item in items]))
        candidate.append(np.array([place in looked_at for place in places]))
        theory.append(theory_features(scores, flags, keep))
        starts.append(len(whole))
    loose = [_loose_rows(mine, layer, settings) for mine in corpus.loose]
    return Examples(
        items=whole,
        rows=vstack(matrices).tocsr(),
        starts=np.array(starts, np.int64),
        labels=np.vstack(labels).astype(np.int8),
        weights=np.vstack(weights).astype(np.float32),
        gold=np.vstack(gold),
        allowed=np.vstack(allowed),
        sure=np.vstack(plain),
        candidate=np.concatenate(candidate),
        used=np.concatenate(used),
        theory=np.stack(theory),
        proved=proved,
        loose_rows=vstack([rows for rows, _, _ in loose]).tocsr() if loose else None,
        loose_labels=np.vstack([label for _, label, _ in loose]) if loose else None,
        loose_weights=np.vstack([weight for _, _, weight in loose]) if loose else None,
    )


def _loose_rows(
    mine: Sequence[GoldSentence], layer: SentenceLayer, settings: Settings
) -> tuple[csr_matrix, LabelArray, Floats]:
    """Rows, labels and weights of labelled sentences of one paper that is not given whole."""
    items = []
    for place, item in enumerate(mine):
        section, before, text, after = item.around or ("", "", "", "")
        items.append(Statement(place, 0, len(text), text, before, after, section, "body", "text", 0.5))
    scores = layer.scores(layer.vocabulary.rows([item.text for item in items]))
    labels = np.stack([item.proves for item in mine])
    weights = np.array([1.0 if item.sure else settings.unsure for item in mine], np.float32)
    return _context_matrix(items, scores), labels, np.repeat(weights[:, None], len(SCORED), axis=1)


def _context_matrix(items: Sequence[Statement], scores: Floats) -> csr_matrix:
    rows, columns, values = context_rows(items, scores)
    return csr_matrix((values, (rows, columns)), shape=(len(items), WIDTH))
