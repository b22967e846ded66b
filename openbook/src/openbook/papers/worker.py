"""A process that reads papers one after the other, under limits, for ``openbook.papers.safely``.

Each request is one line of JSON on stdin (``path``, ``seconds``, and ``options`` for what is made of the paper), each
reply one line of JSON on stdout. The parent kills a worker that is late; the kernel ends one that spins or eats memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Generator
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from openbook.papers.paper import Paper


def _limit(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's clock is the only guard
        return
    size = megabytes << 20
    for kind, value in ((resource.RLIMIT_AS, size), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _limit_time(seconds: float) -> None:
    """Processor time: a soft limit a little after the parent's patience ends, moved on with every paper."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 5
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _maker(name: str) -> Callable[[Paper, Any], Any]:
    """The function ``package.module:function``."""
    module, _, attribute = name.partition(":")
    found: Callable[[Paper, Any], Any] = getattr(import_module(module), attribute)
    return found


def _driven(steps: Generator[Any, None, Any], replies: TextIO) -> Any:
    """What a generator returns; what it yields is sent at once."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        replies.write(json.dumps({"progress": step}) + "\n")
        replies.flush()


def main() -> None:
    """Serve until stdin closes.

    The memory limit in megabytes is the first argument. A second one, ``package.module:function``, names what is to be
    made of each paper and sent in its place: it is given the paper and the request's options, and returns JSON. One that
    is a generator returns it at its end; what it yields before (JSON) is sent as it comes, as ``progress``.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)  # nothing that a library prints may get into a reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(int(sys.argv[1]))
    from openbook.errors import OpenbookError
    from openbook.papers.reading import read_paper
    from openbook.papers.wire import to_wire

    make = _maker(sys.argv[2]) if len(sys.argv) > 2 else None
    replies.write('{"ready": true}\n')
    replies.flush()
    for line in sys.stdin:
        request = json.loads(line)
        _limit_time(request["seconds"])
        try:
            paper = read_paper(request["path"])
            if make is None:
                text = json.dumps({"paper": to_wire(paper)})
            else:
                made = make(paper, request["options"])
                text = json.dumps({"made": _driven(made, replies) if isinstance(made, Generator) else made})
        except OpenbookError as error:
            text = json.dumps({"error": str(error)})
        except MemoryError:
            text = json.dumps({"problem": "too large: reading it needs more memory than a paper may take"})
        except RecursionError:
            text = json.dumps({"problem": "damaged: nested too deeply"})
        except Exception as error:  # a bug of ours, or of a library, met bad content: the batch must go on
            text = json.dumps({"problem": f"damaged: reading it failed ({type(error).__name__}: {str(error)[:200]})"})
        replies.write(text + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
