"""Keeping the memory that training frees, so that it need not be cleared and mapped again."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library to reuse large blocks instead of handing them back to the system; whether it did.

    A training step allocates the same large tensors again and again. By default glibc maps each of them afresh, and
    the page faults can cost more than the arithmetic: 4 times slower in a sandboxed container. Linux with glibc only;
    elsewhere nothing happens. The process's peak memory does not change, but it keeps it until it ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all([mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, 2**31 - 1), mallopt(_M_TOP_PAD, 64 * 2**20)])
