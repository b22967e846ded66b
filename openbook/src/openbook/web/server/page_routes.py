"""A paper's pages with its record's marks, under ``/api/v1``: where the marks are, the pictures, and the marked PDF.

They are there as long as the uploaded file is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from openbook.errors import OpenbookError
from openbook.record.model import Record
from openbook.web.marked_pages import MOST_PAGES, PagesBusy, PageViews
from openbook.web.server.api import ALWAYS, PAPER, Reader, record_of
from openbook.web.server.models import API
from openbook.web.server.problems import Problem, documented
from openbook.web.server.state import ServerState
from openbook.web.server.uploads import is_pdf

router = APIRouter(prefix=API)
_FAULTS: Final = documented(401, 404, 409, 410, 422, *ALWAYS)


def _binary(kind: str, description: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": description, "content": {kind: {"schema": {"type": "string", "format": "binary"}}}},
        **_FAULTS,
    }


@router.get("/records/{paper}/pages", tags=["pages"], responses=_FAULTS, operation_id="pages")
def pages(state: Reader, paper: Annotated[str, PAPER]) -> PageViews:
    """The pages of the uploaded PDF, and where on them the quotes stand. 410 once the file is deleted."""
    _, record, path = _pdf_of(state, paper)
    with _told():
        return state.pages.views(path, record)


@router.get(
    "/records/{paper}/pages/{number}",
    tags=["pages"],
    responses=_binary("image/webp", "The page, without marks."),
    response_class=Response,
    operation_id="page",
)
def picture(state: Reader, paper: Annotated[str, PAPER], number: Annotated[int, Path(ge=1, le=MOST_PAGES)]) -> Response:
    """A page as a picture."""
    key, _, path = _pdf_of(state, paper)
    with _told():
        made = state.pages.picture(path, key, number)
    # a browser may keep it for a while, nobody else; it is gone here when the file is
    return Response(made, media_type="image/webp", headers={"Cache-Control": "private, max-age=600"})


@router.get(
    "/records/{paper}/marked.pdf",
    tags=["pages"],
    responses=_binary("application/pdf", "A copy of the PDF with a highlight on every quote."),
    response_class=Response,
    operation_id="marked",
)
def marked(state: Reader, paper: Annotated[str, PAPER]) -> Response:
    """The uploaded PDF with the record's marks in it, as `openbook show --pdf` writes it."""
    key, record, path = _pdf_of(state, paper)
    with _told():
        made = state.pages.marked_pdf(path, record)
    name = f"{key[:8]}-marked.pdf"
    return Response(
        made, media_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _pdf_of(state: ServerState, paper: str) -> tuple[str, Record, FilePath]:
    """A paper's key, its record and its file. Raises Problem 404, 409; 410 for a deleted file; 422 for one that is no PDF."""
    key, record = record_of(state, paper)
    path = state.file_of(key)
    if path is None:
        raise Problem(410, "No longer here", "Uploads are deleted some time after they were read; upload it again.")
    if not is_pdf(path):
        raise Problem(422, "No pages", "The upload is not a PDF, so it has no pages to show.")
    return key, record, path


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong with drawing, as a Problem: 503 while many wait, 404 for a page that is not there, else 422."""
    try:
        yield
    except PagesBusy as busy:
        raise Problem(503, "Busy", f"Try again in a moment: {busy}.", headers={"Retry-After": "5"}) from busy
    except OpenbookError as error:
        said = str(error)
        raise Problem(404 if "no page" in said else 422, "Cannot be shown", f"{said[:300]}.") from error
