#!/usr/bin/env python3
"""Verify a certificate of a compiled program against the stored weights, without the program that wrote either.

    python tools/check_certificate.py CERTIFICATE MODEL

MODEL is a directory with ``model.safetensors`` and ``card.json``. This file uses numpy, safetensors and Python's own
library; it is meant to be read before it is believed.

What is verified
----------------
The model predicts the next token from earlier ones. For the sequence t_0 t_1 ..., the scores of token p are

    scores(p) = head @ sum over the blocks W of its row of  W @ embedding[t_(p - back)]

where the row says how far back each block reads. Rows 0 .. start - 1 are used once, one for each of the first tokens;
with a period, rows start .. start + period - 1 are used again and again (a row is then a phase of a loop). The first
``slots`` tokens are the prompt. The certificate says, for every row, which tokens can stand there, and for every
generated row which token is right: a number for each token that is read, their sum plus a constant, and the token that
this total demands. The claim is:

    Whatever prompt is made of the listed tokens, the model writes at every place the token that is demanded there,
    for any number of passes, until it writes a halting token.

The proof is by induction over places. Suppose all tokens so far are from the sets listed for their rows, and none of them
halts. A generated token reads earlier ones, and those are from the listed sets. For *every* combination of tokens from
these sets, this file computes the scores and finds that the demanded token has the highest, by a margin; and that all
tokens so demanded are in the set of the row. So the next token is the right one, and is from the set of its row again.
Nothing in this depends on how often the rows have been used before: it holds in every pass.

What has to be verified for that, in the order of this file: that certificate, card and weights belong together; that the
blocks read where the certificate says; that the sets that are read are those that can stand there; the combinations.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

WHOLE = 2**24  # all whole numbers up to this are exact in float32, whatever the order in which they are added
MOST = 2_000_000  # combinations of one row, after merging those that cannot be told apart


class Wrong(Exception):
    """Why the certificate is not accepted."""


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: check_certificate.py CERTIFICATE MODEL", file=sys.stderr)
        return 2
    try:
        certificate = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        model = Path(sys.argv[2])
        card = json.loads((model / "card.json").read_text(encoding="utf-8"))
        weights = load_file(model / "model.safetensors")
    except Exception as error:  # of files that are missing or damaged: they prove nothing
        print(f"NOT VERIFIED: the certificate or the model cannot be read: {error}")
        return 1
    try:
        belong_together(certificate, card, model, weights)
        blocks = blocks_of_rows(certificate, weights)
        standing = closed_sets(certificate, blocks)
        found = combinations(certificate, blocks, standing, weights)
    except Wrong as error:
        print(f"NOT VERIFIED: {error}")
        return 1
    except (KeyError, IndexError, TypeError, ValueError) as error:
        print(f"NOT VERIFIED: the certificate or the card is malformed: {error!r}")
        return 1
    rows = len(certificate["phases"]) - certificate["slots"]
    passes = "any number of passes" if certificate["period"] else "the whole chain"
    print(f"VERIFIED: {certificate['program']}: {rows} rows, {found:,} combinations of tokens, {passes};")
    print(f"the right token leads by at least {certificate['minimum_margin']:g} at every place, for every prompt.")
    return 0


# --- 1. certificate, card and weights belong together ---------------------------------------------------------------


def belong_together(certificate: dict, card: dict, model: Path, weights: dict) -> None:
    """The hashes, the format, and that card and certificate speak of one program and one layout of blocks."""
    if certificate["format"] != "arlearn certificate 1":
        raise Wrong(f"the format is {certificate['format']!r}; this file reads 'arlearn certificate 1'")
    digest = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    if digest != certificate["weights_sha256"]:
        raise Wrong(f"model.safetensors has the hash {digest}, the certificate is for {certificate['weights_sha256']}")
    program = card["task"]["configuration"]["program"]
    text = json.dumps(program, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(text.encode()).hexdigest() != certificate["program_sha256"]:
        raise Wrong("the card's program is not the one that the certificate is for: another hash")
    words = {alphabet["name"]: alphabet["words"] for alphabet in program["alphabets"]}
    for slot, phase in zip(program["slots"], certificate["phases"], strict=False):
        listed = {certificate["vocabulary"][token] for token in certificate["sets"][phase["tokens"]]}
        if listed != set(slot.get("only") or words[slot["alphabet"]]):
            raise Wrong(f"{name(phase)}: the prompt's tokens are not those that the program allows")
    halt = {certificate["vocabulary"][token] for token in certificate["halt"]}
    if halt != set(program.get("loop", {}).get("halt", [])) or certificate["slots"] != len(program["slots"]):
        raise Wrong("the program on the card halts at other words, or has another number of prompt tokens")
    if card["predictor"]["kind"] != "linear" or card["predictor"]["configuration"]["map"] != certificate["map"]:
        raise Wrong("the card says that the blocks read elsewhere than the certificate says")
    if sorted(weights) != ["embedding", "head", "map.weight"]:
        raise Wrong(f"the weights are {', '.join(sorted(weights))}; expected embedding, head and map.weight")
    if any(tensor.dtype != np.float32 for tensor in weights.values()):
        raise Wrong("the weights are not all float32")
    if not all(np.array_equal(tensor, np.rint(tensor)) for tensor in weights.values()):
        raise Wrong("not all weights are whole numbers, so sums of them may be rounded")
    if not len(weights["embedding"]) == len(weights["head"]) == len(certificate["vocabulary"]):
        raise Wrong("the weights have another number of tokens than the certificate")


# --- 2. the blocks read where the certificate says -------------------------------------------------------------------


def blocks_of_rows(certificate: dict, weights: dict) -> list[dict[int, np.ndarray]]:
    """For every row: back -> block W (outputs, inputs). A row's token p is scored by the map's output p - 1."""
    kind, layout = certificate["map"]["kind"], certificate["map"]["configuration"]
    start, period, stored = certificate["start"], certificate["period"], weights["map.weight"].astype(np.float64)
    rows: list[dict[int, np.ndarray]] = [{} for _ in range(start + period)]
    if kind == "blocks" and period == 0:  # block i is W[to, from] for the i-th pair
        for (to, frm), block in zip(layout["blocks"], stored, strict=True):
            if to + 1 < start:
                rows[to + 1][to + 1 - frm] = block
    elif kind == "periodic" and period > 0:  # (row of the output, distance, number of the block)
        if (layout["start"], layout["period"]) != (start - 1, period):
            raise Wrong("the map repeats otherwise than the certificate says")
        for row, distance, number in layout["reads"]:
            if distance > row:
                raise Wrong(f"row {row + 1} reads before the first token")
            rows[row + 1][distance + 1] = stored[number]
    else:
        raise Wrong(f"a map of kind {kind!r} with the period {period} is not one that this file knows")
    if len(certificate["phases"]) != start + period or not 1 <= certificate["slots"] <= start:
        raise Wrong("the certificate does not list every row")
    for row, phase in enumerate(certificate["phases"][certificate["slots"] :], certificate["slots"]):
        unlisted = set(rows[row]) - {read["back"] for read in phase["reads"]}
        if unlisted:
            raise Wrong(
                f"{name(phase)}: the weights read {sorted(unlisted)} tokens back, the certificate does not say so"
            )
    return rows


def name(phase: dict) -> str:
    return f"phase {phase['name']}"


# --- 3. the sets that are read are those that can stand there --------------------------------------------------------


def closed_sets(certificate: dict, blocks: list) -> list[list[list[int]]]:
    """For every row, the set of each of its reads, after comparing it with what the rows read can have written."""
    phases, start, period = certificate["phases"], certificate["start"], certificate["period"]
    sets, halt = certificate["sets"], set(certificate["halt"])
    found = []
    for row, phase in enumerate(phases):
        backs = [read["back"] for read in phase.get("reads", [])]
        if len(set(backs)) != len(backs) or any(not 1 <= back <= row for back in backs):
            raise Wrong(f"{name(phase)} reads a place twice, or one that does not exist")
        for read in phase.get("reads", []):
            possible: set[int] = set()
            place = row - read["back"]
            while True:  # in the first pass a loop reads before itself, later in the pass before
                inside = start + (place - start) % period if place >= start else place
                possible |= set(sets[phases[inside]["tokens"]]) - halt
                if row < start or place >= start:
                    break
                place += period
            if possible != set(sets[read["tokens"]]):
                differs = sorted(possible ^ set(sets[read["tokens"]]))[:5]
                words = ", ".join(repr(certificate["vocabulary"][token]) for token in differs)
                raise Wrong(f"{name(phase)}: what can stand {read['back']} tokens back is not what is listed: {words}")
        found.append([sets[read["tokens"]] for read in phase.get("reads", [])])
    return found


# --- 4. every combination of tokens that can be read -----------------------------------------------------------------


def combinations(certificate: dict, blocks: list, standing: list, weights: dict) -> int:
    """Whether the demanded token has the highest score for each; how many combinations there were."""
    embedding, head = weights["embedding"].astype(np.float64), weights["head"].astype(np.float64)
    least, count = float("inf"), 0
    known: dict[str, tuple[float, set, int]] = {}  # rows that are equal in everything need not be computed twice
    for row, phase in enumerate(certificate["phases"]):
        if row < certificate["slots"]:
            continue
        rule = certificate["rules"][phase["rule"]]
        reads = [
            (read, tokens, blocks[row].get(read["back"]))
            for read, tokens in zip(phase["reads"], standing[row], strict=True)
        ]
        key = repr(
            (phase["rule"], [(r["tokens"], r.get("table"), None if b is None else b.tobytes()) for r, _, b in reads])
        )
        if key not in known:
            known[key] = one_row(phase, rule, reads, certificate["tables"], embedding, head)
        margin, demanded, combined = known[key]
        if demanded != set(certificate["sets"][phase["tokens"]]):
            raise Wrong(f"{name(phase)}: the tokens that it can write are not those that are listed")
        if (float("inf") if phase["margin"] is None else phase["margin"]) != margin:
            raise Wrong(f"{name(phase)}: the margin is {margin:g}, the certificate says {phase['margin']}")
        least, count = min(least, margin), count + combined
    if least != certificate["minimum_margin"]:
        raise Wrong(f"the least margin is {least:g}, the certificate says {certificate['minimum_margin']:g}")
    return count


def one_row(phase: dict, rule: dict, reads: list, tables: list, embedding: np.ndarray, head: np.ndarray) -> tuple:
    """(least margin, tokens demanded, combinations) of one row; raises Wrong if the demanded token does not lead.

    Each token that is read adds a vector to the features and a number to the total. Combinations that agree in both sums
    go on alike, so they are merged as the reads are added one by one; none is left out.
    """
    features, total, combined = np.zeros((1, head.shape[1])), np.array([rule["constant"]], dtype=np.int64), 1
    bound = np.zeros(head.shape[1])
    for read, tokens, block in reads:
        if not tokens:
            return float("inf"), set(), 0  # nothing can stand there: the row is never reached
        vectors = np.zeros((len(tokens), head.shape[1])) if block is None else embedding[tokens] @ block.T
        numbers = np.zeros(len(tokens), dtype=np.int64)
        if "table" in read:
            table = tables[read["table"]]
            if [token for token, _ in table] != tokens:
                raise Wrong(f"{name(phase)}: a table is not for the tokens that can be read")
            numbers = np.array([number for _, number in table], dtype=np.int64)
        bound += np.abs(vectors).max(axis=0)
        vectors, numbers = merged(vectors, numbers)
        if len(total) * len(numbers) > MOST:
            raise Wrong(f"{name(phase)}: more than {MOST} combinations")
        features, total = merged(
            (features[:, None] + vectors).reshape(-1, head.shape[1]), (total[:, None] + numbers).reshape(-1)
        )
        combined *= len(tokens)
    if max(bound.max(), (np.abs(head) @ bound).max()) > WHOLE:
        raise Wrong(f"{name(phase)}: sums can be too large to be exact in float32")
    demands = dict(rule["demands"])
    if set(total.tolist()) != set(demands):
        raise Wrong(f"{name(phase)}: the totals that can occur are not those for which a token is demanded")
    right = np.array([demands[each] for each in total.tolist()])
    if not ((right >= 0) & (right < len(head))).all():
        raise Wrong(f"{name(phase)}: a token is demanded that does not exist")
    margin = float("inf")
    for begin in range(0, len(total), 4096):
        part = slice(begin, begin + 4096)
        scores = features[part] @ head.T
        places = np.arange(len(scores)), right[part]
        best = scores[places]
        scores[places] = -np.inf
        margin = min(margin, float((best - scores.max(axis=1)).min()))
    if margin <= 0:
        raise Wrong(f"{name(phase)}: the right token does not have the highest score (margin {margin:g})")
    return margin, set(right.tolist()), combined


def merged(features: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of features and numbers together."""
    if np.abs(numbers).max(initial=0) >= 2**53:
        raise Wrong("a table has numbers that are too large to be told apart")
    both = np.concatenate([features, numbers[:, None].astype(np.float64)], axis=1)
    kept = np.unique(both, axis=0, return_index=True)[1]
    return features[kept], numbers[kept]


if __name__ == "__main__":
    sys.exit(main())
