"""The pages in a real browser: from drop to record, with and without JavaScript, light and dark, checked by axe."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from openbook.benchmarks.stages import make_pdf, make_text

pytest.importorskip("fastapi", reason="the server's libraries are not installed (extra: server)")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra: browser)")

CHROMIUM = os.environ.get("OPENBOOK_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
#: Milliseconds: a busy machine is no failure.
PATIENCE = 200_000
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
#: Notes every state that a job's page shows, across the pages that follow each other.
NOTE = """setInterval(() => {
  const state = document.getElementById("state"), bar = document.getElementById("progress");
  if (!state) return;
  const noted = JSON.parse(sessionStorage.getItem("noted") || "[]"), now = [state.textContent, bar.value];
  if (JSON.stringify(noted.at(-1)) !== JSON.stringify(now)) sessionStorage.setItem("noted", JSON.stringify([...noted, now]));
}, 4)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Any]) -> Iterator[Any]:
    """A server of this module with one reader, so that papers wait."""
    running = start_server(tmp_path_factory.mktemp("browser"), "--jobs", "1")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} (Debian package: chromium); OPENBOOK_CHROMIUM may name another")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield made
        made.close()


class Watched:
    """A page whose errors and requests are noted."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.context = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda asked: asked.url.startswith(url) or self.elsewhere.append(asked.url))

    def close(self) -> None:
        self.context.close()
        assert self.errors == []
        assert self.elsewhere == []


@pytest.fixture
def watched(browser: Any, server: Any) -> Iterator[Callable[..., Watched]]:
    """Opens pages; at the end there must have been no error and no request to anywhere else."""
    made: list[Watched] = []

    def make(**options: Any) -> Watched:
        made.append(Watched(browser, server.url, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@contextlib.contextmanager
def reading_stopped(server: Any) -> Iterator[None]:
    """The reading process stands still in the middle of a paper; whatever is uploaded meanwhile waits."""
    import psutil

    def send(seed: int) -> dict[str, Any]:
        paper = {"file": (f"{seed}.txt", make_text(seed, pages=1).encode())}
        body: dict[str, Any] = httpx.post(f"{server.url}/api/v1/papers", files=paper, timeout=60).json()
        return body

    def wait(job: dict[str, Any], states: tuple[str, ...]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and job["state"] not in states:
            time.sleep(0.05)
            job = httpx.get(f"{server.url}/api/v1/jobs/{job['id']}", timeout=60).json()
        assert job["state"] in states

    wait(send(900), ("done",))  # now the process is there
    readers = psutil.Process(server.process.pid).children()
    for reader in readers:
        reader.suspend()
    try:
        wait(send(901), ("working",))
        yield
    finally:
        for reader in readers:
            reader.resume()


def paper_file(folder: Path, seed: int, pages: int = 2) -> Path:
    """A paper to choose in a form."""
    path = folder / f"paper {seed}.txt"
    path.write_text(make_text(seed, pages=pages), encoding="utf-8")
    return path


def test_from_choosing_a_file_to_a_corrected_record(watched: Any, server: Any, tmp_path: Path) -> None:
    tab = watched()
    tab.page.add_init_script(NOTE)
    tab.page.goto("/")
    with reading_stopped(server):
        tab.page.set_input_files("#file", str(paper_file(tmp_path, 950)))
        tab.page.wait_for_url(re.compile("/jobs/[0-9a-f]{32}$"))
        tab.page.get_by_text("It is next.").wait_for()
    tab.page.wait_for_url(re.compile("/papers/[0-9a-f]{64}$"))
    noted = tab.page.evaluate("JSON.parse(sessionStorage.getItem('noted'))")
    assert noted[0] == ["It is next.", 0]
    assert len(noted) > 1, "the page told of progress while it was open"
    assert [value for _, value in noted] == sorted(value for _, value in noted)
    assert tab.page.get_by_role("heading", level=1).is_visible()
    assert tab.page.get_by_text("Documentation Score").first.is_visible()

    row = tab.page.get_by_role("row", name=re.compile("Hardware specification"))
    before = row.locator(".badge").inner_text()
    row.get_by_role("link", name="Change Hardware specification").click()
    wanted = "No" if "Yes" in before else "Yes"
    tab.page.get_by_role("radio", name=wanted, exact=True).check()
    tab.page.get_by_label("Your name").fill("Ada <b>Reader</b>")
    tab.page.get_by_label("Why").fill("The appendix says so.")
    tab.page.get_by_role("button", name="Keep this answer").click()
    assert "is kept" in tab.page.get_by_role("status").inner_text()
    row = tab.page.get_by_role("row", name=re.compile("Hardware specification"))
    assert wanted in row.locator(".badge").inner_text()
    assert "Ada <b>Reader</b>" in row.inner_text()
    tab.page.get_by_role("link", name="History").click()
    assert "The appendix says so." in tab.page.inner_text("main")
    tab.page.go_back()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="Record as JSON").click()
    assert download.value.suggested_filename.startswith("paper_950__")


def test_dropping_several_files(watched: Any, tmp_path: Path) -> None:
    tab = watched()
    tab.page.goto("/")
    texts = [make_text(960 + number, pages=1) for number in range(3)]
    given = tab.page.evaluate_handle(
        """texts => { const given = new DataTransfer();
        texts.forEach((text, n) => given.items.add(new File([text], `dropped ${n}.txt`)));
        given.items.add(new File([new Uint8Array([137, 80, 78, 71, 0, 0, 0, 1, 2, 3])], "picture.png"));
        return given; }""",
        texts,
    )
    tab.page.dispatch_event("body", "dragenter", {"dataTransfer": given})
    assert "over" in str(tab.page.get_attribute(".drop", "class"))
    tab.page.dispatch_event("body", "drop", {"dataTransfer": given})
    for number in range(3):
        link = tab.page.get_by_role("link", name=f"dropped {number}.txt")
        link.wait_for()
    # a locator, not a function: the page's policy forbids evaluating strings, also those of a test
    read = tab.page.locator("#uploads a[href^='/papers/']")
    sync_api.expect(read).to_have_count(3, timeout=PATIENCE)
    scores = tab.page.locator("#uploads .came", has_text=re.compile("[0-7] of 7 documented, reproducibility"))
    sync_api.expect(scores).to_have_count(3, timeout=PATIENCE)
    for seed in range(3):
        title = make_text(960 + seed, pages=1).splitlines()[0].strip("# ")
        sync_api.expect(tab.page.locator("#records").get_by_text(title).first).to_be_visible(timeout=PATIENCE)
    sync_api.expect(tab.page.locator("#told")).to_have_text("All papers are done", timeout=PATIENCE)
    refused = tab.page.locator("#uploads .failed")
    refused.wait_for()
    assert "binary data" in refused.inner_text()
    tab.errors[:] = [error for error in tab.errors if "415" not in error]  # the browser itself notes refused uploads


def test_without_javascript(watched: Any, tmp_path: Path) -> None:
    tab = watched(java_script_enabled=False)
    tab.page.goto("/")
    tab.page.set_input_files("#file", str(paper_file(tmp_path, 970)))
    tab.page.get_by_role("button", name="Read it").click()
    tab.page.wait_for_url(re.compile("/papers/[0-9a-f]{64}$"))  # the page loads itself again
    assert tab.page.get_by_role("heading", name="At a glance").is_visible()
    tab.page.goto("/papers")
    tab.page.get_by_label("Words of the title").fill("no such words anywhere")
    tab.page.get_by_role("button", name="Search").click()
    assert "0 papers have" in tab.page.inner_text("main")


@pytest.mark.parametrize("width", [1440, 390])
def test_from_an_answer_to_its_mark_and_back(watched: Any, tmp_path: Path, width: int) -> None:
    (tmp_path / "paper.pdf").write_bytes(make_pdf(make_text(975, pages=6)))
    tab = watched(viewport={"width": width, "height": 800})
    tab.page.goto("/")
    tab.page.set_input_files("#file", str(tmp_path / "paper.pdf"))
    tab.page.wait_for_url(re.compile("/papers/[0-9a-f]{64}$"))
    tab.page.wait_for_selector(".sheet")
    quoted = [article.get_attribute("id") for article in tab.page.locator("article:has(button.show)").all()]
    marks = {name: tab.page.locator(f".on-page[data-place='{name} 0']").first for name in quoted}
    depth = "box => box.getBoundingClientRect().top"
    variable = max(marks, key=lambda name: marks[name].evaluate(depth))  # the one that is furthest down
    mark = marks[variable]
    in_view = "box => { const at = box.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight; }"
    tab.page.evaluate("scrollTo(0, 0)")
    assert not mark.evaluate(in_view)
    tab.page.locator(f"#{variable} button.show").first.press("Enter")
    assert mark.evaluate(in_view)
    assert "flash" in mark.get_attribute("class")
    picture = tab.page.locator(f".sheet:has([data-place='{variable} 0']) img").first
    picture.evaluate("image => image.decode()")  # fails for a picture that is none
    assert picture.evaluate("image => image.naturalWidth") > 1000
    mark.click()
    answer = tab.page.locator(f"#{variable}")
    assert "flash" in answer.get_attribute("class")
    assert answer.evaluate(
        "at => at.getBoundingClientRect().top < innerHeight && at.getBoundingClientRect().bottom > 0"
    )
    found = axe.Axe().run(tab.page, options=WCAG).response["violations"]
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_the_marked_pdf_without_javascript(watched: Any, tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(make_pdf(make_text(976, pages=2)))
    tab = watched(java_script_enabled=False)
    tab.page.goto("/")
    tab.page.set_input_files("#file", str(tmp_path / "paper.pdf"))
    tab.page.get_by_role("button", name="Read it").click()
    tab.page.wait_for_url(re.compile("/papers/[0-9a-f]{64}$"))
    assert not tab.page.locator("#pages").is_visible()
    with tab.page.expect_download() as begun:
        tab.page.get_by_role("link", name="Marked PDF").click()
    assert begun.value.path().read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(watched: Any, server: Any, scheme: str) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        sent = client.post("/api/v1/papers", files={"file": ("a.txt", make_text(980, pages=2).encode())}).json()
        broken = client.post("/api/v1/papers", files={"file": ("b.pdf", b"%PDF-1.4 nothing else")}).json()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            jobs = [client.get(f"/api/v1/jobs/{one['id']}").json() for one in (sent, broken)]
            if all(job["state"] == "done" for job in jobs):
                break
            time.sleep(0.2)
        pages = [job["page"] for job in jobs]
        wish = {"variable": "affiliation", "result": "industry", "who": "Ada", "why": "See the title page."}
        assert client.post(f"{jobs[0]['record']}/corrections", json=wish).status_code == 201
    tab = watched(color_scheme=scheme)
    addresses = ["/", "/papers", "/papers?q=nothing+at+all", *pages, f"{pages[0]}?corrected=affiliation"]
    addresses += [f"{pages[0]}/history", f"{pages[0]}/correct/affiliation", "/api", "/sign-in", "/papers/missing"]
    for address in addresses:
        for width in (1280, 360):
            tab.page.set_viewport_size({"width": width, "height": 800})
            tab.page.goto(address)
            assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (address, width)
        found = axe.Axe().run(tab.page, options=WCAG).response["violations"]
        assert not found, (address, [(one["id"], [node["html"] for node in one["nodes"]]) for one in found])
    light = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in re.findall(r"\d+", light)[:3]) > 600) == (scheme == "light")
    tab.errors[:] = [error for error in tab.errors if "404" not in error]  # the missing page is meant to be missing


def test_by_keyboard(watched: Any) -> None:
    tab = watched()
    tab.page.goto("/")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.className") == "skip"
    tab.page.keyboard.press("Enter")
    reached = []
    for _ in range(4):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[0] == "file"
    assert "read" not in reached, "a chosen file is sent at once"
