"""The process that reads papers one after the other, under limits: ``python -m openbook.papers.worker_entry``.

``openbook.papers.sandbox`` starts it. Each request is one line of JSON on stdin: ``path``, ``seconds`` and the ``options``
of the task. Each reply is one line of JSON on stdout: ``progress`` any number of times, then one of ``paper``, ``result``,
``problem`` and ``error``. The parent kills a worker that is late; the kernel ends one that spins or takes too much memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any, TextIO


def main() -> None:
    """Serve until stdin closes.

    The first argument is the memory limit in megabytes. The second, if any, is the sandbox's ``task`` as
    ``package.module:function``: its result is sent in place of the paper. A third, ``path``: the task takes the path and
    reads what it needs itself.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)  # nothing that a library prints may get into a reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(int(sys.argv[1]))
    from openbook.errors import OpenbookError
    from openbook.papers.reading import read_paper

    task = _imported(sys.argv[2]) if len(sys.argv) > 2 else None
    subject: Callable[[str], Any] = str if sys.argv[3:] == ["path"] else read_paper
    _send(replies, json.dumps({"ready": True}))
    for line in sys.stdin:
        request = json.loads(line)
        _limit_time(request["seconds"])
        try:
            if task is None:
                reply = json.dumps({"paper": read_paper(request["path"]).packed()})
            else:
                result = task(subject(request["path"]), request["options"])
                reply = json.dumps({"result": _last(result, replies) if isinstance(result, Generator) else result})
        except OpenbookError as error:
            reply = json.dumps({"error": str(error)})
        except MemoryError:
            reply = json.dumps({"problem": "too large: reading it needs more memory than one paper may take"})
        except RecursionError:
            reply = json.dumps({"problem": "damaged: nested too deeply"})
        except Exception as error:  # bad content met a bug of ours or of a library: the batch must go on
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            reply = json.dumps({"problem": f"damaged: reading it failed ({reason})"})
        _send(replies, reply)


def _send(replies: TextIO, reply: str) -> None:
    replies.write(reply + "\n")
    replies.flush()


def _last(steps: Generator[Any, None, Any], replies: TextIO) -> Any:
    """The value that a generator returns; each value that it yields is sent at once as progress."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        _send(replies, json.dumps({"progress": step}))


def _imported(name: str) -> Callable[[Any, Any], Any]:
    """A task. Its module may have a function ``warm_up``, which loads what the first paper will need."""
    module_name, _, function = name.partition(":")
    module = import_module(module_name)
    getattr(module, "warm_up", lambda: None)()
    task: Callable[[Any, Any], Any] = getattr(module, function)
    return task


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's clock is the only guard
        return
    size = megabytes << 20
    for kind, value in ((resource.RLIMIT_AS, size), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _limit_time(seconds: float) -> None:
    """Limit the processor time of the next paper to a little more than the parent's patience."""
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 5
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
