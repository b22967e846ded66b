"""What a sentence states about code, software, hardware and data, read by rules: who did it, whether it is done, with what numbers.

The learned scores say how much a sentence sounds like a proof. These rules say whether it can be one: software needs a
name with a version, hardware a model or numbers, code a release that is the authors' own and has taken place. A sentence
that fails its rule is never a yes, however it sounds; the rule that it fails names the kind of its near miss.

All patterns are searched in plain text: lower case for words, the original spelling where capitals matter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from openbook.assessors.linear.named_tools import (
    MACHINE_KIND,
    FilteredPattern,
    hardware_models,
    letter_runs,
    names_software,
    software_versions,
)

_ONLY_SUCH_AS: Final = FilteredPattern(
    r"\b(?:such as|like|e\.g\.,?|for example,?|including|suits?|designed for|available on|modern|recent|consumer|typical|compared to|unlike)\b[^.]{0,40}$",
    re.IGNORECASE,
)
_RAN: Final = re.compile(
    r"\b(?:run|ran|runs|running|performed|conducted|executed|execut\w+|train(?:ed|ing|s)?|carried out|implemented|tim(?:ed|ings?)|tested|evaluated|experiments?|simulat\w+|us(?:e|ed|ing)|utili[sz]\w+|takes?|took|computed?|computations?|measured?|measurements?|equipped|hours?|days?|minutes?|seconds?|machine|hardware|resources?|finetun\w+|fine-tun\w+|infrastructure|runtime|wall-?clock|on (?:a|an|one|two|four|eight|\d+))\b",
    re.IGNORECASE,
)
_OTHERS_RAN: Final = FilteredPattern(
    r"\b(?:et al\.?|their|they|authors of|reported (?:by|in)|prior work|previous work|original (?:paper|work))\b[^.]{0,80}\b(?:us(?:e|ed|es|ing)|train\w*|requir\w*|took|takes?|report\w*)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def hardware_only_mentioned(text: str) -> bool:
    """Whether every machine of the sentence is an example or someone else's: "GPUs such as the A100"."""
    models = hardware_models(text)
    if not models:
        return False
    if _OTHERS_RAN.search(text) and not re.search(
        r"\b(?:we|our|all (?:the )?(?:experiments|models|methods))\b", text, re.IGNORECASE
    ):
        return True
    return all(_ONLY_SUCH_AS.search(text[: text.find(model)]) for model in models) and not re.search(
        r"\b(?:we|our|experiments? (?:were|was|are)|trained|ran|performed)\b", text, re.IGNORECASE
    )


# ---------------------------------------------------------------------------------------------- code

_CODE: Final = r"(?:source[ -]?codes?|codes?|code[ -]?bases?|implementations?|softwares?|scripts?|repositor(?:y|ies)|repos?|notebooks?|toolbox(?:es)?|toolkits?|packages?|library|libraries|programs?|demos?|supplementary code|github|open[ -]?sourced?)"
_CODE_WORD: Final = FilteredPattern(rf"\b{_CODE}\b|\bcode\b", re.IGNORECASE)
_LINK: Final = FilteredPattern(
    r"https?\s?:|www\s?\.|\bgit ?hub\b|\bgit ?lab\b|\bbitbucket\b|\bsourceforge\b|\bzenodo\b|\bcodeocean\b|\bosf\.io|\banonymous\.4open|\bhugging ?face\.co|\bfigshare\b|\bcran\b|\bpypi\b|\bcodalab\b|\bcode\.google\b|@url",
    re.IGNORECASE,
)
CODE_HOST: Final = FilteredPattern(
    r"\bgit\s?hub\s?\.|\bgit\s?lab|\bbitbucket\s?\.|sourceforge\.net|code\.google|codeocean|anonymous\.4open|codalab",
    re.IGNORECASE,
)
_RELEASED: Final = FilteredPattern(
    r"\b(?:available|releas(?:e|ed|ing)|open[- ]?sourc(?:e|ed|ing)|publish(?:ed)?|provid(?:e|ed)|shar(?:e|ed|ing)|accessible|accessed|download\w*|host(?:ed)?|found|includ(?:e|ed)|attach(?:ed)?|submitted|supplied|accompan\w+|public(?:ly)?|online|deposited|obtained|contained|given|at https?|maintain|made|part of|comes with|ships with)\b",
    re.IGNORECASE,
)
_PROMISE: Final = FilteredPattern(
    r"\b(?:will|shall|'ll|would)\s(?:\w+\s){0,3}?(?:be|make|release|open|publish|provide|share|upload|host|post|include|put)\b|\bgoing to (?:release|publish|share|open)|\b(?:up)?on (?:paper )?(?:acceptance|publication)|\bafter (?:acceptance|publication|the review|the anonym\w+|review)|\bonce (?:the )?(?:paper|manuscript|work|it|this|accepted|published)|\bplan(?:s|ning)? to\b|\bintend to\b|\bto be (?:released|published|made|open)|\bforthcoming\b|\bwhen (?:the paper|accepted|published)|\bcoming soon\b|\bsoon\b|\bif accepted|\bin the (?:near )?future\b|\bcamera-?ready\b|\bconsider(?:ing)? (?:releas|open)",
    re.IGNORECASE,
)
_REQUEST: Final = FilteredPattern(
    r"\b(?:up)?on (?:reasonable |email |e-mail |written |any )?(?:requests?|demand)\b|\bby (?:contacting|e-?mail\w*|writing to)|\bcontact(?:ing)? the (?:first |corresponding |lead )?authors?|\brequest(?:ed)? from the\b|\bfrom the (?:first |corresponding |lead )?authors?\b(?:\s(?:up)?on)?",
    re.IGNORECASE,
)
_NEGATED: Final = FilteredPattern(
    r"\b(?:not|n't|never|cannot|neither|nor)\s(?:\w+\s){0,3}?(?:available|releas\w+|public\w*|open\w*|provid\w+|shar\w+|accessible|publish\w*|includ\w+|disclos\w+|distribut\w+)\b|\bunavailable\b|\bno (?:public |official |open |open-source |source |available )*(?:codes?|implementations?|software)\b|\bwithout (?:releas|public|open|source|code|access)|\b(?:unable|not able|not allowed|not permitted) to (?:releas|shar|publish|provid|open)|\bproprietary\b|\bclosed[- ]source\b|\bcannot be (?:shared|released|made)|\bcould not find\b|\bdid not (?:open|release|provide|publish)|\bdoes not (?:provide|include|release)|\black of (?:public|open|code)",
    re.IGNORECASE,
)
_NO_PROGRAM: Final = FilteredPattern(
    r"\bcodes? of (?:ethics|conduct|practice|honou?r|law)\b|\bdress code|\bbar ?code|\bpseudo-?\s?code|\bzip code|\bmorse code|\b(?:error|channel|linear|binary|sparse|hash|output|block|cyclic|hamming|correcting|gray|huffman|polar|ldpc|icd(?:-\d+)?|billing|diagnosis|country|postal|color|area|penal|civil|tax|legal|building|genetic|neural|population|spike|predictive|product|residual|latent|discrete|visual|local|quantization|length|prefix) codes?\b|\bcode(?:book|word|word)s?\b|\bcode (?:length|dimension|distance|vector|size|rate|space)",
    re.IGNORECASE,
)
_DETAILS: Final = FilteredPattern(
    r"\b(?:model |algorithm(?:ic)? |full |more |further |some |additional )*implementation(?:al)? (?:details?|notes?|choices?|and setup|and hyper\w+)\b"
    r"|\b(?:details?|outline|description|discussion|overview|efficiency|complexity) (?:of|on|about) (?:the |our |its )?(?:\w+ )?implementations?\b",
    re.IGNORECASE,
)
_OWN_CODE: Final = FilteredPattern(
    rf"\b(?:our|my)\s(?:[\w+#’'-]+\s){{0,4}}?{_CODE}\b|\bwe (?:also |are |have |hereby |now |therefore |further )*(?:releas\w+|provide|open[- ]?sourc\w+|publish\w*|share|make|made)\b|\bthis (?:paper|work)\b"
    rf"|\b{_CODE}\s(?:of|for) (?:our|this|the proposed)\b|\baccompany\w*\b|\breproduc\w+|\b(?:can|could|may) be (?:found|accessed|downloaded|obtained)"
    r"|\bus(?:ing|e) the (?:\w+ )?code (?:at|in|from|under) (?:https?|www|git|the supp)",
    re.IGNORECASE,
)
_MARK: Final = re.compile(r"^\W*(?:\d{1,2}|[a-z](?=[A-Z]))(?=[A-Za-z])")
_OWN: Final = re.compile(
    r"\b(?:our|my|we|us|the authors'? (?:of this)|this (?:paper|work|article|study|project|repository)|the (?:present|proposed|accompanying) (?:paper|work|method|algorithm|approach)|proposed|accompanying|reproduc\w*|replicat\w*|(?:all|these|the|this) (?:the )?(?:experiments?|results|figures|simulations?|methods?|algorithms?))\b",
    re.IGNORECASE,
)
_OTHERS: Final = FilteredPattern(
    r"\b(?:their|his|her|its authors'?|the authors'|authors'|authors (?:of|original)|official|original|third-party|competing|competitors?'?|baselines?'?|existing|publicly[- ]available|public|open[- ]?sourced?|off-the-shelf|standard|popular)\s(?:\w+\s){0,2}?(?:source[ -]?codes?|codes?|code[ -]?bases?|implementations?|software|packages?|libraries|library|repositor(?:y|ies)|toolbox|releases?)\b"
    r"|\b(?:codes?|implementations?|software|packages?|repository|code[ -]?base|library|toolbox)\s(?:\w+\s){0,4}?(?:provided|released|published|shared|written|developed|maintained|made available|made public|supplied|offered|given|available)\s(?:\w+\s){0,2}?(?:by|from)\s(?:the\s)?(?:\w+\s){0,3}?(?:authors?|creators?|developers?|[A-Z]\w+|\[|\(|others|@citation)"
    r"|\b(?:provided|released|published|shared|obtained|downloaded|taken) (?:by|from) (?:the|their) (?:original )?(?:authors?|respective)"
    r"|\b(?:us(?:e|ed|es|ing)|adopt\w*|employ\w*|ran|run|borrow\w*|follow\w*|adapt\w*|modif\w+|build|built|based|rel(?:y|ied)|download\w*|took|take|taken|obtained|leverag\w+|utili[sz]\w+|from|with|via)\s(?:\w+\s){0,2}?(?:the|an?|their|his|these|those|some|several|available)\s(?:[\w'’-]+\s){0,5}?(?:source[ -]?codes?|codes?|code[ -]?bases?|implementations?|software|packages?|library|libraries|repositor(?:y|ies)|toolbox|toolkit|framework)\b"
    r"|\b(?:codes?|implementations?|code[ -]?base|repository|software|package)\s(?:of|by|from|for)\s(?:the\s)?(?:\w+\s){0,3}?(?:\(?[A-Z][\w-]+ (?:et al|and|&)|\[\d|\[[A-Z]|\([A-Z][\w-]+|baselines?|competitors?|other methods|compet\w+|previous|prior|existing)"
    r"|\b(?:baselines?|competing methods|competitors|other methods|comparison methods|compared methods|prior methods)\b[^.]{0,80}\b(?:codes?|implementations?)\b",
)
CODE_RELEASE: Final = FilteredPattern(
    rf"\bwe\s(?:\w+\s){{0,2}}?(?:releas\w*|provid\w*|open[- ]?sourc\w*|shar\w*|publish\w*|includ\w*|attach\w*|make|made|submit\w*|host\w*|upload\w*|suppl\w+)\b(?:\s[\w’'()/,.-]+){{0,12}}?\s?{_CODE}\b"
    rf"|\b(?:our|my)\s(?:[\w+#’'-]+\s){{0,4}}?{_CODE}\b"
    rf"|\b{_CODE}\s(?:\w+\s){{0,4}}?(?:of|for|to|used|that|in)\s(?:[\w’'-]+\s){{0,6}}?(?:this|our|all|the (?:experiments?|results|paper|proposed|figures|simulations?|algorithms?|methods?)|reproduc\w+|replicat\w+|experiments|figures|results|simulations|these)\b"
    rf"|\breproduc\w+\b[^.]{{0,60}}\b{_CODE}\b|\baccompanying (?:\w+ ){{0,3}}{_CODE}\b|^\W*(?:\d{{1,2}}|[a-z*†‡])?\s?(?:all |the |full |source |complete |python |r |matlab )*{_CODE}\b[^.]{{0,60}}\b(?:available|at|on|in|here|found|provided|released|accessible|online|public|is|are)\b"
    rf"|\b{_CODE}\b(?:\s\w+){{0,3}}?\s(?:is|are|can be|has been|have been)\s(?:\w+\s){{0,3}}?(?:available|released|found|provided|open[- ]?sourced?|accessible|accessed|included|hosted|downloaded|published|submitted|shared|public|part of|attached|online|obtained|at|on|here)\b",
    re.IGNORECASE,
)
_SUPPLEMENT: Final = FilteredPattern(
    r"\bsupplement\w*\b|\bsupp\.|\bappendi(?:x|ces)\b|\battached\b|\b(?:zip|archive)\b|\bancillary\b", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def code_claim(text: str) -> str | None:
    """What a sentence says about code, or None when it says nothing about it.

    ``own``: released by the authors; ``promise``, ``on request``, ``not available``, ``others' code``; ``link``: an address
    of a code host and nothing that says whose.
    """
    text = _MARK.sub("", text)
    coded = _CODE_WORD.search(text)
    if not coded and not CODE_HOST.search(text):
        return None
    if _NO_PROGRAM.search(text) and not CODE_HOST.search(text):
        return None
    text = _DETAILS.sub("details", text)
    coded, linked = _CODE_WORD.search(text), _LINK.search(text)
    if not coded and not (linked and CODE_HOST.search(text)):
        return None
    provides = bool(CODE_RELEASE.search(text))
    if _NEGATED.search(text) and coded:
        return "not available" if _RELEASED.search(text) or "proprietary" in text.lower() else None
    if _REQUEST.search(text) and _RELEASED.search(text):
        return "on request"
    if _PROMISE.search(text) and (_RELEASED.search(text) or coded):
        return "promise"
    if _OTHERS.search(text) and not _OWN_CODE.search(text):
        return "others' code"
    if provides and (linked or _RELEASED.search(text) or _SUPPLEMENT.search(text)):
        return "own"
    if linked and CODE_HOST.search(text):
        return "link"
    return "mention" if _RELEASED.search(text) else None


# ---------------------------------------------------------------------------------------------- pseudocode

CAPTION: Final = FilteredPattern(
    r"^\W*(?:algorithm|procedure|alg\.|pseudo-?code|listing)\s+(?:[A-Z]\.?)?\d+(?:\.\d+)*\s*[.:]?\s*\S", re.IGNORECASE
)
LINES: Final = re.compile(
    r"^\W*\d{1,2}:\s|\bend (?:for|if|while|procedure|function)\b|\b(?:input|output|require|ensure)s?\s?:|\bfor\b.{1,60}\bdo\b|\bwhile\b.{1,60}\bdo\b|\breturn\b.{0,40}\bend\b",
    re.IGNORECASE,
)
POINTER: Final = FilteredPattern(r"\b(?:pseudo-?\s?code|algorithm\s+\d|alg\.\s*\d|procedure\s+\d)", re.IGNORECASE)
_CAPTION_VERB: Final = FilteredPattern(
    r"^\W*(?:algorithm|procedure|alg\.|listing)\s+(?:[A-Z]\.?)?\d+(?:\.\d+)*\s*(?:is|are|with|can|has|we|and|in|to|for|on|of|as|which|that|does|converges|terminates|outputs|requires|uses|runs|computes|satisfies|returns|achieves|finds|produces|was|will|using|by|at|from|also|then|after|where|when|if|or|until|line|starts|maintains|reveals|evaluates|works|Algorithm|takes|guarantees|performs|provides|gives|shows|describes|summari[sz]es)\b"
)
_ELSEWHERE_BLOCK: Final = FilteredPattern(
    r"\balgorithm\s+\d+\s(?:of|in|from|by)\s(?:our (?:earlier|previous)|the (?:earlier|original|previous)|their|\[|\(|[A-Z]\w+ et al)",
    re.IGNORECASE,
)

# ---------------------------------------------------------------------------------------------- data, splits, setup

SYNTHETIC: Final = FilteredPattern(
    r"\bsynthetic|\bsimulat\w+|\b(?:randomly |artificially )?generat(?:e|ed|ing) (?:\w+ ){0,4}(?:data|samples|points|instances|graphs)|\btoy (?:data|example|problem)|\bartificial (?:data|examples?)|\bdraw(?:n)? (?:\w+ ){0,4}(?:points|samples|from)",
    re.IGNORECASE,
)
PRIVATE: Final = FilteredPattern(
    r"\bproprietary\b|\bin-house\b|\binternal (?:data|logs)|\bprivate data|\bconfidential\b|\bclick logs?\b|\bnot (?:publicly )?available\b|\bour own data\b|\bwe collect(?:ed)?\b",
    re.IGNORECASE,
)
#: Privacy as a paper's subject, which restricts nobody's access to its data.
_PRIVACY: Final = FilteredPattern(r"\bprivacy\b|\bprivately\b|\bprivate (?:learning|training|model)", re.IGNORECASE)
DATA_WORD: Final = FilteredPattern(
    r"\bdata ?-?sets?\b|\bcorpus\b|\bcorpora\b|\bbenchmarks?\b|\bdata ?base\b|\bdata\b", re.IGNORECASE
)
SPLIT_WORD: Final = FilteredPattern(
    r"\b(?:train\w*|test\w*|validation|held-? ?out|hold-? ?out|development|dev)\s(?:sets?|data|splits?|partitions?|samples|examples|instances|images|points)\b|\bcross-?\s?validat\w*|\bsplits?\b|\bpartition\w*\b[^.]{0,30}\bdata\b|\bdata\b[^.]{0,30}\bpartition\w*\b",
    re.IGNORECASE,
)
ELSEWHERE: Final = FilteredPattern(
    r"\b(?:details?|settings?|hyper-?\s?parameters?|parameters?|configurations?|setup|architectures?)\b[^.]{0,90}\b(?:in|see|to) (?:the |our )?(?:appendix|appendices|app\.|supplement\w*|section|table|original|\[|\()|\b(?:same|default|standard|original) (?:\w+ ){0,2}(?:settings?|hyper-?\s?parameters?|parameters|configuration|setup|values)\b|\b(?:tuned|chosen|selected) (?:by|via|using|on|with)\b|\b(?:settings?|hyper-?\s?parameters?|parameters?|configurations?|setup) (?:of|from|used (?:in|by)|as in|reported (?:in|by)|recommended (?:in|by)|suggested (?:in|by)) (?:the )?(?:original|authors?|earlier|previous|\[|\()",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|hundred|thousand|zero|adam\w*|sgd|rmsprop|adagrad|lbfgs|l-bfgs|relu|gaussian|xavier|glorot|he initiali[sz]ation|uniform|uniformly|rbf|cosine|nesterov|half|until|converge\w*)\b",
    re.IGNORECASE,
)


_NO_VALUE: Final = re.compile(
    r"\[[^\]]*[A-Za-z][^\]]*\]|\([^()]*(?:19|20)\d\d[^()]*\)|\b(?:[Ss]ection|[Ss]ec\.|[Ff]igure|[Ff]ig\.|[Tt]able|[Aa]ppendix|[Ee]q\.|[Ee]quation|Algorithm|[Tt]heorem|[Ll]emma)s?\s?\(?(?:\d{1,2}|[A-Z])\b[\d.]*\)?"
)


@lru_cache(maxsize=4096)
def gives_value(text: str) -> bool:
    """Whether a sentence holds a number or a named choice that a run could be set up with (citations do not count)."""
    bare = _NO_VALUE.sub(" ", text)
    return bool(_VALUE.search(bare))


_SIZES: Final = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half|halves|evenly|tenfold|fivefold|size|third|thirds|fifth|quarter|equal|equally|leave-? ?one-? ?out|standard"
    r"|official|predefined|provided|same|original|default|public|given|suggested|fold|folds|remaining|split of|splits of|splits? from|following|follow)\b",
    re.IGNORECASE,
)
_HINT_RUNS: Final = frozenset(
    """
    github gitlab bitbucket sourceforge zenodo codalab code codes codebase opensource version versions ver release nvidia
    geforce tesla quadro rtx gtx tpu tpus intel xeon amd epyc ghz mhz ram macbook xlarge algorithm pseudocode pseudo python
    cuda pytorch tensorflow matlab gcc
    """.split()
)
_HINT: Final = re.compile(
    r"\b\d+ (?:[AHV]\d{3}s?)|\b[AHVPKL]\d{2,3}s?\b.{0,25}(?:GPU|hour|day)|[A-Za-z][ -]\d+\.\d+\.\d|\bR \d\.\d|\bv\d+\.\d"
)
_NUMBERED: Final = re.compile(r"[AHVPKL]\d\d|\d\.\d")
_OWN_HINT: Final = re.compile(r"open[- ]sourc|\b[Oo]ur implementation")


def hinted(text: str) -> bool:
    """Whether any of the rules may see something in a sentence: a quick test before the slow ones."""
    if letter_runs(text) & _HINT_RUNS:
        return True
    if ("open" in text or "ur implementation" in text) and _OWN_HINT.search(text):
        return True
    return bool(_NUMBERED.search(text) and _HINT.search(text))


def may_prove(variable: str, text: str, whole: str = "", caller: str = "") -> bool:
    """Whether a sentence can prove a variable by itself at all. ``whole`` adds its footnote and hidden links.

    >>> may_prove("software_dependencies", "We implemented our models in PyTorch.")
    False
    """
    if variable == "software_dependencies":
        return bool(software_versions(text))
    if variable == "hardware_specification":
        return bool(hardware_models(text)) and not hardware_only_mentioned(text)
    if variable == "open_source_code":
        claim = code_claim(text)
        if claim in ("promise", "on request", "not available", "others' code"):
            return False
        if claim == "link":  # an address alone proves only where the sentence that calls it speaks of the authors' code
            return bool(caller) and code_claim(caller) in ("own", "mention")
        return (
            claim is not None
            or bool(whole and whole != text and code_claim(whole) == "own")
            or bool(_LINK.search(text) and caller and code_claim(caller) in ("own", "mention"))
        )
    if variable == "dataset_splits":
        return bool(_SIZES.search(text))
    if variable == "experiment_setup":
        return gives_value(text) or not ELSEWHERE.search(text)
    if variable == "pseudocode":
        return not _ELSEWHERE_BLOCK.search(text)
    return not (_SECRET.search(text) and not re.search(r"\bpublic", text, re.IGNORECASE))


_SECRET: Final = FilteredPattern(
    r"\bproprietary\b|\bin-house\b|\binternal (?:data|logs)|\bprivate data|\bconfidential\b|\bclick logs?\b|\bnot (?:publicly )?available\b",
    re.IGNORECASE,
)


_FOLDS: Final = FilteredPattern(
    r"\b(?:\d+|two|three|four|five|ten|twenty)[\s-]?folds?\s(?:\w+\s)?(?:cross|cv\b)|\bleave-? ?one-? ?out (?:cross|cv\b)|\b(?:we|our)\b[^.]{0,60}\b(?:official|standard|predefined|provided|original|default|public|canonical)\s(?:\w+[\s/,-]+){0,5}?(?:splits?|partitions?)\b"
    r"|\b\d[\d,. ]*(?:k|%)?\s(?:\w+\s){0,3}for (?:the )?train\w*\b[^.]{0,60}\b(?:test|validation)|\b\d\d? ?% ?(?:for )?train\w*\b[^.]{0,60}\b(?:test|validation)|train\w* \(\d+ ?%\)",
    re.IGNORECASE,
)
_RECOMMENDS: Final = FilteredPattern(
    r"\b(?:recommend|suggest|should|could|would|can be|one can|one could|may be used|propose|proposed in|such as|instead of|indeed for|for example)\b",
    re.IGNORECASE,
)


def surely_proves(variable: str, text: str) -> bool:
    """Whether a sentence that may prove a variable does so plainly, by its form alone; layer two then only ranks it.

    >>> surely_proves("software_dependencies", "We used MATLAB R2014a.")
    True
    """
    if len(text) > 700 or text.rstrip().endswith("?"):
        return False
    if variable == "software_dependencies":
        return bool(software_versions(text)) and len(text.split()) > 2
    if variable == "hardware_specification":
        return bool(hardware_models(text) and _RAN.search(text)) and not hardware_only_mentioned(text)
    if variable == "open_source_code":
        return code_claim(text) == "own" and bool(
            CODE_HOST.search(text) or (_SUPPLEMENT.search(text) and _RELEASED.search(text))
        )
    if variable == "dataset_splits":
        return bool(_FOLDS.search(text)) and not _RECOMMENDS.search(text) and not ELSEWHERE.search(text)
    return variable == "pseudocode" and bool(CAPTION.match(text)) and len(text) < 200 and not _CAPTION_VERB.match(text)


_RAN_ON: Final = FilteredPattern(
    r"\b(?:run|ran|runs|running|performed|conducted|executed|trained|training|carried out|timed|timings?|took|takes?|computed|measured|used)\b",
    re.IGNORECASE,
)


def near_miss(variable: str, text: str) -> str | None:
    """Why a sentence that comes near to proving a variable does not, in a few words; None if it does not come near.

    >>> near_miss("open_source_code", "Our code will be released upon acceptance.")
    'promise'
    """
    if variable == "open_source_code":
        claim = code_claim(text)
        kinds = {
            "promise": "promise",
            "on request": "on request",
            "not available": "not available",
            "others' code": "others' code",
            "link": "link without a statement",
        }
        return kinds.get(claim or "")
    if variable == "software_dependencies":
        return "software without version" if names_software(text) and not software_versions(text) else None
    if variable == "hardware_specification":
        ran = MACHINE_KIND.search(text) and _RAN_ON.search(text)
        return "unnamed machine" if ran and not hardware_models(text) else None
    if variable == "open_datasets":
        if PRIVATE.search(text) and DATA_OR_LOGS.search(text) and not _PRIVACY.search(text):
            return "private data"
        return "synthetic data only" if SYNTHETIC.search(text) else None
    if variable == "dataset_splits":
        return "split without sizes" if SPLIT_WORD.search(text) else None
    if variable == "experiment_setup":
        return "settings elsewhere" if ELSEWHERE.search(text) else None
    return "algorithm only named" if POINTER.search(text) else None


DATA_OR_LOGS: Final = FilteredPattern(r"\bdata\b|\bdata ?-?sets?\b|\blogs?\b|\brecords?\b|\bcorpus\b", re.IGNORECASE)
