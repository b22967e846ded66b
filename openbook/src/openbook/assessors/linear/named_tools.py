"""Names that a sentence gives: software with its version, and machines by their model, clock, memory or cores.

All patterns are searched in plain text, in the original spelling. Long lists are words between white space; ``_`` in a
word stands for optional white space or a hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final


def _words(text: str) -> str:
    """Alternatives of a regular expression, from words between white space; ``_`` stands for optional white space."""
    return "|".join(re.escape(word).replace("_", r"[\s-]?") for word in sorted(text.split(), key=len, reverse=True))


@lru_cache(maxsize=4096)
def letter_runs(text: str) -> frozenset[str]:
    """The runs of letters in a text, in lower case: a quick test before the slow expressions."""
    return frozenset(_RUN.findall(text.lower()))


_RUN: Final = re.compile(r"[a-z]+")


@lru_cache(maxsize=4096)
def trigrams(text: str) -> frozenset[str]:
    """Every three neighbouring characters of a text, in lower case."""
    if not text.isascii():  # letters that an expression without case takes for plain ones
        text = text.replace("ı", "i").replace("İ", "i").replace("ſ", "s").replace("\u212a", "k")
    lowered = text.lower()
    return frozenset([lowered[at : at + 3] for at in range(len(lowered) - 2)])


class FilteredPattern:
    """A regular expression that runs only on texts with letters which each of its matches holds: most have none.

    It is compiled when a text first has such letters. Raises ValueError at its first use where a match need not hold
    three letters in a row that the expression names.
    """

    def __init__(self, regex: str, flags: int = 0) -> None:
        self._given = regex, flags

    @cached_property
    def _needed(self) -> frozenset[str]:
        needed = _needed(parser.parse(*self._given))
        if not needed:
            raise ValueError(f"no three letters are in every match of {self._given[0][:60]!r}")
        return frozenset(min(_trigrams_of(word), key=_commonness) for word in needed)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(*self._given)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match, as ``re`` finds it."""
        return None if self._needed.isdisjoint(trigrams(text)) else self._regex.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        """The match at the beginning, as ``re`` finds it."""
        return None if self._needed.isdisjoint(trigrams(text)) else self._regex.match(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All matches, as ``re`` finds them."""
        return iter(()) if self._needed.isdisjoint(trigrams(text)) else self._regex.finditer(text)

    def sub(self, instead: str, text: str) -> str:
        """The text with something else in place of each match."""
        return text if self._needed.isdisjoint(trigrams(text)) else self._regex.sub(instead, text)


def _trigrams_of(word: str) -> list[str]:
    return [word[at : at + 3] for at in range(len(word) - 2)]


def _commonness(letters: str) -> int:
    return sum("zqxjkvbpygfwmucldrhsnioate ".find(letter) for letter in letters)


def _needed(items: Any) -> set[str] | None:
    """Words of which every match of a parsed expression holds at least one; None if no such set is known."""
    found: list[set[str] | None] = []
    run = ""
    for kind, value in [*items, (None, None)]:
        letter = ""
        if kind is codes.LITERAL:
            letter = chr(value).lower()
        elif kind is codes.IN and all(one is codes.LITERAL for one, _ in value):
            letters = {chr(code).lower() for _, code in value}
            letter = letters.pop() if len(letters) == 1 else ""
        if letter.isascii() and len(letter) == 1:
            run += letter
            continue
        found.append({run})
        run = ""
        if kind is codes.BRANCH:
            branches = [_needed(branch) for branch in value[1]]
            found.append(set().union(*branches) if all(branches) else None)  # type: ignore[arg-type]
        elif kind is codes.SUBPATTERN:
            found.append(_needed(value[3]))
        elif kind in (codes.MAX_REPEAT, codes.MIN_REPEAT) and value[0] > 0:
            found.append(_needed(value[2]))
    usable = [words for words in found if words and min(map(len, words)) >= 3]
    return max(usable, key=lambda words: (min(min(map(len, words)), 4), -len(words)), default=None)


SOFTWARE: Final = _words(
    """
    matlab python julia octave java javascript scala r_language rstudio c# f# ocaml haskell rust golang perl ruby kotlin cython
    numba pypy anaconda conda theano py_torch torch torchvision torchaudio torch_geometric pyg lightning pytorch_lightning
    tensor_flow tensor_flow_probability keras jax jaxlib flax haiku optax numpyro pyro stan pystan cmdstan rstan jags winbugs
    openbugs edward pymc pymc3 caffe caffe2 mxnet cntk lasagne chainer paddlepaddle mindspore deepspeed megatron vllm
    fairseq transformers huggingface accelerate diffusers tokenizers spacy nltk gensim stanford_corenlp corenlp
    allennlp flair openai_gym gymnasium gym speechbrain brevitas mujoco mujoco_py dm_control pybullet stable_baselines stable_baselines3 rllib
    ray scikit_learn sklearn scikit num_py sci_py pandas statsmodels matplotlib seaborn network_x opencv pillow xg_boost
    light_gbm catboost gpy gpy_torch gpflow bo_torch ax_platform spearmint smac smac3 hyperopt optuna autosklearn auto_sklearn
    autograd cvx cvxpy cvxopt yalmip mosek gurobi mpi_liblinear cplex scip glpk ipopt snopt minos knitro sedumi sdpt3 xpress coin_or cbc
    osqp ecos scs or_tools minizinc z3 gams ampl jump casadi nlopt libsvm liblinear svmlight vowpal_wabbit vw weka
    mallet mahout spark pyspark mllib hadoop flink kafka giraph graphlab powergraph dask horovod openmp mpi openmpi mpich
    cuda cu_dnn cublas nccl nvcc mkl blas openblas lapack eigen armadillo boost gsl arpack suitesparse fftw
    gcc g++ clang llvm icc visual_studio msvc jdk jre jvm cmake docker singularity slurm ubuntu debian centos fedora
    red_hat rhel linux_kernel windows macos mac_os os_x mac_os_x osx glmnet rpart caret mlr mlr3 ggplot2 igraph lme4 mgcv
    randomforest ranger bnlearn pcalg causal_learn tetrad do_why econml dgl deepgraph stata spss sas excel mathematica maple
    sage sagemath sympy magma lingo pgmpy libdai infer.net problog prolog swi_prolog clingo gringo dlv minisat glucose
    cadical kissat lingeling cryptominisat sqlite postgresql mysql mongodb neo4j lucene elasticsearch faiss annoy
    carla airsim unity unreal_engine gazebo ros webots sumo ns_3 omnet++ opensim fast_downward lama pddl4j metricff
    galois simpy mesa nest brian neuron freesurfer fsl spm afni ants itk vtk simpleitk rdkit openbabel gromacs amber lammps
    openmm psi4 vasp moses giza++ srilm kenlm kaldi htk espnet wandb tensorboard einops timm detectron detectron2 mmdetection
    yolov5_library ultralytics langchain openai_api flwr flower fedml pysyft opacus tensorflow_privacy tff crypten
    higher functorch torchdiffeq diffrax torchsde jraph equinox objax sonnet dopamine acme tianshou cleanrl pettingzoo
    jupyter colab cuml rapids cupy pykeops keops xla triton onnx tensorrt openvino
    """
)
_SOFTWARE_RUNS: Final = frozenset(_RUN.findall(SOFTWARE)) - {"s", "d"}
_NUMBER: Final = r"\d+(?:\.\d+|\.x)+(?:[.-]?(?:post|dev|rc|alpha|beta|a|b)\d*)?(?:\+cu\d+)?|\d+(?:\.\d+)*[a-z]?"
_DOTTED: Final = r"\d+(?:\.(?:\d+|x))+(?:[.-]?(?:post|dev|rc|alpha|beta|a|b)\d*)?(?:\+cu\d+)?"
_VERSION_WORD: Final = r"(?:\bversions?|\bver\.?|\bvers\.?|\bv\.?|\breleases?|\brel\.)"

#: A known name and a version: "Python 3.8.10", "CUDA 11", "PyTorch (v1.10)", "sklearn-0.16", "MATLAB R2014a".
_KNOWN: Final = re.compile(
    rf"(?<![\w-])(?:{SOFTWARE})(?![\w+#])"
    rf"(?:\s?(?:toolbox|package|library|compiler|solver|optimizer|framework|studio|os|lts|server|api|sdk|toolkit|runtime|programming language|language)\d{{0,2}})?"
    rf"(?:\s?(?:\[[^\]]{{0,60}}\]|\([^()]{{0,60}}(?:19|20)\d\d[a-z]?\)))?"
    rf"\s?[,:]?\s?(?:of |at |in )?[(\[]?\s?(?:(?:{_VERSION_WORD})\s?:?\s?(?:is )?(?:{_NUMBER})(?![\w%])|[-=_@]{{0,2}}\s?[Rr]?(?:{_DOTTED})(?!\s?(?:[%×x±]|[gm]hz|gb|s\b|seconds|hours|minutes|times|of\b))"
    rf"|(?:r\s?)?20[012]\d\s?[ab]\b|r20[012]\d[ab]|20[012]\d[ab]\b)",
    re.IGNORECASE,
)
#: Names whose whole numbers are versions too: "Python 3", "CUDA 11", "Windows 10", "TensorFlow 2".
_WHOLE: Final = FilteredPattern(
    r"(?<![\w-])(?:python|java|jdk|cuda|cudnn|centos|rhel|debian|fedora|tensor\s?flow|gurobi|cplex|mosek|gcc"
    r"|clang|scala|hadoop|angular|pymc|gams|octave|mathematica|visual studio|ubuntu|red hat|mac os|macos|stata|matlab"
    r"|maple|spss|sas)\s?-?(?:1[0-9]|2[0-4]|[2-9])(?![\w.,]?\d|\s?(?:%|[-x×]|times|cores?|gpus?|fold|samples|runs|hours"
    r"|experiments|instances|iterations|nodes|machines|days|minutes|seconds|implementations?|and\s\d))\b",
    re.IGNORECASE,
)
#: Any capitalised name with the word "version" or "release" and a number: "Galois version 0.3.8", "MOSEK (ver. 7.1.0.12)".
_NAMED: Final = re.compile(
    rf"(?<![\w-])(?:[A-Z][\w+.#-]*|[a-z]+[A-Z][\w+-]*|[a-z][\w-]*(?=\s(?:package|library|toolbox|solver|compiler)))"
    rf"(?:\s(?:package|library|toolbox|solver|compiler|framework|software|simulator|toolkit))?"
    rf"(?:\s?(?:\[[^\]]{{0,60}}\]|\([^()]{{0,60}}(?:19|20)\d\d[a-z]?\)))?"
    rf",?\s?[(\[]?\s?(?<=[\s(\[,])(?:[Vv]ersions?|[Vv]er\.?|[Vv]ers\.|[Rr]elease)\s?:?\s?(?:{_DOTTED}|\d{{1,2}}(?![\w%]))"
    rf"|(?<![\w-])[A-Z][\w+-]*(?:\s\[\d+\])?\s[(]?v\.?\s?{_DOTTED}"
    rf"|\bLinux {_DOTTED}(?= kernel)"
    rf"|\b[A-Z]{{3,}}-\d\.\d+(?:\.\d+)?\s(?:software|package|toolbox|library|solver)"
    rf"|{_VERSION_WORD}s?\sof\s(?:the\s)?(?:{SOFTWARE})[^.]{{0,40}}\s(?:are|is)\s{_DOTTED}"
    rf"|\b(?:version|release) of (?:[A-Z][\w+-]*) (?:\w+ ){{0,4}}(?:is|was) {_DOTTED}|\bversion of [A-Z][\w+-]* (?:\w+ ){{0,3}}is {_DOTTED}"
    rf"|{_VERSION_WORD}\s(?:{_DOTTED})\sof\s(?:the\s)?[\"'“]?[A-Za-z]",
)
#: A requirement line: "numpy==1.21.2", "torch>=1.8".
_REQUIREMENT: Final = re.compile(r"\b[a-z][\w-]+\s?==\s?\d+(?:\.\d+)+")
_R_LANGUAGE: Final = re.compile(rf"\bR\s?[,(]?\s?(?:{_VERSION_WORD}\s?)?(?:[234]\.\d+(?:\.\d+)?)\b(?!\s?[%×x]|\s\d)")
_DATA_OR_MODEL: Final = (
    r"data ?-?sets?|corpus|corpora|benchmark|collection|database|imagenet|ilsvrc|coco|squad|mnist|cifar|librispeech"
    r"|common ?voice|wikipedia|treebank|ontonotes|mimic|voc|movielens|gpt|llama|bert|inception|resnet|mobilenet|yolo"
    r"|efficientnet|vicuna|mistral|claude|gemini|licen[cs]e|arxiv|paper|manuscript|draft|algorithm|theorem|equation"
    r"|section|figure|table|appendix|halfcheetah|hopper|walker|cartpole|creative commons|cc[- ]by"
)
#: What has versions and is no software that an experiment runs on, up to the end of a name.
_NO_SOFTWARE: Final = re.compile(rf"(?:{_DATA_OR_MODEL})\b[^.]{{0,12}}$", re.IGNORECASE)
#: Words before "version" that are no name.
_NO_NAME: Final = re.compile(
    r"(?:full|extended|long|short|previous|earlier|first|second|online|current|this|our|the|a|an|in|of|continuous|discrete"
    r"|simplified|modified|parallel|sequential|commercial|popular|standard|open|public|free|statistical|numerical|convex|optimi[sz]ation|lp|mip|sdp|sat|smt|deep|learning|software|ood|new|old|final|latest|each|all|both|over|hoover)\W*$",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def software_versions(text: str) -> list[str]:
    """The names with versions that stand in a sentence, as they are written.

    >>> software_versions("We used MATLAB R2014a and Python 3.8.10.")
    ['MATLAB R2014a', 'Python 3.8.10']
    """
    if not _VERSIONED.search(text):
        return []
    found = []
    for pattern in (_KNOWN, _WHOLE) if letter_runs(text) & _SOFTWARE_RUNS else ():
        found += [(match.start(), match[0].strip(" ([,")) for match in pattern.finditer(text)]
    for pattern in (_REQUIREMENT, _R_LANGUAGE):
        found += [(match.start(), match[0].strip(" ([,")) for match in pattern.finditer(text)]
    for match in _NAMED.finditer(text):
        if re.match(r"(?:Over|Hoover|Ver)\b", match[0]):
            continue
        name = re.split(r"[\s(\[,]", match[0])[0]
        if re.match(rf"{_VERSION_WORD}s?\b", name, re.IGNORECASE):
            found.append((match.start(), match[0].strip(" ([,")))
            continue
        if not _NO_NAME.match(name) and not _NO_SOFTWARE.search(
            text[max(match.start() - 14, 0) : match.start() + len(name)]
        ):
            found.append((match.start(), match[0].strip(" ([,")))
    if len(_DECIMALS.findall(text)) > 12:  # a row of results, not a sentence
        return []
    kept: list[tuple[int, str]] = []
    for start, name in sorted(found, key=lambda pair: (pair[0], -len(pair[1]))):
        if not kept or start >= kept[-1][0] + len(kept[-1][1]):
            kept.append((start, name))
    return [name for _, name in kept]


_DECIMALS: Final = re.compile(r"\d\.\d+|\d+ ?±")
_VERSIONED: Final = re.compile(
    r"\d\.[\dx]|[Vv]er(?:sion|s?\.|\s?\d)|[Rr]elease|\b[vV]\.?\s?\d|20[012]\d\s?[ab]\b|(?:[Pp]ython|PYTHON|[Jj]ava|JDK|CUDA|cuda|cu[Dd][Nn][Nn]|OS|Debian|Fedora|[Ff]low"
    r"|Gurobi|CPLEX|MOSEK|gcc|GCC|clang|Scala|Hadoop|GAMS|Octave|Mathematica|Studio|Ubuntu|Hat|Stata|MATLAB|Matlab|Maple|SPSS|SAS)\s?-?\d"
)
_SOFTWARE_WORDS: Final = frozenset(
    """
    matlab python julia java theano pytorch torch tensorflow keras jax caffe mxnet lasagne scikit sklearn numpy scipy pandas
    xgboost lightgbm gpytorch gpflow botorch cvx cvxpy mosek gurobi cplex scip ipopt snopt sedumi libsvm liblinear weka spark
    hadoop openmp mpi cuda cudnn mkl lapack eigen armadillo gcc clang ubuntu linux debian glmnet stata mathematica gams yalmip
    networkx opencv huggingface transformers spacy nltk gensim stan pystan jags octave software toolbox toolboxes package
    packages library libraries solver solvers simulator compiler framework
    """.split()
)
_SOFTWARE_LANGUAGE: Final = re.compile(r"\bC\+\+|\bR\b(?=\s(?:package|software|language|code|implementation))")


def names_software(text: str) -> bool:
    """Whether a sentence names a program, library or language, with or without a version."""
    return bool(letter_runs(text) & _SOFTWARE_WORDS or _SOFTWARE_LANGUAGE.search(text))


_GPU_MODEL: Final = (
    r"(?:nvidia|geforce|tesla|quadro|titan|gtx|rtx|radeon|instinct)"
    r"[\s-]?(?:\(?r\)?\s|®\s|™\s|tm\s)?(?:(?:nvidia|geforce|tesla|quadro|titan|gtx|rtx|ada|dgx|hgx|jetson|generation)[\s-]?){0,3}"
    r"(?:[a-z]{1,3}[\s-]?)?\d{2,4}[a-z]{0,3}(?:[\s-]?(?:ti|super|xp?|pcie|sxm\d?|xl|max-?q))?"
    r"|titan[\s-]?(?:xp?|v|z|black|rtx|x pascal)\b|\b(?:gtx|rtx)[\s-]?(?:titan(?:[\s-]?(?:x|black|z))?|\d{3,4}[\s-]?(?:ti|super)?|a\d{4})"
    r"|\b\d{4}[\s-]?(?:rtx|gtx|ti)\b|\bjetson\b|\bdgx[\s-]?(?:\d|a100|h100|station)?\b|\bradeon\b|\bgeforce\b|\bquadro[\s-]?[a-z]?\d+"
    r"|\bmi\d{2,3}x?\b(?=\s?(?:gpu|accelerator))|\btesla[\s-]?[a-z]\d+"
)
_SHORT_GPU: Final = r"(?<![\w.=^_/-])(?:[AHBVPKML]\d{2,3}s?|GH200s?|GB200s?|L40S?s?|T4s?|A10G?s?|A[2456]000s?|A5500s?|V100s?|[AH]100s?|H200s?|H800s?|A800s?|K[248]0[mc]?s?|M[46]0s?|P[46]0s?)(?![\w=^(/])"
_TPU: Final = r"\btpus?[\s-]?v?\s?\d[a-z]?(?:[\s-]\d+)?(?:\s?pods?)?|\bv[2-6][ep]?-\d+\b|\bcloud tpus?\b|\btpu[\s-]?(?:pod|node)s?\b|\bipu[\s-]?(?:mk|pod|v)\S*|\bcerebras\b|\bgaudi\s?\d?\b|\bgroq\w*\b|\bcs-2\b|\btrainium\d?\b|\binferentia\d?\b"
_CPU_MODEL: Final = (
    r"\b(?:intel|amd)\b[^.;,]{0,30}?(?:xeon|core|opteron|epyc|ryzen|pentium|celeron|atom|phi|threadripper|i[3579]|e[357]-?\s?\d|duo|quad|itanium|platinum|gold|silver|broadwell|haswell|skylake|sandy ?bridge|ivy ?bridge|cascade ?lake|ice ?lake|athlon|phenom)"
    r"|\bxeon\b|\bopteron\b|\bepyc\b|\bryzen\b|\bthreadripper\b|\bpentium\b|\bcore(?:\s?\(tm\)|™)?[\s-]?(?:i[3579]|2 (?:duo|quad)|m\d|ultra)\b|(?<![\w/])i[3579](?:[\s-]\d{3,5}\w{0,3}\b|\s?(?:cpu|processor|machine|laptop|desktop|core))"
    r"|\be[357]-\s?\d{4}\b|\bintel\s?(?:\(r\)|®)?\s?(?:cpus?|processors?)\b.{0,30}\d|\bapple\s?m[1-4]\b|(?<!\w)m[1-4]\s(?:pro|max|ultra|chip|macbook|processor|cpu)\b|\bmacbook\b|\bmac\s?(?:mini|studio|pro)\b|\bimac\b|\bpower\s?[789]\b|\bpowerpc\b|\bcortex-?\s?[am]\d+\b|\braspberry pi\b|\bgraviton\d?\b|\bsparc\b|\b64 core adm\b|\b(?:amd|adm)\s\d{4}x\b|\bthinkpad\b|\bintel (?:core )?i[3579]\b|\bpixel \d\b|\biphone \d+|\bcray\b|\bblue ?gene"
)
_CLOUD: Final = r"\b(?:[cmrpgt]\d[a-z]{0,3}|hpc\d[a-z]?|trn\d|inf\d|x1e?|u-\w+)\.(?:\d*x?large|metal|medium|small|micro|\d+xlarge|nano)\b|\b(?:n1|n2d?|e2|c2d?|a2|a3|g2|m1)-(?:standard|highmem|highcpu|highgpu|megagpu|ultragpu)-\d+g?\b|\bstandard_[a-z]+\d+\w*\b|\bnc\d+\w*_?v\d\b"
_CLOCK: Final = r"\d(?:\.\d+)?\s?-?\s?[gm]hz\b|\d\.\d+\s?g\s(?:cpu|processor)"
_RAM: Final = r"\d+\s?-?\s?(?:gi?bs?|g|ti?b|gigabytes?|terabytes?|mb)\b(?:\s?of)?\s?(?:(?:main|system|physical|total|shared|of|ddr\d?|cpu|gpu|video|host|available)\s){0,3}(?:rams?|memory|dram|ddr\d?|vram|hbm\w*)\b|(?:\bram|\bmemory|\bvram)\b\s?(?:size\s)?(?:of|:|=|\()?\s?\d+\s?(?:gi?b|g|tb|gigabytes?)\b|\d+\s?gi?b\s(?:gpus?|nvidia|graphics|laptop|machine|macbook|workstation|ddr)|\b(?:gpus?|cpus?|nodes?|machines?|cards?|servers?)\b[^.]{0,30}\b\d+\s?gi?b\b"
_CORES: Final = r"\b(?:(?:\d{2,}|[4-9])[\s-]?|(?:four|six|eight|ten|twelve|sixteen|thirty-?two|sixty-?four)[\s-]|(?:dual|quad|hexa|octa)[\s-]?)(?:physical\s|cpu\s|logical\s|virtual\s|intel\s|amd\s|processor\s|compute\s|processing\s)?(?:cores?|vcpus?|threads?)\b"
_MODELS: Final = re.compile("|".join((_GPU_MODEL, _TPU, _CPU_MODEL, _CLOUD)), re.IGNORECASE)
_SHORT: Final = re.compile(_SHORT_GPU)
_HARDWARE_RUNS: Final = frozenset(
    """
    nvidia geforce tesla quadro titan gtx rtx radeon instinct jetson dgx hgx gpu gpus tpu tpus ipu cerebras gaudi groq cs
    trainium inferentia intel amd adm xeon opteron epyc ryzen threadripper pentium core cores i e apple macbook mac imac power
    powerpc cortex raspberry graviton sparc thinkpad pixel iphone cray blue bluegene large xlarge metal standard highmem ghz
    mhz ram memory dram vram gb gib tb g cpu cpus vcpus processor processors thread threads ti m mi
    nodes node machine machines nc
    """.split()
)
_SHORT_RUNS: Final = frozenset("i e g cs ti m mi nc".split())
_SHORT_MODEL: Final = re.compile(
    r"[gem]?i\d|e\d|m\d|s-2|nc\d|v\d|\d[\s-]?ti|\d\s?-?\s?g|\.(?:\d|x?large|metal|medium|small|micro|nano)",
    re.IGNORECASE,
)
"""What stands in every model that no longer word of ``_HARDWARE_RUNS`` gives away."""
_SYMBOL: Final = FilteredPattern(
    r"\b(?:[Ll]et|[Ww]here|[Dd]enote[sd]?|[Mm]atri(?:x|ces)|[Vv]ectors?|[Gg]raphs?) (?:[A-Z]\d|by [A-Z]\d)"
)
_SHORT_HINT: Final = re.compile(r"[AHBVPKMLT]\d{1,3}")
_MACHINE_WORD: Final = re.compile(
    r"\b(?:gpus?|cpus?|tpus?|machines?|computers?|laptop|desktop|workstation|server|cluster|nodes?|processors?|cores?|accelerators?|nvidia|cards?|graphics|hardware|pc|hours?|days?|minutes?|train\w*|run|ran|runs|devices?|instances?|compute|memory|pod|supercomputer|infrastructure)\b",
    re.IGNORECASE,
)
_NUMBERS: Final = re.compile("|".join((_CLOCK, _RAM)), re.IGNORECASE)
_CORE_COUNT: Final = FilteredPattern(_CORES, re.IGNORECASE)
MACHINE_KIND: Final = FilteredPattern(
    r"\b(?:gpus?|cpus?|tpus?|machines?|computers?|laptops?|desktops?|workstations?|servers?|clusters?|processors?|cores?|graphics cards?|ec2|aws|cloud|supercomputer|hardware|multi-?core)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def hardware_models(text: str) -> list[str]:
    """Models, instance types, clocks, memory sizes and core counts that a sentence names, as written.

    >>> hardware_models("We train on 8 H100s for 12 hours.")
    ['H100s']
    """
    known, short = letter_runs(text) & _HARDWARE_RUNS, _SHORT_HINT.search(text)
    if not known and not short:
        return []
    if known and known <= _SHORT_RUNS and not _SHORT_MODEL.search(text):
        known = frozenset()
    found = [(m.start(), m[0]) for pattern in ((_MODELS, _NUMBERS) if known else ()) for m in pattern.finditer(text)]
    if short and not _SYMBOL.search(text) and _MACHINE_WORD.search(text):
        found += [(m.start(), m[0]) for m in _SHORT.finditer(text)]
    found += [
        (m.start(), m[0])
        for m in _CORE_COUNT.finditer(text)
        if "thread" not in m[0].lower() or MACHINE_KIND.search(text)
    ]
    kept: list[tuple[int, str]] = []
    for start, name in sorted(found, key=lambda pair: (pair[0], -len(pair[1]))):
        if not kept or start >= kept[-1][0] + len(kept[-1][1]):
            kept.append((start, name.strip()))
    return [name for _, name in kept]


def names_machine(text: str) -> bool:
    """Whether a sentence speaks of a machine at all: a GPU, a server, a cluster."""
    return bool(MACHINE_KIND.search(text))
