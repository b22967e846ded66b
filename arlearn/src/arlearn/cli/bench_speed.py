"""``arlearn bench step`` and ``generate``: against the usual dense masked layer; ``maps``: packed against shift."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arlearn.cli.bench import bench_app

if TYPE_CHECKING:
    from arlearn.benchmarks.machine import Size

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="A tiny size, no text: shows that it runs, measures nothing of interest.")
]
Context = Annotated[int, typer.Option(min=1, help="T, the context length.")]
Width = Annotated[int, typer.Option(min=1, help="d, the width.")]
Vocabulary = Annotated[int, typer.Option(min=300, help="V, the number of tokens.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: PyTorch's, all cores.")]


@bench_app.command()
def step(
    context: Context = 64,
    width: Width = 256,
    vocabulary: Vocabulary = 50_258,
    batch: Annotated[int, typer.Option(min=1, help="Sequences in a batch. 128 needs 16 GB for both.")] = 128,
    data: Annotated[
        Path | None, typer.Option(help="Text for the rows on real text. Default: as in train, small.")
    ] = None,
    text: Annotated[bool, typer.Option(help="Measure the rows on real text too.")] = True,
    seconds: Annotated[float, typer.Option(min=1, help="Time for the whole, about.")] = 270,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """One training step: the packed map, fused cross-entropy and fused AdamW against the dense masked layer.

    The baseline multiplies its weight by the mask in each forward and uses F.cross_entropy and AdamW as they come.
    """
    from arlearn.benchmarks.step import bench_step

    size = _size(quick, context, width, vocabulary, batch, threads)
    result = bench_step(size, seconds, data, text and (not quick or data is not None), _tell)
    if as_json:
        print(json.dumps(result))
        return
    _print_step(result)


@bench_app.command("generate")
def generate_(
    context: Context = 64,
    width: Width = 256,
    vocabulary: Vocabulary = 50_258,
    seconds: Annotated[float, typer.Option(min=1, help="Time for the whole, about.")] = 60,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Generation at batch 1 up to T tokens, against the dense masked layer rerun for every token."""
    from arlearn.benchmarks.generation import bench_generate

    result = bench_generate(_size(quick, context, width, vocabulary, 1, threads), seconds, _tell)
    if as_json:
        print(json.dumps(result))
        return
    print(f"ours: {result['tokens_per_second']:,.1f} tokens/s, {1000 * result['token_seconds']:.2f} ms a token")
    for name, key in (
        ("masked in each forward (the baseline)", "speedup"),
        ("masked once", "speedup_masked_once"),
        ("our packed forward", "speedup_packed_forward"),
    ):
        way = {"speedup": "masked_in_each_forward"}.get(key, key.removeprefix("speedup_"))
        print(f"  {name:38} {1000 * result['baseline_token_seconds'][way]:9.2f} ms   {result[key]:7.1f}x")
    print(f"logits differ by at most {result['logits_difference']:.1e}")
    print(
        f"memory is read at {result['read_rate'] / 1e9:.1f} GB/s: {result['bytes_read_per_token'] / 1e6:.0f} MB a token "
        f"allow {result['bound_tokens_per_second']:,.0f} tokens/s, of which {100 * result['read_share']:.0f} % are reached; "
        f"the baseline moves {result['bytes_ratio']:.0f} times as many bytes"
    )


@bench_app.command()
def maps(
    context: Context = 64,
    width: Width = 128,
    vocabulary: Vocabulary = 2048,
    batch: Annotated[int, typer.Option(min=1, help="Sequences in a batch.")] = 64,
    seconds: Annotated[float, typer.Option(min=1, help="Time for the whole, about.")] = 60,
    threads: Threads = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """One training step of the linear predictor: a block for each pair of positions against one for each distance."""
    from arlearn.benchmarks.maps import bench_maps

    result = bench_maps(_size(quick, context, width, vocabulary, batch, threads), seconds, _tell)
    if as_json:
        print(json.dumps(result))
        return
    for kind, rate in result["tokens_per_second"].items():
        print(f"{kind:7} {result['parameters'][kind]:13,} weights  {rate:10,.0f} tokens/s")
    print(f"shift is {result['speedup']:.1f} times as fast")


def _size(quick: bool, context: int, width: int, vocabulary: int, batch: int, threads: int | None) -> Size:
    import torch

    from arlearn.benchmarks.machine import QUICK, Size

    if threads is not None:
        torch.set_num_threads(threads)
    return QUICK if quick else Size(context, width, vocabulary, batch)


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _print_step(result: dict[str, Any]) -> None:
    mine, base = result["seconds"], result["baseline_seconds"]
    print("seconds          forward  backward  optimiser     step   peak GB")
    for name, row, total, peak in (
        ("baseline", base, result["baseline_step_seconds"], result["baseline_peak_bytes"]),
        ("ours", mine, result["step_seconds"], result["peak_bytes"]),
    ):
        times = f"{row['forward']:8.2f}  {row['backward']:8.2f}  {row['optimiser']:9.2f}  {total:7.2f}"
        print(f"{name:15} {times}   {peak / 1e9:7.2f}")
    print(f"speed-up {result['speedup']:.2f}x, with fused AdamW on both sides {result['speedup_equal_optimiser']:.2f}x")
    print(f"peak memory {100 * result['memory_ratio']:.0f} % of the baseline's")
    print(f"losses over 20 steps differ by at most {result['loss_difference']:.1e} (at a smaller size)")
    print(
        f"{result['operations'] / 1e9:,.0f} GFLOP at this machine's {result['gemm_rate'] / 1e9:.0f} GFLOP/s: "
        f"{result['bound_seconds']:.2f} s, {result['bound_speedup']:.2f}x; reached {100 * result['gemm_share']:.0f} %"
    )
    rows = result.get("real_text", {})
    if rows:
        print(f"\non real text ({rows['text']['source']}, {rows['text']['tokens']:,} tokens):")
        if "skipped" in rows:
            print(f"  not measured: {rows['skipped']}")
    for name in ("exact", "filtered", "compact", "compact_filtered"):
        if name in rows:
            row = rows[name]
            print(f"  {name:17} {row['step_seconds']:6.2f} s  {row['speedup']:5.2f}x  {_note(row)}")


def _note(row: dict[str, Any]) -> str:
    if "gradient_relative_error" in row:
        return (
            f"{100 * row['tiles_skipped']:.0f} % of tiles skipped; gradient off by "
            f"{100 * row['gradient_relative_error']:.2f} % (cosine {row['gradient_cosine']:.6f})"
        )
    return f"{row['vocabulary']:,} tokens occur" if "vocabulary" in row else ""
