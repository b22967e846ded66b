"""The sentences of a paper that an annotator should see for a variable: those with its telling words, in order."""

from __future__ import annotations

import re
from typing import Final

from openbook.papers.paper import Paper

_FRONT: Final = 1500
_CUES: Final = {
    "pseudocode": r"\balgorithm\s+\d|\bpseudo-?\s?code|\bprocedure\s+\d|\balgorithm\b",
    "open_source_code": r"git\s?(?:hub|lab)|bitbucket|zenodo|\b(?:source\s+)?code\b|\bopen[-\s]?sourc|\bimplementation\b|\brepository",
    "open_datasets": r"\bdata\s?-?sets?\b|\bbenchmarks?\b|\bcorpus|\bcorpora\b|\buci\b|\bmnist\b|\bcifar|imagenet|\bpublicly\b",
    "dataset_splits": r"\btrain(?:ing)?\b.{0,60}\b(?:test|validation|dev)|\bsplits?\b|cross[-\s]?validat|held[-\s]?out|\bfolds?\b|\d\s?%",
    "hardware_specification": r"\b(?:g|c|t)pus?\b|nvidia|intel|\bxeon\b|\bcores?\b|\bghz\b|\bram\b|\bmemory\b|\bcluster\b|tesla|\baws\b",
    "software_dependencies": r"\bversion\b|\bv?\d+\.\d+|python|pytorch|tensorflow|matlab|\bcuda\b|cplex|gurobi|scikit|\blibrar|\btoolbox",
    "experiment_setup": r"learning\s+rate|batch\s+size|\bepochs?\b|hyper-?\s?parameter|\boptimi[sz]er|\bdropout|\binitiali[sz]|\bset\s+to\b",
    "research_type": r"\bexperiment|\bempirical|\bevaluat|\btheorem\b|\bproof\b|\bwe\s+prove\b|\bresults\s+show",
    "affiliation": r"universit|institut|\blabs?\b|research|\binc\b|corporation|college|school|google|microsoft|\bltd\b|@",
}
_COMPILED: Final = {variable: re.compile(cue, re.IGNORECASE) for variable, cue in _CUES.items()}


def passages(paper: Paper, variable: str) -> list[tuple[int | None, str]]:
    """Page and words of each candidate, the densest in cues first; of the affiliation, only from the first page."""
    cue = _COMPILED[variable]
    found: list[tuple[int, int, int | None, str]] = []
    seen: set[str] = set()
    for place, sentence in enumerate(paper.sentences):
        if variable == "affiliation" and sentence.start > _FRONT:
            break
        if paper.part_at(sentence.start) == "references":
            continue
        words = " ".join(paper.words(sentence).split())
        hits = len({match.group(0).lower() for match in cue.finditer(words)})
        if hits and words not in seen:
            seen.add(words)
            found.append((-hits - (sentence.kind == "caption"), place, sentence.page, words))
    if variable == "affiliation" and not found:
        found.append((0, 0, 1 if paper.pages else None, " ".join(paper.text[:_FRONT].split())))
    return [(page, words) for _, _, page, words in sorted(found)]
