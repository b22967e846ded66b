"""``arlearn compile``: a program becomes a linear predictor with exact weights, proved if asked."""

import inspect
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arlearn.cli import app

if TYPE_CHECKING:
    from arlearn.programs.steps import Program

compile_app = typer.Typer(
    no_args_is_help=True,
    help="Compile a program to a linear predictor with exact weights that writes it out, one token a step.\n\n"
    "The result is a model like any other: `arlearn generate DIR`, `arlearn evaluate DIR`.",
)
app.add_typer(compile_app, name="compile")
LONGEST_EXAMPLE = 100  # characters of a prompt that is shown on the terminal


def _command(build: Callable[..., "Program | None"]) -> Callable[..., "Program | None"]:
    """Make a function from options to a program a command, which has the options of ``_finish`` as well.

    An option that both have is described by ``build``. Where there is no program, nothing is compiled.
    """
    own, shared = (dict(inspect.signature(each).parameters) for each in (build, _finish))
    del shared["program"]
    both = {"out": shared["out"], **own, **shared, **own}

    def command(**given: Any) -> None:
        program = build(**{name: given[name] for name in own})
        if program is not None:
            _finish(program, **{name: given[name] for name in shared})

    command.__name__, command.__doc__ = build.__name__, build.__doc__
    command.__annotations__ = {name: each.annotation for name, each in both.items()}
    options = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in both.values()]
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    compile_app.command()(command)
    return build


def _finish(
    program: "Program",
    out: Annotated[Path, typer.Option("--out", "-o", help="Write the model to this directory.", show_default=False)],
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Prove the stored weights right for every combination of tokens that can reach a step, in float32, "
            "float16 and bfloat16, and run all inputs if there are few. Write nothing if that fails.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    centred: Annotated[
        bool,
        typer.Option(
            "--centred", help="Count sums from the middle of their range, so that scores are four times smaller."
        ),
    ] = False,
    context: Annotated[
        int | None, typer.Option("--context", min=1, help="Refuse a program that needs a longer context.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate", help="Write the proof to this file, for tools/check_certificate.py. Implies --check."
        ),
    ] = None,
) -> None:
    """Compile, prove if asked, save, report. Raises ArlearnError, before anything is written, if the proof fails."""
    import json
    import time

    from arlearn.errors import ArlearnError
    from arlearn.evaluation.exact_match import check_program
    from arlearn.files import write_atomically
    from arlearn.predictors.saving import save_predictor
    from arlearn.programs import certificate as certificates
    from arlearn.programs.compiling import compile_program
    from arlearn.tasks.program import ProgramTask

    if (out / "recipe.toml").exists():
        raise ArlearnError(f"{out} holds a trained model, which would be lost; choose another --out")
    if certificate is not None and certificate.is_dir():
        raise ArlearnError(f"{certificate} is a directory; give --certificate the name of a file to write")
    began = time.perf_counter()
    predictor = compile_program(program, centred=centred, context=context)
    task = ProgramTask(program)
    report: dict[str, Any] = {
        "program": program.name,
        "proved": None,
        "prompt_tokens": task.prompt_length,
        "generated_tokens": None if task.looped else task.generated,
        "passes": "any" if task.looped else 1,
        "period": task.semantics.period or None,
        "context": None if task.looped else task.context,
        "vocabulary": task.vocabulary,
        "parameters": predictor.parameter_count(),
        "bytes": sum(p.numel() * p.element_size() for p in predictor.parameters()),
    }
    if check or certificate is not None:
        report |= check_program(program, predictor, task)
    report["certificate"] = None if certificate is None else str(certificate)
    if program.interface.get("kind") in ("tape", "universal"):
        report["tokens_per_step"] = task.semantics.period or task.prompt_length
    report["seconds"] = round(time.perf_counter() - began, 3)
    report["peak_memory_bytes"] = _peak()
    if report["proved"] is False:
        if as_json:
            print(json.dumps(report | {"out": None}))
        raise ArlearnError(f"{program.name} is not proved, so nothing was written: {'; '.join(report['faults'])}")
    proof = None if certificate is None else certificates.certificate(program, predictor, report["safe_in"])
    told = (
        "program",
        "passes",
        "period",
        "prompt_tokens",
        "generated_tokens",
        "vocabulary",
        "parameters",
        "tokens_per_step",
    )
    card = {
        "program": {key: report[key] for key in told if key in report},
        "task": {"kind": task.kind, "configuration": task.configuration()},
        "seconds": report["seconds"],
    }
    save_predictor(predictor, out, card | {"metrics": {} if report["proved"] is None else {"proof": report}})
    if proof is not None and certificate is not None:
        write_atomically(certificate, certificates.seal(proof, out))
    if as_json:
        print(json.dumps(report | {"out": str(out)}))
    else:
        command = ["arlearn", "generate", str(out)]
        if task.default_prompt is None:
            example = task.interface.example()
            if len(example) <= LONGEST_EXAMPLE:
                command += ["--machine" if program.interface.get("kind") == "universal" else "--prompt", example]
            else:
                command[1] = "evaluate"
        _print(report, out, shlex.join(command))


@_command
def multiplication(
    digits: Annotated[int, typer.Option(min=1, max=99, help="The number of digits of each number.")] = 4,
) -> "Program":
    """Compile the multiplication of two numbers. N digits take 2N² + 2N + 1 tokens."""
    from arlearn.programs import arithmetic

    return arithmetic.multiplication(digits)


@_command
def addition(
    digits: Annotated[int, typer.Option(min=1, max=99, help="The number of digits of each number.")] = 4,
) -> "Program":
    """Compile the addition of two numbers. N digits take 2N + 1 tokens."""
    from arlearn.programs import arithmetic

    return arithmetic.addition(digits)


@_command
def parity(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the model to this directory.", show_default=False)
    ] = None,
    bits: Annotated[int, typer.Option(min=2, max=4096, help="The number of bits.")] = 16,
    step: Annotated[int, typer.Option(min=1, help="The number of bits that each pair of tokens processes.")] = 1,
    write_circuit: Annotated[
        Path | None, typer.Option("--write-circuit", help="Write the circuit's text to this file.")
    ] = None,
) -> "Program | None":
    """Compile the parity of N bits, the paper's own example. The fewer bits each step takes, the more tokens it needs."""
    from arlearn.files import write_atomically
    from arlearn.programs.circuits import parity_circuit

    if out is None and write_circuit is None:
        raise typer.BadParameter("give --out DIR, --write-circuit FILE, or both")
    circuit = parity_circuit(bits, step)
    if write_circuit is not None:
        text = "\n".join([f"# {circuit.name}, {step} bits a step", *circuit.lines()]) + "\n"
        write_atomically(write_circuit, text)
    return None if out is None else circuit.program()


@_command
def circuit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A circuit's text, or the name of an example (parity16).")
    ],
) -> "Program":
    """Compile a circuit of AND, OR, NOT, XOR, majority and (weighted) threshold gates from its text."""
    from arlearn.programs import circuits
    from arlearn.programs.text import example_text

    text, name = example_text(file, ".txt")
    return circuits.parse(text, name).program()


@_command
def turing(
    machine: Annotated[
        str,
        typer.Argument(
            metavar="MACHINE", help="A TOML file, an example (busy-beaver-4), or a line such as 1RB1LB_1LA1RH."
        ),
    ],
    input: Annotated[str | None, typer.Option("--input", help="Compile for this input alone.")] = None,
    length: Annotated[
        int, typer.Option(help="Without --input, compile for every input of up to this many symbols.")
    ] = 8,
    unrolled: Annotated[
        bool,
        typer.Option("--unrolled", help="Write the steps out one by one, for a bounded time, instead of as a loop."),
    ] = False,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", help="Bound the time to this many steps (implies --unrolled). Default: no bound."),
    ] = None,
    tape: Annotated[
        int | None, typer.Option("--tape", help="The number of cells of the tape. Default: as many as the inputs need.")
    ] = None,
) -> "Program":
    """Compile a Turing machine with a bounded tape. It runs for any time and writes one token for each cell and step."""
    from arlearn.programs import turing as machines
    from arlearn.programs.text import example_text
    from arlearn.programs.turing import find_bounds
    from arlearn.programs.turing_programs import looped_program, unrolled_program

    if machines.is_notation(machine):
        parsed = machines.parse(machine, "machine")
    else:
        parsed = machines.parse(*example_text(machine, ".toml"))
    looped = not unrolled and max_steps is None
    bounds = find_bounds(parsed, input, length, max_steps, tape, looped)
    return looped_program(parsed, bounds) if looped else unrolled_program(parsed, bounds)


@_command
def universal(
    states: Annotated[
        int, typer.Option(min=1, max=25, help="The most states that a machine may have, the halting one not counted.")
    ] = 4,
    symbols: Annotated[
        int, typer.Option(min=2, max=10, help="The most symbols that a machine may have, the blank included.")
    ] = 2,
    cells: Annotated[int, typer.Option(min=1, max=4096, help="The number of cells of the tape.")] = 16,
) -> "Program":
    """Compile one predictor that runs every Turing machine of these sizes. The machine's table and tape are the prompt."""
    from arlearn.programs.universal import Sizes, universal_program

    return universal_program(Sizes(states, symbols, cells))


@_command
def program(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A program's text, TOML or JSON (docs/programs.md).")],
) -> "Program":
    """Compile a program in the language of steps: join, lookup, copy, constant, add, compare, select."""
    from arlearn.programs.text import example_text, parse_program

    text, name = example_text(str(file), ".program.toml")
    return parse_program(text, name)


@_command
def python(
    function: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="A Python file, or an example (gcd.py), and a function in it.")
    ],
    inputs: Annotated[
        str,
        typer.Option(
            "--inputs", help='Compile for these ranges of the parameters: "a:0..255,b:-9..9".', show_default=False
        ),
    ],
    numbers: Annotated[
        str,
        typer.Option(
            "--numbers", help="End the run with an overflow when a number of the computation leaves this range."
        ),
    ] = "-99999..99999",
) -> "Program":
    """Compile a Python function of whole numbers. Its loops may run any number of times.

    docs/programs.md says which part of Python is understood.
    """
    from pathlib import PurePath

    from arlearn.errors import ArlearnError
    from arlearn.programs.python_functions import python_program
    from arlearn.programs.python_prompts import parse_ranges
    from arlearn.programs.python_reading import read_source
    from arlearn.programs.text import example_text

    file, _, name = function.rpartition(":")
    if not file or not name.isidentifier():
        raise ArlearnError(f"{function!r} does not name a function; write FILE.py:NAME, as in gcd.py:gcd")
    text, _ = example_text(file, ".py")
    source = read_source(text, PurePath(file).name, name)
    span = parse_ranges(f"numbers:{numbers}")["numbers"]
    return python_program(source, parse_ranges(inputs), span)


def _peak() -> int:
    """Most memory this process has held, in bytes."""
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _print(report: dict[str, Any], out: Path, next_command: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("program", report["program"])
    generated = f"{report['generated_tokens']} generated"
    if report["period"]:
        generated = f"{report['period']} in each pass, until it halts"
    table.add_row("tokens", f"{report['prompt_tokens']} prompt + {generated}")
    if "tokens_per_step" in report:
        table.add_row("a step", f"{report['tokens_per_step']} tokens for each step of the machine")
    table.add_row("vocabulary", f"{report['vocabulary']:,} tokens")
    table.add_row("weights", f"{report['parameters']:,} stored, {report['bytes']:,} bytes")
    if report["proved"] is not None:
        table.add_row(
            "proved",
            f"[green]yes[/], for all inputs{' and any number of passes' if report['period'] else ''}:"
            f" {report['steps_checked']} steps ({report['distinct_steps']} distinct),"
            f" {report['combinations']:,} combinations of tokens",
        )
        table.add_row("least margin", f"{report['minimum_margin']:g} (largest score {report['largest_score']:g})")
        if "identity" in report:
            table.add_row("identity", "the steps give the right number for all inputs, by algebra")
        if "inputs_run" in report:
            more = report.get("inputs_not_halted")
            limit = "in their share of 4 million tokens"
            if "inputs_drawn" in report:
                limit = "in 40,000 tokens, or leave the range of --numbers"
            unfinished = f"; {more:,} do not halt {limit}" if more else ""
            said = f"{report['inputs_run']:,} run, {report['inputs_wrong']} wrong{unfinished}"
            table.add_row(f"{report.get('inputs_drawn', 'all')} inputs", said)
        if "machines_run" in report:
            said = (
                f"{report['machines_run']} random ones like a simulator at every step, {report['machines_wrong']} not"
            )
            table.add_row("machines", said)
        for name, verdict in report["formats"].items():
            table.add_row(name, f"{'[green]safe[/]' if verdict['safe'] else '[red]not safe[/]'}: {verdict['why']}")
    table.add_row("took", f"{report['seconds']:.2f} s, {report['peak_memory_bytes'] / 1e6:,.0f} MB at most")
    if report["certificate"] is not None:
        table.add_row("certificate", f"{report['certificate']}, for tools/check_certificate.py")
    console.print(table)
    console.print(f"\nSaved to {out}. Try: {next_command}", soft_wrap=True)
