"""The ledger: papers, runs, answers, evidence, model calls and corrections, in one database.

SQLite by default, PostgreSQL by URL, the same code for both. Nothing in it is overwritten by a person's correction,
and no question in it is asked twice.
"""

from openbook.ledger.database import LedgerError
from openbook.ledger.reply_cache import CachedReply, Claims, Question, ReplyCache
from openbook.ledger.store import Event, Ledger
from openbook.ledger.tables import run_key

__all__ = ["CachedReply", "Claims", "Event", "Ledger", "LedgerError", "Question", "ReplyCache", "run_key"]
