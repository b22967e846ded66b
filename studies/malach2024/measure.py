"""Tests the claims of Malach 2024 with arlearn; each call prints one JSON object.

    measure.py sizes                      weights of the two predictors at the paper's sizes; nothing is trained
    measure.py programs OUT               circuits and Turing machines compiled, proved, certified and run
    measure.py compiled OUT               multiplication compiled, 4 digits asked 100,000 questions, other lengths proved
    measure.py learned OUT RECIPE [SET]   multiplication learned by a recipe, asked held-out and hard questions
    measure.py parity OUT SECONDS         parity learned without a chain of thought, SECONDS long, and with chains of several
                                          lengths, each up to fifteen times as long
    measure.py text OUT paper|small [SET] a text learned at the paper's size or a small one, measured on text held out

OUT is a folder for models. SET are changes of the recipe, KEY=VALUE. A killed call goes on where it was when it is made
again with the same OUT. What is trained is TinyStories at OPENBOOK_DATA, else what ``arlearn demo`` finds. Beside its
numbers an object may hold ``setup`` (the recipe's settings), ``data``, ``figures``, ``samples``, ``failures`` and
``seeds``, from which the study's report is written.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

QUESTIONS = 100_000
CIRCUITS = ("adder4", "parity16", "thresholds")
MACHINES = ("busy-beaver-4", "binary-increment", "palindromes")
UNIVERSAL = ("universal", "--states", "4", "--symbols", "2", "--cells", "16")
CHECKER = Path(__file__).resolve().parents[2] / "tools" / "check_certificate.py"
LENGTHS = (2, 3, 4, 6, 8, 12)
TEXTS = {"paper": "tinystories-paper", "small": "tinystories-cpu"}
ASKED = ("exact_match", "interval", "count", "generated_tokens")  # of what evaluate measures
POINTS = 150  # of a curve that is drawn


def arlearn(*arguments: object) -> dict[str, Any]:
    """What a call of the arlearn command prints with --json. Ends this program if it fails."""
    command = [sys.executable, "-m", "arlearn.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"arlearn {' '.join(map(str, arguments))} ended with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def sizes() -> dict[str, Any]:
    """The number of weights that take part, from predictors built without storage."""
    import torch

    from arlearn.predictors.linear import LinearPredictor
    from arlearn.predictors.mlp import MLPPredictor
    from arlearn.training.recipe import load_recipe

    linear, mlp = load_recipe("tinystories-paper"), load_recipe("multiplication-paper")
    from arlearn.tasks import load_task

    task = load_task("multiplication", {"digits": 4, "format": "paper"})

    def packed(context: int, width: int) -> dict[str, Any]:
        return {"kind": "packed", "configuration": {"context": context, "inputs": width, "outputs": width}}

    def count(kind: Any, vocabulary: int, context: int, width: int) -> int:
        settings = {"vocabulary": vocabulary, "map": packed(context, width), "bias": False, "frozen": []}
        with torch.device("meta"):
            return int(kind.from_configuration(settings).parameter_count())

    width, context = linear.predictor.width, linear.task["context"]
    paper_positions = 307  # the paper's; the last token is never read, so the recipe's predictor has one less
    return {
        "linear": {
            "millions": count(LinearPredictor, 50_258, context, width) / 1e6,
            "vocabulary": 50_258,
            "context": context,
            "width": width,
        },
        "mlp": {
            "millions": count(MLPPredictor, task.vocabulary, paper_positions, mlp.predictor.width) / 1e6,
            "vocabulary": task.vocabulary,
            "context": paper_positions,
            "width": mlp.predictor.width,
            "recipe_millions": count(MLPPredictor, task.vocabulary, task.context, mlp.predictor.width) / 1e6,
        },
    }


def programs(out: Path) -> dict[str, Any]:
    """Every example circuit and machine, and a machine that runs all machines: compiled and proved for all inputs.

    A program counts as right if a checker that shares nothing with arlearn accepts its certificate, and if no run on any
    of its inputs went wrong.
    """
    kinds = {
        "circuit": {name: ("circuit", name) for name in CIRCUITS},
        "turing": {name: ("turing", name) for name in MACHINES} | {"universal": UNIVERSAL},
    }
    found: dict[str, Any] = {}
    for kind, calls in kinds.items():
        rows = {}
        for name, call in calls.items():
            certificate = out / f"{name}.certificate.json"
            one = arlearn("compile", *call, "--check", "--certificate", certificate, "--out", out / name)
            kept = ("proved", "passes", "period", "generated_tokens", "parameters", "combinations")
            row = rows[name] = {key: one[key] for key in kept} | {"margin": one["minimum_margin"]}
            row["inputs_run"] = one.get("inputs_run", one.get("machines_run", 0))
            row["inputs_wrong"] = one.get("inputs_wrong", one.get("machines_wrong", 0))
            row["verified"] = verified(certificate, out / name)
            say(
                f"{name}: proved {row['proved']}, certificate {'verified' if row['verified'] else 'NOT verified'},"
                f" {row['inputs_wrong']} of {row['inputs_run']:,} inputs wrong"
            )
        right = [row["proved"] and row["verified"] and row["inputs_wrong"] == 0 for row in rows.values()]
        found[kind] = {
            "right": sum(right) / len(right),
            "certified": sum(row["verified"] for row in rows.values()) / len(rows),
            "programs": rows,
        }
    table = [
        [
            name,
            kind,
            "any number" if row["generated_tokens"] is None else str(row["generated_tokens"]),
            f"{row['parameters']:,}",
            "yes" if row["verified"] else "no",
            f"{row['inputs_run']:,}",
            str(row["inputs_wrong"]),
        ]
        for kind in kinds
        for name, row in found[kind]["programs"].items()
    ]
    caption = (
        "Programs compiled to exact weights: certificates of their proofs, verified by an independent checker, and runs"
    )
    found["tables"] = [
        {
            "caption": f"{caption} on all inputs up to their bound (of the universal machine, on random machines).",
            "columns": ["program", "kind", "tokens", "weights", "verified", "inputs run", "wrong"],
            "rows": table,
        }
    ]
    return found


def verified(certificate: Path, model: Path) -> bool:
    """Whether the checker accepts the certificate. It is a program of its own, which cannot import arlearn (-I)."""
    done = subprocess.run([sys.executable, "-I", CHECKER, certificate, model], stdout=subprocess.PIPE, text=True)
    say(done.stdout.strip())
    return done.returncode == 0


def compiled(out: Path) -> dict[str, Any]:
    """Multiplication as a program: proved for several lengths, and 4 digits also asked."""
    points = []
    for digits in LENGTHS:
        one = arlearn("compile", "multiplication", "--digits", digits, "--check", "--out", out / f"m{digits}")
        points.append([digits, one["generated_tokens"], one["parameters"], one["proved"]])
        say(f"{digits} digits: {one['generated_tokens']} tokens, {one['parameters']:,} weights, proved {one['proved']}")
    asked = arlearn("evaluate", out / "m4", "--count", QUESTIONS)
    chain = arlearn("generate", out / "m4", "--prompt", "1234 x 5678")
    return {key: asked[key] for key in (*ASKED, "parameters", "products_per_second")} | {
        "proved": sum(point[3] for point in points) / len(points),
        "seeds": [0],
        "samples": [
            {
                "title": "The compiled 4-digit multiplier",
                "prompt": "1234 x 5678",
                "text": " ".join([*chain["chain"], "=", chain["answer"]]),
            }
        ],
        "figures": [
            {
                "id": "digits",
                "caption": "Multiplication compiled for numbers of 2 to 12 digits, every length proved: tokens generated.",
                "x": "digits of a number",
                "y": "tokens generated",
                "log_y": True,
                "series": [{"label": "compiled", "points": [point[:2] for point in points], "markers": True}],
            }
        ],
    }


def learned(out: Path, recipe: str, changes: list[str]) -> dict[str, Any]:
    """A recipe of a task that has answers: trained, then asked questions it has not seen, and hard ones."""
    trained, card = _train(out, recipe, changes)
    asked = arlearn("evaluate", out / "model", "--count", QUESTIONS)
    found: dict[str, Any] = {key: asked[key] for key in (*ASKED, "wrong", "digit_accuracy")} | {
        "parameters": trained["parameters"],
        "training_seconds": trained["seconds"],
        "updates": trained["steps"],
        "given": card["frozen"],
        "failures": [_wrong(one) for one in asked["failures"][:3]],
    }
    if card["task"]["configuration"].get("format") not in (None, "paper"):
        hard = arlearn("evaluate", out / "model", "--count", QUESTIONS, "--hard")
        found["hard"] = {key: hard[key] for key in ("exact_match", "interval", "wrong", "count")}
    digits = card["task"]["configuration"]["digits"]
    split = "three quarters of all pairs are trained on, the rest is held out; a pair and its swap are on the same side"
    about = {"name": f"pairs of {digits}-digit numbers", "split": split, "configuration": card["task"]["configuration"]}
    return found | {
        "setup": {recipe: _settings(card)},
        "data": [about],
        "figures": [_loss_figure(out, recipe, "loss-" + recipe)],
        "seeds": [card["recipe"]["training"]["seed"]],
    }


def parity(out: Path, seconds: float) -> dict[str, Any]:
    """The same task and learner with fewer and fewer tokens to write, down to the answer alone."""
    # Without a chain the time is always used up; with one it is a bound that only a starved machine should meet.
    cells = []
    for formats, most in (("0", seconds), ("6,4,3,2,1", 15 * seconds)):
        given = ("--task", "parity", "--heads", "one-hot", "--formats", formats, "--seconds", most)
        cells += arlearn("bench", "length-complexity", *given, "--out", out / f"lengths-{formats[0]}")["cells"]
    direct = next(cell for cell in cells if cell["generated_tokens"] == 1)
    chains = sorted((cell for cell in cells if cell is not direct), key=lambda cell: cell["generated_tokens"])
    shortest, longest = chains[0], chains[-1]
    points = [[cell["generated_tokens"], cell["examples"]] for cell in chains if cell["reached"]]
    settings = {
        "bits": 16,
        "bits that count": 12,
        "exact match to reach": 0.999,
        "seconds without a chain": seconds,
        "seconds a chain, at most": 15 * seconds,
        "output layer": "one-hot, given",
        "learning rate": 0.1,
        "batch": 128,
    }
    return {
        "direct": {"exact_match": direct["exact_match"], "examples": direct["examples"], "reached": direct["reached"]},
        "chain": {key: longest[key] for key in ("exact_match", "examples", "generated_tokens", "reached")},
        # a chain that ran out of time has only a lower bound: as the shortest it may stand, as the longest it may not
        "examples_ratio": shortest["examples"] / longest["examples"] if longest["reached"] else None,
        "seeds": [direct["seed"]],
        "setup": {"length complexity of parity": settings},
        "data": [{"name": "parity of 12 secret bits of 16", "split": "a quarter of all inputs is held out"}],
        "tables": [
            {
                "caption": "Parity of 12 of 16 bits by a linear predictor, with chains of thought of several lengths.",
                "columns": ["tokens", "vocabulary", "examples", "seconds", "exact match, %"],
                "rows": [
                    [
                        str(cell["generated_tokens"]),
                        str(cell["vocabulary"]),
                        ("" if cell["reached"] else "> ") + f"{cell['examples']:,}",
                        ("" if cell["reached"] else "> ") + f"{cell['seconds']:.1f}",
                        f"{100 * cell['exact_match']:.1f}",
                    ]
                    for cell in [*chains[::-1], direct]
                ],
            }
        ],
        "figures": [
            {
                "id": "length-complexity",
                "caption": "Length complexity: examples until 99.9 % of held-out parities are right, by tokens generated.",
                "x": "tokens generated",
                "y": "examples needed",
                "log_y": True,
                "series": [{"label": "parity of 12 of 16 bits", "points": points, "markers": True}],
            }
        ],
    }


def text(out: Path, size: str, changes: list[str]) -> dict[str, Any]:
    """A predictor of text, beside predictors that only count, on the same held-out text."""
    from arlearn.tasks.text_files import find_text, split_off
    from arlearn.training.recipe import load_recipe

    recipe = TEXTS[size]
    source = find_text(None, small=True)
    if source.held_out is None:
        source = split_off(source.text, out / "text")
    held_out = source.held_out
    assert held_out is not None
    length = sum(len(story.encode()) for story in source.text.stories())
    if not load_recipe(recipe).task["tokenizer"]:  # a small text has no room for many words
        changes = [*changes, f"vocabulary={min(load_recipe(recipe).task['vocabulary'], max(300, length // 400))}"]
    trained, card = _train(out, recipe, changes, "--data", source.text.path)
    measured = arlearn("evaluate", out / "model", "--data", held_out.path, "--no-slide")
    story = "TinyStories" in source.told
    beginning = "Once upon a time" if story else " ".join(next(held_out.stories()).split()[:4])
    written = arlearn("generate", out / "model", "--prompt", beginning, "--tokens", 100)
    about = "TinyStories" if story else "the documentation in Python's standard library"
    tokenizer = out / "model" / card["tokenizer"]["file"]
    counted = {order: _counting(out, order, tokenizer, source.text.path, held_out.path) for order in (2, 5)}
    rows = [[f"{order}-gram, modified Kneser-Ney", *_shown(one)] for order, one in counted.items()]
    return {
        "bits_per_byte": measured["bits_per_byte"],
        "perplexity": measured["perplexity"],
        "bigram_bits_per_byte": counted[2]["bits_per_byte"],
        "fivegram_bits_per_byte": counted[5]["bits_per_byte"],
        "against_bigram": measured["bits_per_byte"] / counted[2]["bits_per_byte"],
        "against_fivegram": measured["bits_per_byte"] / counted[5]["bits_per_byte"],
        "text": about,
        "tinystories": story,
        "parameters": trained["parameters"],
        "training_hours": trained["seconds"] / 3600,
        "training_seconds": trained["seconds"],
        "tokens": trained["tokens"],
        "held_out_bytes": measured["bytes"],
        "seeds": [card["recipe"]["training"]["seed"]],
        "setup": {f"text, {size}": _settings(card)},
        "data": [
            {
                "name": about,
                "split": "the validation file of the data set is held out"
                if story
                else "every twentieth topic is held out",
                "training_sha256": source.text.sha256(),
                "held_out_sha256": measured["data_sha256"],
            }
        ],
        "samples": [{"title": "The linear network of text", "prompt": beginning, "text": beginning + written["text"]}],
        "tables": [
            {
                "caption": "Predictors of the same text with the same vocabulary, on the part that was held out.",
                "columns": ["predictor", "bits per byte", "perplexity", "weights"],
                "rows": [["the linear network", *_shown(measured)], *rows],
            }
        ],
        "figures": [_loss_figure(out, f"text, {size}", "loss-text-" + size)],
    }


def _counting(out: Path, order: int, vocabulary: Path, training: Path, held_out: Path) -> dict[str, Any]:
    """What a predictor that only counts n-grams makes of the same text and vocabulary: what evaluate measures."""
    model = out / f"{order}-gram"
    given = ("--set", f"order={order}", "--data", training, "--tokenizer", vocabulary)
    arlearn("train", "tinystories-ngram", *given, "--out", model, "--overwrite")
    return arlearn("evaluate", model, "--data", held_out, "--no-slide")


def _shown(measured: dict[str, Any]) -> list[str]:
    return [f"{measured['bits_per_byte']:.3f}", f"{measured['perplexity']:.2f}", f"{measured['parameters']:,}"]


def _train(out: Path, recipe: str, changes: list[str], *more: object) -> tuple[dict[str, Any], dict[str, Any]]:
    given = [part for change in changes for part in ("--set", change)]
    trained = arlearn("train", recipe, *given, *more, "--out", out / "model", "--resume")
    card: dict[str, Any] = json.loads((out / "model" / "card.json").read_text(encoding="utf-8"))
    return trained, card


def _settings(card: dict[str, Any]) -> dict[str, Any]:
    """The recipe as it was run, without what does not bear on the result."""
    left_out = set("device checkpoint_steps checkpoint_minutes keep evaluate_data data tokenizer seed".split())
    return {
        section: {key: value for key, value in card["recipe"][section].items() if key not in left_out and value != ""}
        for section in ("task", "predictor", "training")
    }


def _wrong(failure: dict[str, Any]) -> str:
    asked = failure["inputs"] if isinstance(failure["inputs"], str) else " and ".join(map(str, failure["inputs"]))
    return f"{asked}: answered {failure['answer']}, right is {failure['expected']}"


def _loss_figure(out: Path, recipe: str, name: str) -> dict[str, Any]:
    lines = (out / "model" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    rows = [line.split(",") for line in lines[1:]]
    steps = [int(row[head.index("step")]) for row in rows]
    losses = [float(row[head.index("loss")]) for row in rows]
    size = max(1, len(rows) // POINTS)
    points = [[steps[i], sum(losses[i : i + size]) / len(losses[i : i + size])] for i in range(0, len(rows), size)]
    return {
        "id": name,
        "caption": f"Loss of {recipe}, by update" + (f" (means of {size})." if size > 1 else "."),
        "x": "update",
        "y": "loss, nats a token",
        "log_y": True,
        "series": [{"label": recipe, "points": points}],
    }


def main(arguments: list[str]) -> dict[str, Any]:
    match arguments:
        case ["sizes"]:
            return sizes()
        case ["programs", out]:
            return programs(Path(out))
        case ["compiled", out]:
            return compiled(Path(out))
        case ["learned", out, recipe, *changes]:
            return learned(Path(out), recipe, changes)
        case ["parity", out, seconds]:
            return parity(Path(out), float(seconds))
        case ["text", out, ("paper" | "small") as size, *changes]:
            return text(Path(out), size, changes)
    raise SystemExit(str(__doc__))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
