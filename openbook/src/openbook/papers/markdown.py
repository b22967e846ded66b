"""Markdown: blocks from its headings, paragraphs, lists, tables and code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from openbook.papers.blocks import Block
from openbook.papers.characters import clean
from openbook.papers.html import read_html
from openbook.papers.plain import CAPTION

_FRONT = re.compile(r"\A---\s*\n(.*?)\n(?:---|\.\.\.)\s*\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title\s*:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(slots=True)
class MarkdownPaper:
    """The blocks of a document and its title."""

    blocks: list[Block]
    title: str = ""


def read_markdown(text: str) -> MarkdownPaper:
    """The blocks of a Markdown document (CommonMark with tables)."""
    title = ""
    front = _FRONT.match(text)
    if front:
        named = _FRONT_TITLE.search(front.group(1))
        title = named.group(1) if named else ""
        text = text[front.end() :]
    text = _COMMENT.sub("", text)
    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    blocks: list[Block] = []
    level = 0
    for token in parser.parse(text):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "inline":
            block = _inline(token)
            if not block.text:
                continue
            if level:
                block.kind, block.level, block.marked = "heading", level, True
            elif CAPTION.match(block.text):
                block.kind = "caption"
            blocks.append(block)
        elif token.type in ("fence", "code_block"):
            code = " ".join(token.content.split())
            if code:
                blocks.append(Block(clean(code)))
        elif token.type == "html_block":
            blocks.extend(read_html(token.content).blocks)
    if not title:
        title = next((block.text for block in blocks if block.kind == "heading"), "")
    if blocks and blocks[0].kind == "heading" and blocks[0].text == title and blocks[0].level == 1:
        blocks[0] = Block(title)  # the paper's title is no section
    return MarkdownPaper(blocks, title)


def _inline(token: Token) -> Block:
    text = ""
    links: list[tuple[int, int, str]] = []
    opened: list[tuple[int, str]] = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            text += child.content
        elif child.type in ("softbreak", "hardbreak"):
            text += " "
        elif child.type == "image":
            text += child.content
        elif child.type == "link_open":
            opened.append((len(text), str(child.attrGet("href") or "")))
        elif child.type == "link_close" and opened:
            start, url = opened.pop()
            if url.startswith(("http://", "https://", "ftp://")) and len(text) > start:
                links.append((start, len(text), url))
    cleaned = clean(text)
    if cleaned != text:  # offsets moved: find the anchors again
        moved = []
        for start, end, url in links:
            anchor = clean(text[start:end])
            at = cleaned.find(anchor, max(0, start - (len(text) - len(cleaned)) - 2))
            if anchor and at >= 0:
                moved.append((at, at + len(anchor), url))
        links = moved
    return Block(cleaned, links=links)
