"""Questions to models: each is claimed before it is asked, and its answer kept, so that none is paid for twice.

Several processes may share a ledger. A process claims a question (inserts its row); whoever comes later finds either
the answer or a claim, and waits. A claim lapses when its process has died or has not renewed it for a lease.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from openbook.ledger.database import now, reading, writing
from openbook.ledger.tables import calls

#: Seconds after which a claim that nobody renewed may be taken over.
LEASE = 120.0
#: What the owner of a question begins with that is in a batch, before the batch's id. Such a claim does not lapse.
BATCH = "batch:"


class CachedReply(NamedTuple):
    """What a model answered, and what it cost. ``cost`` in US dollars, ``seconds`` of waiting."""

    key: str
    response: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


class Question(NamedTuple):
    """A question to a model, by the hash of everything that decides its answer (64 hex digits)."""

    key: str
    model: str
    paper: str | None = None


@dataclass(slots=True)
class Claims:
    """How a set of questions stands: ours to ask, answered before, being asked by another process, or in a batch."""

    ours: list[str]
    answered: dict[str, CachedReply]
    elsewhere: list[str]
    batched: list[str]


#: Keeps an answer, if the question has none; for rows of ``finish_rows``.
FINISH = (
    update(calls)
    .where(calls.c.key == bindparam("new_key"), calls.c.state == "asking")
    .values(
        state="done",
        **{name: bindparam(f"new_{name}") for name in (*CachedReply._fields[1:], "finished")},
    )
)


class ReplyCache:
    """The replies of one ledger, as one process sees them."""

    def __init__(self, engine: Engine, *, lease: float = LEASE) -> None:
        self._engine = engine
        self._lease = lease
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{_process_start(os.getpid())}"

    def claim(self, questions: Sequence[Question]) -> Claims:
        """Claim what can be claimed, in one transaction. Claiming what is ours already keeps it ours."""
        claims = Claims([], {}, [], [])
        if not questions:
            return claims
        moment = time.time()
        wanted = {question.key: question for question in questions}
        with writing(self._engine) as connection:
            insert_claims(connection, wanted.values(), self.owner, moment)
            found = rows_of(connection, list(wanted))
            for key in wanted:
                row = found[key]
                if row.state == "done":
                    claims.answered[key] = reply_of(row)
                elif row.owner.startswith(BATCH):
                    claims.batched.append(key)
                elif row.owner == self.owner or self._take_over(connection, row, moment):
                    claims.ours.append(key)
                else:
                    claims.elsewhere.append(key)
        return claims

    def _take_over(self, connection: Connection, row: Any, moment: float) -> bool:
        """Take a lapsed claim; of several who try, one succeeds."""
        owner, claimed, key = row.owner, row.claimed, row.key
        if not lapsed(row, self._lease, moment):
            return False
        taken = connection.execute(
            update(calls)
            .where(calls.c.key == key, calls.c.state == "asking", calls.c.owner == owner, calls.c.claimed == claimed)
            .values(owner=self.owner, claimed=moment)
        )
        return taken.rowcount == 1

    def finish(self, replies: Iterable[CachedReply]) -> None:
        """Keep these answers. The first answer to a question stays."""
        rows = finish_rows(replies, now())
        if rows:
            with writing(self._engine) as connection:
                connection.execute(FINISH, rows)

    def renew(self) -> None:
        """Say that this process still works on what it claimed."""
        with writing(self._engine) as connection:
            connection.execute(
                update(calls).where(calls.c.state == "asking", calls.c.owner == self.owner).values(claimed=time.time())
            )

    def release(self, keys: Iterable[str]) -> None:
        """Release claims whose questions were not answered, so that others may ask."""
        with writing(self._engine) as connection:
            for key in keys:
                connection.execute(
                    calls.delete().where(calls.c.key == key, calls.c.state == "asking", calls.c.owner == self.owner)
                )

    def replies(self, keys: Sequence[str]) -> dict[str, CachedReply]:
        """Those of these questions that are answered."""
        with reading(self._engine) as connection:
            return {key: reply_of(row) for key, row in rows_of(connection, keys).items() if row.state == "done"}


def insert_claims(connection: Connection, questions: Iterable[Question], owner: str, moment: float) -> None:
    """Claim those of these questions that nobody asked yet, in one order: two processes never wait for each other."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(calls)
    rows = [
        {
            "key": question.key,
            "model": question.model,
            "paper": question.paper,
            "state": "asking",
            "owner": owner,
            "claimed": moment,
            "input_tokens": 0,
            "output_tokens": 0,
            "cost": 0.0,
            "seconds": 0.0,
        }
        for question in sorted(questions, key=lambda question: question.key)
    ]
    if rows:
        connection.execute(insert.on_conflict_do_nothing(index_elements=["key"]), rows)


def finish_rows(replies: Iterable[CachedReply], moment: str) -> list[dict[str, Any]]:
    """Answers as ``FINISH`` takes them."""
    rows = [reply._asdict() | {"finished": moment} for reply in replies]
    return [{f"new_{name}": value for name, value in row.items()} for row in rows]


def rows_of(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    """The rows of those of these questions that were ever asked, by key."""
    found: dict[str, Any] = {}
    for first in range(0, len(keys), 500):  # databases limit the number of variables in one statement
        some = keys[first : first + 500]
        found |= {row.key: row for row in connection.execute(select(calls).where(calls.c.key.in_(some)))}
    return found


def reply_of(row: Any) -> CachedReply:
    """The answer in a question's row."""
    return CachedReply(*(getattr(row, name) for name in CachedReply._fields))


def _process_start(pid: int) -> int:
    """When the process started: with its number, this names it for ever."""
    import psutil

    return int(psutil.Process(pid).create_time())


def lapsed(row: Any, lease: float, moment: float) -> bool:
    """Whether a process's claim on a question may be taken over."""
    return bool(row.claimed + lease <= moment) or is_dead(row.owner)


def is_dead(owner: str) -> bool:
    """Whether the claiming process ran on this machine and is gone. False where that cannot be known."""
    import psutil

    host, pid, start = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        return abs(_process_start(int(pid)) - int(start)) > 1
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
