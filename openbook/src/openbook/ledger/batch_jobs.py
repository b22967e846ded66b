"""Batch jobs: questions handed to a provider all at once. Each is entered before it is submitted, so none is submitted twice.

A batch's questions are claimed in ``calls`` for the batch rather than for a process: the claim lapses with the batch,
not with whoever submitted it, and any process may collect the answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Engine, select, update

from openbook.ledger.database import now, reading, writing
from openbook.ledger.reply_cache import (
    BATCH,
    FINISH,
    LEASE,
    CachedReply,
    Question,
    ReplyCache,
    finish_rows,
    insert_claims,
    is_dead,
    lapsed,
    reply_of,
    rows_of,
)
from openbook.ledger.tables import batches, calls

#: Seconds after which another machine may take over a submission that nobody went on with.
SUBMIT_LEASE = 900.0


class BatchJob(NamedTuple):
    """A batch job as the ledger has it. ``state`` is submitting, submitted, done or dropped."""

    id: str
    server: str
    model: str
    state: str
    requests: int
    file: str | None
    provider_id: str | None
    owner: str
    claimed: float
    answered: int = 0
    failed: int = 0
    error: str | None = None


@dataclass(slots=True)
class QuestionStatus:
    """How questions stand: answered, in a batch (its id), being asked by another process, or free to be asked."""

    answered: dict[str, CachedReply]
    batched: dict[str, str]
    elsewhere: list[str]
    free: list[str]


class BatchJobs:
    """The batch jobs of one ledger, as one process sees them."""

    def __init__(self, engine: Engine, *, lease: float = LEASE, submit_lease: float = SUBMIT_LEASE) -> None:
        self._engine = engine
        self._lease = lease
        self._submit_lease = submit_lease
        self.owner = ReplyCache(engine).owner

    def status(self, keys: Sequence[str]) -> QuestionStatus:
        """How these questions stand; nothing is claimed."""
        with reading(self._engine) as connection:
            return self._status(rows_of(connection, keys), keys)

    def _status(self, found: Mapping[str, Any], keys: Sequence[str]) -> QuestionStatus:
        status, moment = QuestionStatus({}, {}, [], []), time.time()
        for key in keys:
            row = found.get(key)
            if row is None:
                status.free.append(key)
            elif row.state == "done":
                status.answered[key] = reply_of(row)
            elif row.owner.startswith(BATCH):
                status.batched[key] = row.owner.removeprefix(BATCH)
            elif row.owner == self.owner or lapsed(row, self._lease, moment):
                status.free.append(key)
            else:
                status.elsewhere.append(key)
        return status

    def begin(self, server: str, questions: Sequence[Question]) -> tuple[str, set[str]]:
        """Enter a batch that is about to be submitted, in one transaction: its id, and the questions that are its.

        Questions that were answered or claimed meanwhile are left out. With none left nothing is entered.
        """
        batch, moment = uuid4().hex, time.time()
        wanted = {question.key: question for question in questions}
        with writing(self._engine) as connection:
            found = rows_of(connection, list(wanted))
            status = self._status(found, list(wanted))
            # Claims of processes that died, as they were read: what another process enters meanwhile stays.
            for row in (found[key] for key in sorted(status.free) if key in found):
                connection.execute(
                    calls.delete().where(
                        calls.c.key == row.key,
                        calls.c.state == "asking",
                        calls.c.owner == row.owner,
                        calls.c.claimed == row.claimed,
                    )
                )
            insert_claims(connection, (wanted[key] for key in status.free), BATCH + batch, moment)
            ours = set(
                connection.execute(
                    select(calls.c.key).where(calls.c.state == "asking", calls.c.owner == BATCH + batch)
                ).scalars()
            )
            if ours:
                connection.execute(
                    batches.insert(),
                    {
                        "id": batch,
                        "server": server,
                        "model": wanted[next(iter(ours))].model,
                        "state": "submitting",
                        "requests": len(ours),
                        "owner": self.owner,
                        "claimed": moment,
                        "answered": 0,
                        "failed": 0,
                        "created": now(),
                    },
                )
        return batch, ours

    def uploaded(self, batch: str, file: str) -> bool:
        """The questions are at the provider, and the batch is asked for next. False: another process took it over."""
        return self._change(batch, {"file": file, "claimed": time.time()}, owner=self.owner)

    def submitted(self, batch: str, provider_id: str) -> bool:
        """The provider has the batch, under this name."""
        return self._change(batch, {"provider_id": provider_id, "state": "submitted"})

    def take_over(self, batch: str) -> bool:
        """Go on with a submission that this process began, or whose process died. Of several who try, one succeeds."""
        begun = self.get(batch)
        if begun is None or begun.state != "submitting":
            return False
        mine = begun.owner == self.owner
        if not mine and begun.claimed + self._submit_lease > time.time() and not is_dead(begun.owner):
            return False
        return self._change(begun.id, {"owner": self.owner}, owner=begun.owner)

    def _change(self, batch: str, values: dict[str, object], *, owner: str | None = None) -> bool:
        which = update(batches).where(batches.c.id == batch, batches.c.state == "submitting")
        if owner is not None:
            which = which.where(batches.c.owner == owner)
        with writing(self._engine) as connection:
            return connection.execute(which.values(**values)).rowcount == 1

    def open(self, server: str) -> list[BatchJob]:
        """The batches at a server that are not done, oldest first."""
        chosen = (batches.c.server == server) & batches.c.state.in_(("submitting", "submitted"))
        with reading(self._engine) as connection:
            rows = connection.execute(select(batches).where(chosen).order_by(batches.c.created)).all()
        return [_batch(row) for row in rows]

    def get(self, batch: str) -> BatchJob | None:
        """One batch, by our id or by its provider's."""
        chosen = (batches.c.id == batch) | (batches.c.provider_id == batch)
        with reading(self._engine) as connection:
            row = connection.execute(select(batches).where(chosen)).first()
        return None if row is None else _batch(row)

    def complete(
        self, batch: str, replies: Iterable[CachedReply], error: str | None = None
    ) -> tuple[set[str], set[str]] | None:
        """Keep a batch's answers and free what it did not answer: these two sets of questions, in one transaction.

        None if another process was first. Answers to questions that are not of this batch are not kept.
        """
        return self._end(batch, "done", list(replies), error)

    def drop(self, batch: str, why: str) -> tuple[set[str], set[str]] | None:
        """Give a batch up: its questions may be asked again."""
        return self._end(batch, "dropped", [], why)

    def _end(
        self, batch: str, state: str, replies: Sequence[CachedReply], error: str | None
    ) -> tuple[set[str], set[str]] | None:
        moment = now()
        of_batch = (calls.c.state == "asking") & (calls.c.owner == BATCH + batch)
        with writing(self._engine) as connection:
            ended = connection.execute(
                update(batches)
                .where(batches.c.id == batch, batches.c.state.in_(("submitting", "submitted")))
                .values(state=state, error=error, finished=moment)
            )
            if ended.rowcount != 1:
                return None
            asked = set(connection.execute(select(calls.c.key).where(of_batch)).scalars())
            kept = [reply for reply in replies if reply.key in asked]
            if kept:
                connection.execute(FINISH, finish_rows(kept, moment))
            connection.execute(calls.delete().where(of_batch))
            answered = {reply.key for reply in kept}
            connection.execute(
                update(batches)
                .where(batches.c.id == batch)
                .values(answered=len(answered), failed=len(asked) - len(answered))
            )
        return answered, asked - answered


def _batch(row: object) -> BatchJob:
    return BatchJob(*(getattr(row, name) for name in BatchJob._fields))
