"""The page of an explanation, in a real browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.evaluation.attribution import explain
from arlearn.evaluation.attribution_views import page, write_page
from arlearn.evaluation.saved_model import SavedModel
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair

NASTY = "</script><script>alert(1)</script> & <b>"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    place = tmp_path_factory.mktemp("text")
    vocabulary = BytePair.train([f"the cat sat on the mat. {NASTY}\nmore "] * 20, 320)
    vocabulary.save(place / "tokenizer.json")
    predictor = LinearPredictor.build(vocabulary.size, 8, 8, seed=3, bias=True)
    card = {
        "task": {"kind": "text", "configuration": {}},
        "tokenizer": {"file": "tokenizer.json", "sha256": vocabulary.sha256},
    }
    save_predictor(predictor, place, card)
    return SavedModel(place)


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def test_the_page_holds_the_ledgers_and_asks_for_nothing(saved):
    explanation = explain(saved, saved.prompt(NASTY), 4)
    text = page(explanation)
    data = data_of(text)
    assert "".join(data["words"][str(token)] for token in data["tokens"][1 : data["given"]]) == NASTY
    for explained, drawn in zip(explanation.explained, data["moments"], strict=True):
        for row, candidate in enumerate(drawn["candidates"]):
            total = drawn["bias"][row] + sum(drawn["values"][row])
            assert total == pytest.approx(drawn["logits"][row], abs=1e-4)
            assert drawn["residuals"]["plain"][row] == explained.contributions.attribution(candidate).residual
    assert text.count("<script") == 2
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)\w+:""", text)
    assert "default-src 'none'" in text


def test_it_is_written_whole_or_not_at_all(saved, tmp_path):
    explanation = explain(saved, saved.prompt("the"))
    write_page(explanation, tmp_path / "deep" / "a.html")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ArlearnError, match="cannot write"):
        write_page(explanation, tmp_path / "file" / "a.html")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield started
        started.close()


def open_page(browser, path: Path, **more):
    tab = browser.new_page(**more)
    tab.wrong = []
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: tab.wrong.append(message.text))
    tab.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else tab.wrong.append(request.url)
    )
    tab.goto(path.as_uri())
    return tab


@pytest.fixture(scope="module")
def written(saved, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "a.html"
    write_page(explain(saved, saved.prompt(f"{NASTY}\nthe cat"), 12), path)
    return path


def test_in_a_browser_by_mouse_and_by_keyboard(browser, written):
    tab = open_page(browser, written)
    data = data_of(written.read_text())
    shown = tab.locator("#text").inner_text()
    assert NASTY in shown.replace("\n", "")
    attribution = tab.locator("#attribution tbody tr")
    first = data["moments"][0]
    assert attribution.count() == len(first["places"]) + 1  # and the bias
    assert tab.locator("#attribution tfoot").inner_text().split()[-1].replace("−", "-") == f"{first['logits'][0]:+.4f}"
    tab.locator("#moment").focus()
    tab.keyboard.press("End")
    assert tab.locator("#where").inner_text() == "token 12 of 12"
    tab.locator("#candidates input").nth(0).focus()
    tab.keyboard.press("ArrowDown")
    last = data["moments"][-1]
    tab.wait_for_function("document.querySelectorAll('#candidates input')[1].checked")
    assert tab.locator("#attribution tfoot").inner_text().split()[-1].replace("−", "-") == f"{last['logits'][1]:+.4f}"
    tab.select_option("#against", "mean")
    against_mean = last["logits"][1] - last["mean"]["logit"]
    assert tab.locator("#attribution tfoot").inner_text().split()[-1].replace("−", "-") == f"{against_mean:+.4f}"
    tab.locator("#text button.asked").focus()
    for _ in range(3):
        tab.keyboard.press("ArrowLeft")
    assert "adds" in tab.locator("#detail").inner_text()
    tab.keyboard.press("Enter")
    assert tab.locator("#where").inner_text() == "token 9 of 12"
    tab.keyboard.press("ArrowRight")  # from within the text, and from anywhere else
    assert tab.locator("#where").inner_text() == "token 10 of 12"
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("ArrowLeft")
    assert tab.locator("#where").inner_text() == "token 9 of 12"
    assert tab.locator("#map tbody tr").count() == len(data["moments"][8]["candidates"])
    assert tab.wrong == []
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone_nothing_sticks_out(browser, written, scheme):
    tab = open_page(browser, written, viewport={"width": 360, "height": 740}, has_touch=True, color_scheme=scheme)
    tab.tap("#text button:nth-child(4)")
    assert "position 3" in tab.locator("#detail").inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.wrong == []
    tab.close()


def test_it_has_no_accessibility_faults(browser, written):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    for scheme in ("light", "dark"):
        tab = open_page(browser, written, color_scheme=scheme)
        tab.locator("#next").click()
        found = axe.Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()
        tab.close()


def test_a_program_names_its_steps_on_the_page(browser, tmp_path):
    made = CliRunner().invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(tmp_path / "m")])
    assert made.exit_code == 0
    saved = SavedModel(tmp_path / "m")
    write_page(explain(saved, saved.prompt("12 x 34"), 99), tmp_path / "a.html")
    tab = open_page(browser, tmp_path / "a.html", viewport={"width": 360, "height": 740})
    assert "join a0 b0" in tab.locator("#step").inner_text()
    assert "408" in tab.locator("header").inner_text()
    for _ in range(3):
        tab.locator("#next").click()
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.wrong == []
    tab.close()
