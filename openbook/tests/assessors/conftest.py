"""Short papers invented for the linear assessor's tests, and a stub of OpenAI's batches for the model assessor's."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from openbook.benchmarks.stub_model import Sent, Stub, answers, completion
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


#: What a batch shows before it ends, look by look.
STEPS = ("validating", "in_progress", "finalizing")


@dataclass(slots=True)
class BatchStub:
    """OpenAI's batch protocol at a stub server; ``with Stub() as stub: batches = BatchStub(stub)``.

    ``behave`` of the stub decides the replies to requests in batches too, numbered in order over all batches.
    ``uploads`` and ``creations`` are replies that are sent first, in turn; ``creations`` may be late: with ``late`` the
    batch is made although the reply says otherwise. ``created`` is called when a batch was made, before its reply.

    A batch takes a few looks to end, and its output is in another order than its input. ``fates`` gives, batch by
    batch, how each ends: ``completed``; ``expired`` and ``cancelled`` after the first half of their requests;
    ``failed`` with none done; ``garbage``, whose output is not JSON.
    """

    stub: Stub
    looks: int = 2
    fates: list[str] = field(default_factory=list)
    uploads: list[Sent] = field(default_factory=list)
    creations: list[Sent] = field(default_factory=list)
    late: bool = False
    created: Callable[[], None] = lambda: None
    uploaded: Callable[[], None] = lambda: None
    files: dict[str, bytes] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stub.route = self.route

    def route(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Sent:
        """The reply to one request of the protocol."""
        where = path.split("?", 1)[0].strip("/").split("/")
        match method, where:
            case "POST", ["files"]:
                return self.uploads.pop(0) if self.uploads else self._upload(headers, content)
            case "GET", ["files", name, "content"] if name in self.files:
                return 200, {"Content-Type": "application/octet-stream"}, self.files[name]
            case "POST", ["batches"]:
                sent = self.creations.pop(0) if self.creations else None
                if sent is not None and not self.late:
                    return sent
                made = self._create(json.loads(content))
                return sent or made
            case "GET", ["batches"]:
                listed = [shown(batch) for batch in reversed(self.batches)]
                return json_reply({"object": "list", "data": listed, "has_more": False})
            case "GET", ["batches", name]:
                for batch in self.batches:
                    if batch["id"] == name:
                        return self._look(batch)
        return json_reply({"error": {"message": f"there is no {path}"}}, 404)

    def _upload(self, headers: dict[str, str], content: bytes) -> Sent:
        boundary = b"--" + headers["content-type"].split("boundary=")[1].encode()
        part = next(part for part in content.split(boundary) if b'name="file"' in part)
        name = f"file-{len(self.files)}"
        self.files[name] = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        self.uploaded()
        return json_reply(
            {"id": name, "object": "file", "bytes": 1, "created_at": 0, "filename": "f", "purpose": "batch"}
        )

    def _create(self, asked: dict[str, Any]) -> Sent:
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        self.asked += [line["custom_id"] for line in lines]
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "created_at": 0,
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "metadata": asked.get("metadata"),
            "status": "validating",
            "looks": 0,
            "lines": lines,
            "fate": self.fates.pop(0) if self.fates else "completed",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        self.batches.append(batch)
        self.created()
        return json_reply(shown(batch))

    def _look(self, batch: dict[str, Any]) -> Sent:
        batch["looks"] += 1
        if batch["looks"] > self.looks and batch["status"] in STEPS:
            self._end(batch)
        elif batch["status"] in STEPS:
            batch["status"] = STEPS[min(batch["looks"] - 1, len(STEPS) - 1)]
        return json_reply(shown(batch))

    def _end(self, batch: dict[str, Any]) -> None:
        fate, lines = batch["fate"], batch["lines"]
        batch["status"] = "completed" if fate == "garbage" else fate
        if fate == "failed":
            batch["errors"] = {"object": "list", "data": [{"code": "bad", "message": "the queue is full"}]}
            return
        done = lines[: len(lines) // 2] if fate in ("expired", "cancelled") else lines
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for line in done:
            status, body = self._answer(line["body"])
            response = {"status_code": status, "request_id": "r", "body": json.loads(body)}
            row = {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}
            (good if status == 200 else bad).append(row)
        for line in lines[len(done) :]:
            error = {"code": f"batch_{fate}", "message": "This request was not executed in time."}
            bad.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        for kind, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                name = batch[kind] = f"file-{len(self.files)}"
                said = "".join(json.dumps(row) + "\n" for row in reversed(rows)).encode()
                self.files[name] = b"\x00\xff no JSON\n{}\n[1]\n" if fate == "garbage" else said

    def _answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        self.bodies.append(body)
        if self.stub.behave is None:
            return 200, completion(answers(body))
        sent = self.stub.behave(len(self.bodies) - 1, body)
        assert sent is not None
        return sent[0], sent[2]


def shown(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as its client may see it."""
    return {name: value for name, value in batch.items() if name not in ("looks", "lines", "fate")}


def json_reply(value: object, status: int = 200) -> Sent:
    return status, {}, json.dumps(value).encode()


@pytest.fixture(scope="session")
def batch_stub() -> Callable[[Stub], BatchStub]:
    """Makes the files and batches of a stub server."""
    return BatchStub


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_stub: Callable[[Stub], Any]) -> Any:
    """The bench of batches; papers are read in this process, since starting another takes most of the time."""
    from batch_bench import Bench, Reading

    from openbook.assess import pipeline

    monkeypatch.setattr(pipeline, "ReaderPool", Reading)
    with Stub() as stub:
        yield Bench(tmp_path, stub, batch_stub(stub))
