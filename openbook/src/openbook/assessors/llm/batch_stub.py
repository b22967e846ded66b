"""The files and batches of the stub server: OpenAI's batch protocol on loopback, answering by the stub's own rule.

A batch takes a few looks to end, and its output is in another order than its input. ``fates`` gives, batch by batch,
how each ends: ``completed``; ``expired`` and ``cancelled`` after the first half of their requests; ``failed`` with none
done; ``garbage``, whose output is no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from openbook.assessors.llm.stub import Sent, Stub, answers, completion

#: What a batch shows before it ends, look by look.
_STEPS = ("validating", "in_progress", "finalizing")


@dataclass(slots=True)
class BatchDesk:
    """Files and batches of a stub server; ``with Stub() as stub: desk = BatchDesk(stub)``.

    ``behave`` of the stub decides the replies to requests in batches too, numbered in order over all batches.
    ``uploads`` and ``creations`` are replies that are sent first, in turn; ``creations`` may be late: with ``late`` the
    batch is made although the reply says otherwise. ``created`` is called when a batch was made, before its reply.
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
                shown = [_shown(batch) for batch in reversed(self.batches)]
                return _json({"object": "list", "data": shown, "has_more": False})
            case "GET", ["batches", name]:
                for batch in self.batches:
                    if batch["id"] == name:
                        return self._look(batch)
        return _json({"error": {"message": f"there is no {path}"}}, 404)

    def _upload(self, headers: dict[str, str], content: bytes) -> Sent:
        boundary = b"--" + headers["content-type"].split("boundary=")[1].encode()
        part = next(part for part in content.split(boundary) if b'name="file"' in part)
        name = f"file-{len(self.files)}"
        self.files[name] = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        self.uploaded()
        return _json({"id": name, "object": "file", "bytes": 1, "created_at": 0, "filename": "f", "purpose": "batch"})

    def _create(self, asked: dict[str, Any]) -> Sent:
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        self.asked += [line["custom_id"] for line in lines]
        batch = {
            "id": f"batch_{len(self.batches)}", "object": "batch", "endpoint": asked["endpoint"], "created_at": 0,
            "input_file_id": asked["input_file_id"], "completion_window": asked["completion_window"],
            "metadata": asked.get("metadata"), "status": "validating", "looks": 0, "lines": lines,
            "fate": self.fates.pop(0) if self.fates else "completed",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        self.batches.append(batch)
        self.created()
        return _json(_shown(batch))

    def _look(self, batch: dict[str, Any]) -> Sent:
        batch["looks"] += 1
        if batch["looks"] > self.looks and batch["status"] in _STEPS:
            self._end(batch)
        elif batch["status"] in _STEPS:
            batch["status"] = _STEPS[min(batch["looks"] - 1, len(_STEPS) - 1)]
        return _json(_shown(batch))

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


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as its client may see it."""
    return {name: value for name, value in batch.items() if name not in ("looks", "lines", "fate")}


def _json(value: object, status: int = 200) -> Sent:
    return status, {}, json.dumps(value).encode()
