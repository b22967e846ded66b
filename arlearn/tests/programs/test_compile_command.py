"""``arlearn compile`` as a user runs it."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.predictors.saving import load_predictor

run = CliRunner()


def compiled(*arguments: str) -> dict[str, object]:
    result = run.invoke(app, ["compile", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_multiplication_with_its_proof(tmp_path: Path) -> None:
    report = compiled("multiplication", "--digits", "2", "--out", str(tmp_path / "m"), "--check")
    assert report["proved"] is True
    assert report["generated_tokens"] == 13
    assert report["vocabulary"] == 142
    assert report["minimum_margin"] == 1
    assert report["identity"] is True
    assert (report["inputs_run"], report["inputs_wrong"]) == (10_000, 0)
    assert "float32" in report["safe_in"]  # type: ignore[operator]
    predictor, card = load_predictor(tmp_path / "m")
    assert report["parameters"] == predictor.parameter_count() == card["parameters"]
    assert card["frozen"] == predictor.frozen() == ["embedding", "head", "map.weight"]
    assert card["metrics"]["proof"]["proved"] is True


def test_without_a_proof_nothing_is_claimed(tmp_path: Path) -> None:
    assert compiled("addition", "--digits", "3", "--out", str(tmp_path / "a"))["proved"] is None


@pytest.mark.parametrize(
    ("arguments", "generated"),
    [
        (("circuit", "thresholds"), 12),
        (("parity", "--bits", "9", "--step", "4"), 4),
        (("turing", "1RB1LB_1LA1RH", "--unrolled"), 24),
        (("turing", "binary-increment", "--length", "3", "--unrolled"), 40),
        (("program", "difference"), 4),
    ],
)
def test_every_kind_is_proved(arguments: tuple[str, ...], generated: int, tmp_path: Path) -> None:
    report = compiled(*arguments, "--out", str(tmp_path / "x"), "--check")
    assert report["proved"] is True
    assert report["generated_tokens"] == generated
    assert report["inputs_wrong"] == 0


@pytest.mark.parametrize(
    ("arguments", "period"),
    [
        (("turing", "busy-beaver-4"), 15),
        (("turing", "binary-increment", "--length", "3"), 6),
        (("turing", "palindromes", "--length", "4"), 6),
        (("program", "countdown"), 2),
        (("universal", "--states", "2", "--cells", "6"), 15),
    ],
)
def test_loops_are_proved_for_any_number_of_passes(arguments: tuple[str, ...], period: int, tmp_path: Path) -> None:
    report = compiled(*arguments, "--out", str(tmp_path / "x"), "--check")
    assert report["proved"] is True
    assert (report["passes"], report["period"]) == ("any", period)
    assert report["generated_tokens"] is report["context"] is None
    assert report.get("inputs_wrong", 0) == report.get("machines_wrong", 0) == 0
    assert "float32" in report["safe_in"]  # type: ignore[operator]
    result = run.invoke(app, ["compile", *arguments, "--out", str(tmp_path / "y"), "--check"])
    assert "for all inputs and any number of passes" in " ".join(result.stdout.split())


def test_a_bound_on_time_writes_the_steps_out(tmp_path: Path) -> None:
    report = compiled("turing", "busy-beaver-4", "--max-steps", "20", "--out", str(tmp_path / "x"), "--check")
    assert (report["passes"], report["period"], report["proved"]) == (1, None, True)
    assert report["generated_tokens"] == 20 * report["prompt_tokens"]  # type: ignore[operator]


def test_a_written_circuit_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "parity.txt"
    result = run.invoke(app, ["compile", "parity", "--bits", "6", "--write-circuit", str(file)])
    assert result.exit_code == 0
    assert compiled("circuit", str(file), "--out", str(tmp_path / "p"), "--check")["inputs_run"] == 64


def test_tables_for_people(tmp_path: Path) -> None:
    result = run.invoke(app, ["compile", "addition", "--digits", "1", "--out", str(tmp_path / "a"), "--check"])
    assert result.exit_code == 0
    for said in ("proved", "least margin", "bfloat16", "Saved to"):
        assert said in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("multiplication", "--digits", "2"),
        ("addition", "--digits", "20"),
        ("parity", "--bits", "6"),
        ("parity", "--bits", "120", "--step", "4"),
        ("circuit", "adder4"),
        ("turing", "busy-beaver-4"),
        ("turing", "palindromes", "--length", "3"),
        ("program", "difference"),
        ("program", "countdown"),
        ("universal", "--states", "2", "--cells", "6"),
        ("universal", "--states", "1", "--cells", "4"),
        ("python", "gcd.py:gcd", "--inputs", "a:0..9,b:-9..9"),
    ],
)
def test_the_command_that_it_suggests_works(arguments: tuple[str, ...], tmp_path: Path) -> None:
    shown = run.invoke(app, ["compile", *arguments, "--out", str(tmp_path / "x y")], catch_exceptions=False).stdout
    command, *suggested = shlex.split(shown.splitlines()[-1].partition("Try: ")[2])
    assert command == "arlearn"
    done = run.invoke(app, suggested, catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("circuit", "no-such-file.txt"), "there is no file"),
        (("turing", "no-such-machine"), "busy-beaver-4"),
        (("multiplication", "--digits", "4", "--context", "20"), "the context overflows"),
        (("turing", "busy-beaver-4", "--input", "2"), "does not know"),
        (("turing", "palindromes", "--length", "30"), "too many to simulate; give --tape"),
        (("turing", "palindromes", "--length", "30", "--unrolled"), "give --max-steps and --tape"),
        (("turing", "1RA1RA_0LB0LB"), "does not halt within 100000 steps"),
    ],
)
def test_bad_input_leaves_nothing(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    out = tmp_path / "x"
    with pytest.raises(ArlearnError, match=said):
        run.invoke(app, ["compile", *arguments, "--out", str(out)], catch_exceptions=False)
    assert not out.exists()


@pytest.mark.parametrize(
    ("halt", "steps", "said"),
    [
        ("[]", ["a : bit = copy x"], "no end: the loop names no word"),
        ("['1']", ["a : bit = copy before.a"], "before.a, which does not exist in the first pass"),
        ("['1']", ["a : bit = copy b", "b : bit = copy x"], "b, which comes after it"),
    ],
)
def test_a_loop_with_faults_leaves_nothing(halt: str, steps: list[str], said: str, tmp_path: Path) -> None:
    file, certificate = tmp_path / "bad.toml", tmp_path / "c.json"
    file.write_text(
        'outputs = ["a"]\nslots = [{ name = "x", alphabet = "bit" }]\n'
        f"[loop]\nhalt = {halt}\nsteps = {steps}\n"
        '[[alphabets]]\nname = "bit"\nwords = ["0", "1"]\n'
    )
    call = ["compile", "program", str(file), "--out", str(tmp_path / "x"), "--certificate", str(certificate)]
    with pytest.raises(ArlearnError, match=said):
        run.invoke(app, call, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == [file]


def test_a_binary_file_is_no_circuit(tmp_path: Path) -> None:
    file = tmp_path / "noise.txt"
    file.write_bytes(bytes(range(256)))
    with pytest.raises(ArlearnError, match="cannot be read as text"):
        run.invoke(app, ["compile", "circuit", str(file), "--out", str(tmp_path / "x")], catch_exceptions=False)


@pytest.mark.parametrize(
    "arguments", [("multiplication", "--digits", "0"), ("multiplication",), ("parity",), ("dance",)]
)
def test_wrong_usage_is_exit_code_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    out = () if arguments in (("multiplication",), ("parity",)) else ("--out", str(tmp_path / "x"))
    assert run.invoke(app, ["compile", *arguments, *out]).exit_code == 2


def test_a_trained_model_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(ArlearnError, match="trained model"):
        run.invoke(app, ["compile", "addition", "--out", str(tmp_path)], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


def test_a_python_function_is_proved_and_answers_alone_on_the_last_line(tmp_path: Path) -> None:
    report = compiled("python", "gcd.py:gcd", "--inputs", "a:0..20,b:0..9", "--out", str(tmp_path / "g"), "--check")
    assert report["proved"] is True
    assert report["passes"] == "any"
    assert (report["inputs_drawn"], report["inputs_run"], report["inputs_wrong"]) == ("all", 210, 0)
    assert report["certificate"] is None
    result = run.invoke(app, ["generate", str(tmp_path / "g"), "--prompt", "18 6"], catch_exceptions=False)
    assert result.stdout.splitlines()[-1] == "6"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gcd.py", "--inputs", "a:0..9"), "does not name a function"),
        (("gcd.py:lcm", "--inputs", "a:0..9"), "there is no function 'lcm'"),
        (("gcd.py:gcd", "--inputs", "a:0..9"), "b has no range"),
        (("gcd.py:gcd", "--inputs", "a:0-9,b:0..9"), "is not NAME:LEAST..MOST"),
        (("gcd.py:gcd", "--inputs", "a:0..9,b:0..9", "--numbers", "1..5"), "must hold 0"),
    ],
)
def test_a_python_function_that_cannot_be_compiled_writes_nothing(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ArlearnError) as caught:
        run.invoke(app, ["compile", "python", *arguments, "--out", str(tmp_path / "x")], catch_exceptions=False)
    assert said in str(caught.value)
    assert not (tmp_path / "x").exists()
