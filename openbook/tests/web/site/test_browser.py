"""The site in a real browser: search, filters, a paper's page, dark mode, keyboard, accessibility, no request elsewhere."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from site_records import EVIL

from openbook.record.files import read_record
from openbook.web.addresses import folder_name
from openbook.web.site import explore
from openbook.web.site.building import SiteSettings, build

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
needs_search = pytest.mark.skipif(not explore.available(), reason="Pagefind is not installed")

KINDS = """
    index.html papers/paper_1/index.html papers/promised/index.html papers/unread/index.html venues/index.html
    venues/PLUM/index.html venues/PLUM/2023/index.html years/index.html years/2022/index.html trends/index.html
    audit/index.html audit/promised_code/index.html studies/index.html studies/orchard/index.html method/index.html
    accuracy/index.html explore/index.html data/index.html corrections/index.html
""".split()
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Watched:
    """A page whose console, errors and requests are written down."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.address = address
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(120_000)  # a busy machine is no failure
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._failed)

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # given up because the next page was opened
            self.said.append(f"failed: {request.url}")

    def open(self, path: str) -> Any:
        self.page.goto(self.address + path)
        return self.page

    def quiet(self) -> None:
        """Nothing was said on the console, nothing was asked of another host, nothing was missing."""
        assert self.said == []
        assert [url for url in self.asked if not url.startswith((self.address, "data:"))] == []


def until(page: Any, expression: str) -> None:
    """Wait for a condition. Playwright's own waiting would need ``eval``, which the pages' policy forbids."""
    for _ in range(2400):  # a busy machine is no failure
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    one = Watched(browser, address)
    yield one
    one.context.close()


@needs_search
def test_search_finds_and_filters(watched: Watched) -> None:
    page = watched.open("index.html")
    page.get_by_role("searchbox").fill("paper 42")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector("#found li")
    assert page.get_by_label("Title or author").input_value() == "paper 42"
    assert page.locator("#found a").first.inner_text() == "Made-up paper 42"
    page.get_by_label("Title or author").fill("Gardener")
    until(page, "document.querySelector('#count').textContent.match(/^1\\d\\d papers$/)")
    page.get_by_label("Documented, at least").select_option("7")
    until(page, "document.querySelector('#count').textContent.match(/^\\d papers?$/)")
    page.wait_for_selector("#found .badge")
    badges = page.locator("#found .badge").all_inner_texts()
    assert badges
    assert set(badges) == {"7 of 7"}
    page.locator("#found a").first.click()
    page.wait_for_url("**/papers/*/index.html")
    assert page.locator("h1").inner_text().startswith("Made-up paper")
    watched.quiet()
    assert [url for url in watched.asked if "/pagefind/" in url]
    assert not [url for url in watched.asked if "fragment" in url]


def test_explore_counts_sorts_and_downloads(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("explore/index.html")
    page.wait_for_selector("#found li")
    options = page.get_by_label("Pseudocode").locator("option").all_inner_texts()
    counted = [int(option.split("(")[1].rstrip(")").replace(",", "")) for option in options[1:]]
    assert sum(counted) == 176
    page.get_by_label("Pseudocode").select_option("1")
    until(page, f"document.querySelector('#count').textContent === '{counted[0]} papers'")
    assert "of 7 documented on average" in page.locator("#told").inner_text()
    assert page.locator("#summary li").first.inner_text().split("\n")[-1] == "100\u00a0%"
    page.get_by_label("Sort by").select_option("title")
    until(page, "document.querySelector('#found a').textContent === 'Made-up paper 1'")
    titles = page.locator("#found a").all_inner_texts()
    assert titles == sorted(titles, key=str.casefold)
    page.get_by_label("Sort by").select_option("most")
    until(page, "document.querySelector('#found .badge').textContent === '7 of 7'")
    scores = [int(badge[0]) for badge in page.locator("#found .badge").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    page.get_by_label("Affiliation").select_option("academia")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download these as CSV").click()
    started.value.save_as(tmp_path / "papers.csv")
    with (tmp_path / "papers.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == counted[0]
    assert {row["pseudocode"] for row in rows} <= {"1", ""}
    assert {row["affiliation"] for row in rows} == {"academia"}
    watched.quiet()


def test_explore_filters_and_remembers(watched: Watched) -> None:
    page = watched.open("venues/PLUM/2023/index.html")
    page.get_by_role("link", name="Filter them").click()
    page.wait_for_selector("#found li")
    assert page.get_by_label("Venue").input_value() == "PLUM"
    metas = page.locator("#found .meta").all_inner_texts()
    assert metas
    assert all(meta.endswith("PLUM 2023") for meta in metas)
    page.get_by_label("Documented, at least").select_option("6")
    page.get_by_label("Open source code").select_option("0")
    until(page, "location.hash.includes('least=6') && location.hash.includes('open_source_code=0')")
    assert set(page.locator("#found .badge").all_inner_texts()) <= {"6 of 7"}
    page.reload()
    page.wait_for_selector("#count:not(:empty)")
    assert page.get_by_label("Documented, at least").input_value() == "6"
    page.get_by_role("button", name="Clear the filters").click()
    until(page, "document.querySelector('#count').textContent === '176 papers'")
    page.get_by_label("Title or author").fill("put right")
    until(page, "document.querySelector('#count').textContent === '1 paper'")
    assert page.locator("#found a").inner_text() == "A paper that was put right"
    assert not page.locator("#more").is_visible()
    page.get_by_label("Title or author").fill("")
    until(page, "document.querySelector('#count').textContent === '176 papers'")
    page.get_by_role("button", name="Show more").click()
    until(page, "document.querySelectorAll('#found li').length === 100")
    assert page.evaluate("document.activeElement === document.querySelectorAll('#found a')[50]")
    watched.quiet()


def test_hostile_records_do_nothing(watched: Watched) -> None:
    page = watched.open(f"papers/{folder_name(EVIL)}/index.html")
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    page = watched.open("explore/index.html")
    page.get_by_label("Title or author").fill("<script>alert")
    until(page, "document.querySelector('#count').textContent === '1 paper'")
    assert "onerror" in page.locator("#found a").inner_text()
    page.locator("#found a").click()
    page.wait_for_selector("h1")
    assert page.locator("script:not([type])").count() == 0
    watched.quiet()


def test_a_bundled_paper_is_unpacked(browser: Any, records: Path, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    build(SiteSettings(records, tmp_path / "site", search=False, bundle=True))
    one = Watched(browser, serve(tmp_path / "site"))
    page = one.open("explore/index.html#text=put right")
    page.locator("#found a").click()
    until(page, "document.querySelector('h1').textContent === 'A paper that was put right'")
    assert "page 4 says so" in page.locator("main").inner_text()
    assert page.evaluate("document.querySelector('main img').naturalWidth") > 0
    with page.expect_download() as started:
        page.get_by_role("link", name="The record as JSON").click()
    started.value.save_as(tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").paper.title == "A paper that was put right"
    page.locator(".crumbs a").nth(1).click()
    page.wait_for_selector("table")
    page = one.open(f"papers/index.html?paper={quote(folder_name(EVIL))}")
    until(page, "document.querySelector('.crumbs')")
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    page = one.open("papers/index.html?paper=nobody")
    until(page, "document.querySelector('#status').textContent === 'There is no such paper here.'")
    one.quiet()
    one.context.close()


def test_opened_as_files(browser: Any, site: Path) -> None:
    one = Watched(browser, site.as_uri() + "/")
    page = one.open("index.html")
    assert page.evaluate("getComputedStyle(document.querySelector('.stats')).display") == "grid"
    page.get_by_role("link", name="explore", exact=True).first.click()
    page.wait_for_selector("#found li")
    page.locator("#found a").first.click()
    page.wait_for_selector("h1")
    assert page.evaluate("document.querySelector('img[src=\"badge.svg\"]').naturalWidth") > 0
    page = one.open("explore/index.html?q=Gardener")
    until(page, "document.querySelector('#count').textContent === '174 papers'")
    assert page.get_by_label("Title or author").input_value() == "Gardener"
    one.quiet()
    one.context.close()


def test_readable_without_javascript_and_on_a_phone(browser: Any, address: str) -> None:
    one = Watched(browser, address, java_script_enabled=False, viewport={"width": 360, "height": 740})
    for path in KINDS:
        page = one.open(path)
        assert page.locator("h1").is_visible(), path
        wide = page.locator("html").evaluate("node => node.scrollWidth")
        assert wide <= 360, f"{path} is {wide} wide"
    for path in ("index.html", "venues/PLUM/index.html"):
        chart = one.open(path).locator("figure.chart > div").first
        shown = chart.evaluate(
            "n => [n.scrollWidth > n.clientWidth, n.lastElementChild.getBoundingClientRect().right, n.getBoundingClientRect().right]"
        )
        assert shown[0], path
        assert abs(shown[1] - shown[2]) < 2, f"{path}: the latest years are out of sight"
    years = one.open("years/index.html").locator("tbody th").all_inner_texts()
    assert years == ["2023", "2022", "2021", "2020", "unknown", "All"]
    assert "need JavaScript" in one.open("explore/index.html").locator("main").inner_text()
    one.quiet()
    one.context.close()


def test_dark_mode_and_print(browser: Any, address: str) -> None:
    def luminance(page: Any) -> float:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(",")[:3]) / 3

    dark = Watched(browser, address, color_scheme="dark")
    light = Watched(browser, address, color_scheme="light")
    for path in ("index.html", "papers/paper_1/index.html", "trends/index.html"):
        assert luminance(dark.open(path)) < 60
        page = light.open(path)
        assert luminance(page) > 220
    page = dark.open("papers/paper_1/index.html")
    page.emulate_media(media="print")
    assert luminance(page) == 255
    assert not page.locator(".bar nav").is_visible()
    for one in (dark, light):
        one.quiet()
        one.context.close()


def test_keyboard(watched: Watched) -> None:
    page = watched.open("papers/paper_1/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    until(page, "document.activeElement.getBoundingClientRect().top >= 0")  # it slides in
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page = watched.open("corrections/index.html#paper_1")
    page.get_by_label("Variable").select_option("research_type")
    page.get_by_label("Right answer").select_option("theoretical")
    page.get_by_label("Your name").fill("Ann")
    assert page.get_by_role("button", name="Copy").is_disabled()
    page.get_by_label("Why").fill("page 3")
    assert page.get_by_role("button", name="Copy").is_enabled()
    made = page.locator("#made").inner_text()
    assert '"paper": "paper_1"' in made
    assert '"result": "theoretical"' in made
    watched.quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_page_meets_wcag(browser: Any, address: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    one = Watched(browser, address, color_scheme=scheme, reduced_motion="reduce")
    faults: list[str] = []
    rules = 0
    for path in KINDS:
        page = one.open(path)
        if path.startswith("explore"):
            page.wait_for_selector("#found li")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVELS}}).response
        rules += len(found["passes"])
        for fault in found["violations"]:
            where = "; ".join(str(node["target"]) + " " + node["html"][:120] for node in fault["nodes"][:3])
            faults.append(f"{path}: {fault['id']} ({fault['impact']}): {where}")
    assert rules > 10 * len(KINDS)
    assert faults == []
    one.quiet()
    one.context.close()
