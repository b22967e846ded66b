"""From the object that a command printed to a verdict."""

from __future__ import annotations

import math
from typing import Any

from openbook.studies.results import Also, ClaimResult, Run
from openbook.studies.schema import VERDICTS, Size, SizeName, Verdict

_ROUNDING = 1e-12


def read_number(found: Any, path: str) -> float | None:
    """The number under keys separated by dots; None where there is none."""
    for key in path.split("."):
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        return None
    return float(found)


def _read_interval(found: Any, path: str | None) -> tuple[float, float] | None:
    if path is None:
        return None
    low, high = read_number(found, f"{path}.0"), read_number(found, f"{path}.1")
    return None if low is None or high is None else (low, high)


def distance(measured: float, size: Size) -> float:
    """How far a number is on the wrong side of its target; 0 where it is on the right one."""
    gap = measured - size.target
    match size.direction:
        case "at_least":
            return max(0.0, -gap)
        case "at_most":
            return max(0.0, gap)
        case _:
            return abs(gap)


def judge(size: Size, name: SizeName, run: Run) -> ClaimResult:
    """What a run says of a claim.

    Reproduced within the tolerance, partly within ``partly`` or where a further number (``also``) disagrees. A smaller
    size cannot say better than its ``best`` nor worse than its ``worst``; where that changes the verdict, the reason
    says so.
    """
    measured = read_number(run.found, size.read)
    result = ClaimResult(
        verdict="not run",
        published=size.published,
        target=size.target,
        seconds=run.seconds,
        size=name,
        scale=size.scale,
        run=run.key,
    )
    if measured is None:
        return result.model_copy(update={"reason": f"the command printed no number at {size.read}"})
    also = {
        path: Also(
            measured=(value := read_number(run.found, path)),
            expected=expected,
            agrees=value is not None and abs(value - expected) <= size.tolerance + _ROUNDING,
        )
        for path, expected in size.also.items()
    }
    verdict, reason = _verdict(measured, size, also)
    bounded, limit = _bounded(verdict, size)
    return result.model_copy(
        update={
            "verdict": bounded,
            "reason": "; ".join(part for part in (reason, limit) if part),
            "measured": measured,
            "interval": _read_interval(run.found, size.interval),
            "also": also,
        }
    )


def _verdict(measured: float, size: Size, also: dict[str, Also]) -> tuple[Verdict, str]:
    gap = distance(measured, size)
    if gap <= size.tolerance + _ROUNDING:
        off = [path for path, one in also.items() if not one.agrees]
        return ("partly", f"{', '.join(off)} differ") if off else ("reproduced", "")
    if size.partly is not None and gap <= size.partly + _ROUNDING:
        return "partly", f"off by {gap:.3g}, within {size.partly:g} but not {size.tolerance:g}"
    return "not reproduced", f"off by {gap:.3g}, tolerance {size.tolerance:g}"


def _bounded(verdict: Verdict, size: Size) -> tuple[Verdict, str]:
    if VERDICTS.index(verdict) < VERDICTS.index(size.best):
        return size.best, "a smaller size than the paper's cannot say more"
    if VERDICTS.index(verdict) > VERDICTS.index(size.worst):
        return size.worst, "says nothing against the paper's size"
    if verdict == "not reproduced" and size.worst == "not run":
        return "not run", "the paper's size was not run; that a smaller one falls short says nothing against it"
    return verdict, ""
