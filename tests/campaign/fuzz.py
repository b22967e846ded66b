"""Many mutations of small papers through every reader: ``make fuzz FUZZ_MUTATIONS=1000000``.

A forked process reads one mutation after the other, with a limit of processor time and of memory for each. A crash, an
exception, a broken span, a hang or too much memory is a finding; it is written down with its number, and
``python tests/campaign/fuzz.py --again FORMAT NUMBER`` reads it once more. What is done is kept, so that the same command
goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import mmap
import os
import resource
import select
import struct
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from mutations import FORMATS, SUFFIXES, check, mutation, seeds_of

CHUNK = 1000
SHARES = {"PDF": 2, "LaTeX": 1, "archive": 2, "HTML": 4, "TEI": 6, "JATS": 6, "Markdown": 2, "text": 5}
SECONDS = 10
"""Processor time for one mutation; the slowest that the table names may come near it."""
MEGABYTES = 512
"""Memory that one mutation may take beside what the process already has."""
SILENCE = 300
"""Seconds of the clock without an answer, after which the process counts as hanging without work."""


def read_one(kind: str, data: bytes) -> str | None:
    """Read a paper and check it; the problem that it is refused with, None where it is read."""
    from openbook.papers.reading import read_bytes

    try:
        paper = read_bytes(data, source="mutation", suffix=SUFFIXES[kind])
    except RecursionError:  # the reading process answers "damaged: nested too deeply"
        return "damaged: nested too deeply"
    check(paper)
    json.dumps(paper.packed())
    return paper.problem


def child(kind: str, seed: int, chunk: int, skipped: set[int], place: mmap.mmap, out: int, most: int) -> None:
    """Read the mutations of one chunk and write what came of them to ``out``, a line of JSON for each."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    base = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (base + (MEGABYTES << 20), base + (MEGABYTES << 20)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    counts: Counter[str] = Counter()
    slowest, slowest_number, findings = 0.0, -1, []
    for number in range(chunk * CHUNK, min((chunk + 1) * CHUNK, most)):
        if number in skipped:
            continue
        place[:8] = struct.pack("q", number)
        data = mutation(kind, seed, number)
        begin = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(begin) + SECONDS + 1, resource.RLIM_INFINITY))
        try:
            counts["refused" if read_one(kind, data) else "read"] += 1
        except BaseException as error:  # a bug, whatever it raises
            told = "".join(traceback.format_exception(error)[-3:])[-1500:]
            fault = (
                "memory"
                if isinstance(error, MemoryError)
                else "check"
                if isinstance(error, AssertionError)
                else "raised"
            )
            counts[fault] += 1
            findings.append({"number": number, "kind": fault, "told": told})
        if (took := time.process_time() - begin) > slowest:
            slowest, slowest_number = took, number
    gc.collect()
    answer = {"format": kind, "chunk": chunk, "counts": counts, "slowest": slowest, "slowest_number": slowest_number}
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer |= {"findings": findings, "seconds": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
    os.write(out, json.dumps(answer).encode() + b"\n")


def run_chunk(kind: str, seed: int, chunk: int, most: int) -> dict[str, Any]:
    """One chunk in a process of its own; a mutation that ends it is written down and left out of the next try."""
    place = mmap.mmap(-1, 8)
    skipped: set[int] = set()
    lost: list[dict[str, Any]] = []
    while True:
        come, go = os.pipe()
        place[:8] = struct.pack("q", -1)
        pid = os.fork()
        if pid == 0:
            try:
                os.close(come)
                child(kind, seed, chunk, skipped, place, go, most)
                os._exit(0)
            except BaseException:
                traceback.print_exc(file=sys.__stdout__)
                os._exit(70)
        os.close(go)
        line, seen, since = b"", -1, time.monotonic()
        while True:
            if select.select([come], [], [], 5)[0]:
                piece = os.read(come, 1 << 16)
                line += piece
                if not piece:
                    break
            else:
                now = struct.unpack("q", place[:8])[0]
                if now != seen:
                    seen, since = now, time.monotonic()
                elif time.monotonic() - since > SILENCE:
                    os.kill(pid, 9)
        os.close(come)
        _, status = os.waitpid(pid, 0)
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            for fault in lost:
                answer["counts"][fault["kind"]] = answer["counts"].get(fault["kind"], 0) + 1
            answer["findings"] += lost
            return answer
        number = struct.unpack("q", place[:8])[0]
        if number < 0 or os.waitstatus_to_exitcode(status) == 70:
            raise SystemExit("the campaign's own process failed; see above")
        code = os.waitstatus_to_exitcode(status)
        fault = "hang" if code in (-24, -9) else "crash"
        lost.append({"number": number, "kind": fault, "told": f"ended with {code}"})
        skipped.add(number)


def table(done: list[dict[str, Any]]) -> str:
    """What came of all chunks so far, by format."""
    head = "| format | mutations | refused with a reason | read | crashes, exceptions, broken spans | hangs | too much memory | slowest, s | peak, MB |"
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    rows = {kind: [entry for entry in done if entry["format"] == kind] for kind in FORMATS}
    for kind, entries in [*rows.items(), ("all", done)]:
        counts: Counter[str] = Counter()
        for entry in entries:
            counts.update(entry["counts"])
        bad = counts["raised"] + counts["check"] + counts["crash"]
        slowest = max((entry["slowest"] for entry in entries), default=0.0)
        peak = max((entry["peak"] for entry in entries), default=0.0)
        figures = f"{counts.total():,} | {counts['refused']:,} | {counts['read']:,} | {bad} | {counts['hang']} | {counts['memory']}"
        lines.append(f"| {kind} | {figures} | {slowest:.2f} | {peak:.0f} |")
    seconds = sum(entry["seconds"] for entry in done)
    lines.append(f"\n{seconds:,.0f} s of processor time")
    return "\n".join(lines)


def shares(mutations: int) -> dict[str, int]:
    """How many mutations each format gets."""
    whole = sum(SHARES.values())
    found = {kind: mutations * SHARES[kind] // whole for kind in FORMATS}
    found["PDF"] += mutations - sum(found.values())
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run what is left of the campaign; 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=1_000_000, help="How many, over all formats.")
    parser.add_argument("--seed", type=int, default=0, help="Another seed makes other mutations.")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="Where results are kept.")
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=FORMATS, help="Only these.")
    parser.add_argument("--again", nargs=2, metavar=("FORMAT", "NUMBER"), help="Read one mutation, in this process.")
    options = parser.parse_args(arguments)
    if options.again:
        kind, number = options.again[0], int(options.again[1])
        data = mutation(kind, options.seed, number)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{kind}-{number}{SUFFIXES[kind]}").write_bytes(data)
        print(read_one(kind, data) or "read")
        return 0
    logging.disable(logging.CRITICAL)
    read_one("PDF", seeds_of("PDF")[0])  # what one paper loads, before the fork
    for kind in FORMATS:
        for data in seeds_of(kind):
            read_one(kind, data)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"seed-{options.seed}-{options.mutations}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    done = [json.loads(line) for line in lines if line.endswith("}")]
    finished = {(entry["format"], entry["chunk"]) for entry in done}
    counts = shares(options.mutations)
    chunks = [(kind, at) for kind in options.formats for at in range((counts[kind] + CHUNK - 1) // CHUNK)]
    chunks.sort(key=lambda chunk: chunk[1] / counts[chunk[0]])  # all formats go forward together
    with path.open("a") as kept:
        for kind, at in chunks:
            if (kind, at) in finished:
                continue
            done.append(run_chunk(kind, options.seed, at, counts[kind]))
            kept.write(json.dumps(done[-1]) + "\n")
            kept.flush()
            for fault in done[-1]["findings"]:
                print(f"{kind} {fault['number']}: {fault['kind']}: {fault['told']}", flush=True)
    print(table(done))
    return int(any(entry["findings"] for entry in done))


if __name__ == "__main__":
    raise SystemExit(main())
