"""Short papers invented for the tests of the linear assessor: a frame, and a paragraph that answers a variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_text

FRAME = """Ordering Shelves by Pairwise Whispers

Ada Quill <EMAIL> Department of Computer Science, University of Northmoor, Northmoor

Bram Tolk <EMAIL> School of Informatics, University of Eastvale, Eastvale

Abstract. Shelves are ordered by comparing neighbours. We propose whisper sort, a method that learns which neighbours
to compare, and study how well it works on shelves of many sizes.

1. Introduction

Ordering shelves is an old problem with many uses. Earlier work compares all pairs of books, which is slow when
shelves are long. We ask whether fewer comparisons are enough. Our answer is that a learned order of comparisons
saves most of the work and loses little. Related ideas have been used for queues and for trees.

2. Method

Let a shelf be a sequence of books. Whisper sort asks one question about two neighbours at a time and keeps a belief
about their order. The belief is updated after each question. The next question is the one about which the belief is
least certain. We now describe the model of the belief in more detail and give the reason for each choice.

{method}

3. Experiments

We compare whisper sort with two earlier methods in an empirical study. {experiments} The results show that whisper
sort needs fewer questions than the other methods and orders the shelves about as well.

4. Conclusion

We presented whisper sort and saw in experiments that it saves questions. In future work we will look at libraries.

{end}
"""

YES = {
    "pseudocode": {
        "method": (
            "Algorithm 1 Whisper sort\n\nInput: a shelf of books, a budget of questions\n\nfor each round do\n\n"
            "ask the question with the least certain belief\n\nupdate the belief\n\nend for\n\nreturn the ordered shelf\n\n"
            "Algorithm 1 shows the whole method. Algorithm 2 is its parallel version.\n\n"
            "Algorithm 2 Parallel whisper sort\n\nInput: shelves\n\nfor each shelf do\n\nrun Algorithm 1\n\nend for"
        )
    },
    "open_source_code": {
        "end": "Our source code is publicly available at https://github.com/quill/whisper-sort. The code for all our "
        "experiments is available online at https://github.com/quill/whisper-sort."
    },
    "open_datasets": {
        "experiments": "We use three public benchmark datasets. The MNIST dataset (LeCun et al., 1998) contains images "
        "of digits. The Adult and Covertype datasets are from the UCI machine learning repository (Lichman, 2013). We "
        "also use the publicly available CIFAR-10 dataset (Krizhevsky, 2009). Table 1 lists all datasets."
    },
    "dataset_splits": {
        "experiments": "Each dataset is randomly split into 70% training, 10% validation and 20% test data. We use 50,000 "
        "examples for training, 10,000 for validation and 10,000 for testing. Parameters are chosen by 5-fold "
        "cross-validation on the training set, and accuracy is reported on the test set of each dataset."
    },
    "hardware_specification": {
        "experiments": "All experiments were run on a machine with an Intel Xeon E5-2680 CPU at 2.7 GHz with 16 cores "
        "and 64 GB of RAM. Networks were trained on an NVIDIA Tesla K40 GPU."
    },
    "software_dependencies": {
        "experiments": "All methods are implemented in Python 2.7 with NumPy version 1.9.2 and scikit-learn 0.16.1. "
        "Timings were taken with MATLAB R2014a on Ubuntu 14.04, on a PC with an Intel Core i7 CPU at 3.4 GHz."
    },
    "experiment_setup": {
        "experiments": "We set the learning rate to 0.01 and the batch size to 128, and train for 200 epochs. The weights "
        "are initialized from a Gaussian with standard deviation 0.05. We use a momentum of 0.9 and dropout with "
        "probability 0.5. The regularization parameter is set to 0.001. All results are averaged over 10 runs."
    },
}
"""What fills the frame so that the answer to a variable is yes; unfilled, it is no."""

THEORY = """On the Order of Silent Lattices

Ada Quill <EMAIL> Department of Mathematics, University of Northmoor, Northmoor

Abstract. We prove that every silent lattice has an order of bounded depth, and give matching upper and lower bounds.

1. Introduction

We study silent lattices and prove bounds on their depth. Our main result is a theorem that settles the question up to
a constant. The proof uses a coupling argument and a new lemma on chains.

2. Main results

Definition 1. A lattice is silent if no chain speaks.

Lemma 1. Let L be a silent lattice. Then each chain of L is bounded by the logarithm of its width.

Proof. Suppose not. Then there is a chain that speaks, which contradicts Definition 1. This proves the lemma.

Theorem 1. Every silent lattice of width w has an order of depth at most the logarithm of w.

Proof of Theorem 1. By Lemma 1 and induction on the width, the claim follows. By Corollary 2 the bound is tight.

Corollary 2. There is a silent lattice of width w whose orders all have depth at least a constant times log w.

Proposition 3. Under Assumption 1 the order is unique. The proof follows from Theorem 1 and Lemma 1.

3. Discussion

We gave upper and lower bounds on the depth of silent lattices. Closing the gap between the constants remains open.
"""


@pytest.fixture(scope="session")
def filled_frame() -> Callable[..., Paper]:
    """Reads the frame with the paragraphs given by name (``method``, ``experiments``, ``end``) in it."""

    def fill(**paragraphs: str) -> Paper:
        return read_text(FRAME.format(**({"method": "", "experiments": "", "end": ""} | paragraphs)), "invented.txt")

    return fill


@pytest.fixture(scope="session")
def yes_paragraphs() -> dict[str, dict[str, str]]:
    """What fills the frame so that the answer to a variable is yes."""
    return YES


@pytest.fixture(scope="session")
def theory_text() -> str:
    """A paper of theorems."""
    return THEORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data; skips where it is absent."""
    folder = Path(os.environ.get("OPENBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not (folder / "index" / "records.parquet").is_file():
        pytest.skip(f"no development data at {folder}: set OPENBOOK_DATA")
    return folder
