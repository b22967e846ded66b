"""The pages of an upload with its marks: where they are, who may see them, and what happens to files that mean harm."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader
from starlette.testclient import TestClient

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.benchmarks.stages import make_pdf, make_text
from openbook.errors import OpenbookError
from openbook.ledger.jobs import JobQueue
from openbook.papers.reading import read_bytes
from openbook.record.model import Evidence, Record
from openbook.web.marked_pages import CACHED, PIXELS, WAITING, WIDTH, PageRenderer, PagesBusy, page_picture, page_views
from openbook.web.server.state import ServerState

V1 = "/api/v1"
CASES = Path(__file__).parents[2] / "papers" / "cases"
Serve = Callable[..., AbstractContextManager[TestClient]]
Wait = Callable[..., dict[str, Any]]


def upload(client: TestClient, wait: Wait, data: bytes, name: str = "paper.pdf", **headers: str) -> str:
    """Upload a paper, wait, and return where its record is in the API."""
    job = client.post(f"{V1}/papers", files={"file": (name, data)}, headers=headers).json()
    return f"{V1}/records/{wait(client, job)['sha256']}"


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return make_pdf(make_text(31, pages=6))


def test_pages_pictures_and_the_marked_pdf(client: TestClient, wait: Wait, pdf: bytes) -> None:
    at = upload(client, wait, pdf)
    record = Record.model_validate(client.get(at).json())
    body = client.get(f"{at}/pages").json()
    assert body["total"] == len(body["pages"]) == record.paper.pages
    marked = {(mark["variable"], mark["quote"]) for page in body["pages"] for mark in page["marks"]}
    located = {
        (variable, number)
        for variable, answer in record.answers.items()
        for number, item in enumerate(answer.evidence)
        if item.boxes
    }
    assert located <= marked
    assert {variable for variable, answer in record.answers.items() if answer.near_miss} >= {
        variable for variable, quote in marked if quote is None
    }
    picture = client.get(f"{at}/pages/1")
    assert picture.headers["content-type"] == "image/webp"
    assert "private" in picture.headers["cache-control"]
    drawn = Image.open(BytesIO(picture.content))
    assert drawn.width == WIDTH
    assert drawn.height == pytest.approx(WIDTH * body["pages"][0]["height"] / body["pages"][0]["width"], abs=1)
    assert client.get(f"{at}/pages/{body['total'] + 1}").status_code == 404
    copy = client.get(f"{at}/marked.pdf")
    notes = [note for page in PdfReader(BytesIO(copy.content)).pages for note in page.get("/Annots") or []]
    assert len(notes) >= len(located) > 0
    page = client.get(f"/papers/{record.paper.sha256}", headers={"Accept": "text/html"}).text
    assert f'href="{at}/marked.pdf"' in page
    assert f'data-from="{at}/pages"' in page


def test_an_upload_is_looked_up_once(
    client: TestClient, wait: Wait, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = upload(client, wait, pdf)
    asked: list[str] = []
    look = JobQueue.kept
    monkeypatch.setattr(JobQueue, "kept", lambda queue, paper: (asked.append(paper), look(queue, paper))[1])
    for path in (at.replace(f"{V1}/records", "/papers"), f"{at}/pages/1"):
        asked.clear()
        assert client.get(path).status_code == 200
        assert len(asked) == 1


@pytest.mark.parametrize("name", ["rotated_page.pdf", "crop_box_origin.pdf", "footnote_mark.pdf"])
def test_ink_stands_in_every_box(name: str) -> None:
    data = (CASES / name).read_bytes()
    paper = read_bytes(data, source=name)
    record = assess_paper(paper, LinearAssessor())
    for line in paper.text.splitlines():  # a mark on every line that is long enough
        start = paper.text.index(line)
        if len(line) > 20:
            boxes = paper.boxes(start, start + len(line))
            record.answers["pseudocode"].evidence.append(Evidence(quote=line, match="exact", boxes=boxes))
    views = page_views(record, paper, data)
    checked = 0
    for page in views.pages:
        drawn = Image.open(BytesIO(page_picture(data, page.number))).convert("L")
        assert drawn.width / drawn.height == pytest.approx(page.width / page.height, rel=0.01)
        for mark in page.marks:
            for left, top, width, height in mark.boxes:
                box = (
                    left * drawn.width,
                    top * drawn.height,
                    (left + width) * drawn.width,
                    (top + height) * drawn.height,
                )
                dark = sum(drawn.crop(tuple(map(round, box))).histogram()[:128])
                assert dark > 0.03 * (box[2] - box[0]) * (box[3] - box[1]), (page.number, mark)
                checked += 1
    assert checked >= 3


def test_nothing_without_the_file(serve: Serve, wait: Wait, pdf: bytes, tmp_path: Path) -> None:
    with serve(tmp_path, keep_minutes=0) as client:
        at = upload(client, wait, pdf)
        for what in ("pages", "pages/1", "marked.pdf"):
            assert client.get(f"{at}/{what}").status_code == 410
        page = client.get(f"/papers/{at.rpartition('/')[2]}", headers={"Accept": "text/html"}).text
        assert "marked.pdf" not in page
        assert 'id="pages"' not in page


def test_a_picture_goes_with_its_file(serve: Serve, wait: Wait, pdf: bytes, tmp_path: Path) -> None:
    with serve(tmp_path) as client:
        at = upload(client, wait, pdf)
        assert client.get(f"{at}/pages/1").status_code == 200
        state: ServerState = client.app.app.app.state.server  # type: ignore[attr-defined]
        job = state.jobs.kept(at.rpartition("/")[2])
        assert job is not None
        state.drop(job)
        assert client.get(f"{at}/pages/1").status_code == 410


def test_a_text_has_no_pages(client: TestClient, wait: Wait) -> None:
    at = upload(client, wait, make_text(32, pages=2).encode(), "paper.txt")
    for what in ("pages", "pages/1", "marked.pdf"):
        answer = client.get(f"{at}/{what}")
        assert (answer.status_code, answer.json()["title"]) == (422, "No pages")
    assert "marked.pdf" not in client.get(f"/papers/{at.rpartition('/')[2]}", headers={"Accept": "text/html"}).text


def test_a_private_server_shows_no_pages(serve: Serve, wait: Wait, pdf: bytes, token: str, tmp_path: Path) -> None:
    with serve(tmp_path, token=token, private=True) as client:
        key = {"Authorization": f"Bearer {token}"}
        job = client.post(f"{V1}/papers", files={"file": ("p.pdf", pdf)}, headers=key).json()
        client.headers.update(key)
        at = f"{V1}/records/{wait(client, job)['sha256']}"
        client.headers.pop("Authorization")
        for what in ("pages", "pages/1", "marked.pdf"):
            assert client.get(f"{at}/{what}").status_code == 401
            assert client.get(f"{at}/{what}", headers=key).status_code == 200


def test_damaged_pdfs_hurt_nobody(client: TestClient, wait: Wait, pdf: bytes) -> None:
    random_bytes = random.Random(5)
    for _ in range(6):
        broken = bytearray(pdf)
        for _ in range(60):
            broken[random_bytes.randrange(20, len(broken))] = random_bytes.randrange(256)
        at = upload(client, wait, bytes(broken))
        for what in ("pages", "pages/1", "pages/2", "marked.pdf"):
            answer = client.get(f"{at}/{what}")
            assert answer.status_code in (200, 404, 422), answer.text
            if answer.status_code != 200:
                assert str(Path.cwd().anchor + "tmp") not in answer.text
    assert client.get(f"{V1}/health").json()["status"] == "ok"


def huge(width: int, height: int) -> bytes:
    """A PDF of one page of this size in points."""
    return make_pdf("Words.").replace(b"612 792", b"%d %d" % (width, height))


@pytest.mark.parametrize(("width", "height"), [(14_400, 14_400), (14_400, 72), (72, 14_400), (1, 14_400)])
def test_pictures_have_a_largest_size(width: int, height: int) -> None:
    drawn = Image.open(BytesIO(page_picture(huge(width, height), 1)))
    assert drawn.width <= WIDTH
    assert drawn.width * drawn.height <= PIXELS


def test_only_so_many_wait(tmp_path: Path, pdf: bytes) -> None:
    path = tmp_path / "p.pdf"
    path.write_bytes(pdf)
    renderer = PageRenderer(seconds=30, megabytes=1024)
    try:
        for _ in range(WAITING):
            renderer._room.acquire()
        with pytest.raises(PagesBusy):
            renderer.picture(path, "a", 1)
        for _ in range(WAITING):
            renderer._room.release()
        first = renderer.picture(path, "a", 1)
        path.unlink()
        assert renderer.picture(path, "a", 1) == first  # not drawn again
        with pytest.raises(OpenbookError):
            renderer.picture(path, "a", 2)
        assert renderer._size <= CACHED
    finally:
        renderer.close()
