"""LaTeX source as it reaches the page: files put in, comments and switched-off branches left out, macros replaced.

Nothing is run and no file outside the archive is opened. Of TeX this follows what authors write: definitions with their
arguments, switches and conditionals, inputs, style files of their own, hidden environments, and text that is printed
white or not at all. What remains are LaTeX's own commands, for ``openbook.papers.latex``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from openbook.papers.latex_conditionals import Conditionals
from openbook.papers.latex_macros import FRONT, Macro, Macros
from openbook.papers.latex_scanner import DEEPEST, ScanFrame, Scanner, argument, clean_source, handlers_of, handles
from openbook.papers.latex_unprinted import Unprinted

#: Commands that print nothing of their arguments, and how many they take.
_DROPPED: Final = {
    **dict.fromkeys(
        (
            "phantom hphantom vphantom tikzset pgfplotsset usetikzlibrary usepgfplotslibrary typeout message "
            "hypersetup pdfinfo pgfplotstableread tikzstyle newcounter newlength newsavebox graphicspath "
            "bibliographystyle pagestyle thispagestyle newcolumntype lstset captionsetup sisetup geometry "
            "theoremstyle setlist crefname DeclareGraphicsExtensions newtoggle newbool newboolean lstdefinestyle "
            "lstdefinelanguage tcbset tcbuselibrary titlespacing titleformat makeindex hyphenation special "
            "AtBeginSection nocite providetoggle providebool pdfcomment pdfmargincomment includestandalone includepdf includesvg "
            "lstinputlisting verbatiminput animategraphics epsfig epsfbox psfig externaldocument addbibresource xymatrix "
            "includegraphics index glsadd"
        ).split(),
        1,
    ),
    **dict.fromkeys(
        [
            "setcounter",
            "addtocounter",
            "inputminted",
            "counterwithin",
            "numberwithin",
            "pgfmathsetmacro",
            "setlength",
            "addtolength",
            "rule",
            "PackageWarning",
            "newtcolorbox",
        ],
        2,
    ),
}


@dataclass(slots=True)
class LatexSource:
    """The body of a document with its macros replaced, and the commands of its front matter with their arguments."""

    body: str = ""
    front: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """(command, its optional argument, its arguments), in order."""

    def given(self, *names: str) -> Iterator[list[str]]:
        """The arguments of each use of these front-matter commands."""
        return (arguments for name, _, arguments in self.front if name in names)


def read_source(files: dict[str, bytes], main: str) -> LatexSource:
    """The document ``main`` as its readers see it; ``files`` are the files that it may put in."""
    return _Reader(files, main).read()


class _Reader:
    """Follows a document from its first line to ``\\end{document}``."""

    def __init__(self, files: dict[str, bytes], main: str) -> None:
        self._files = files
        self._main = main
        self._source = LatexSource()
        self._scan = Scanner(self._command)
        self._macros = Macros(self._scan)
        self._conditionals = Conditionals(self._scan, self._macros)
        self._unprinted = Unprinted(self._scan, self._macros)
        self._only: set[str] | None = None
        self._bibliography = False
        self._front_read = False
        for part in (self._macros, self._conditionals, self._unprinted, self):
            self._scan.handlers.update(handlers_of(part))

    def read(self) -> LatexSource:
        text = self._load(self._main)
        self._scan.preamble = re.search(r"\\begin\s*\{document\}", text) is not None
        self._scan.frames = [ScanFrame(text, path=self._main, folder=posixpath.dirname(self._main))]
        self._scan.run()
        if not self._bibliography and "\\begin{thebibliography}" not in (body := "".join(self._scan.out)):
            self._scan.out.append("\n\n" + self._scan.expanded(self._bibliography_text(body)))
        self._source.body = "".join(self._scan.out)
        self._scan.preamble = False
        self._front_read = True
        self._source.front = [
            (name, option, [self._scan.expanded(given) for given in arguments])
            for name, option, arguments in self._source.front[:2000]
        ]
        return self._source

    def _load(self, path: str) -> str:
        text = clean_source(self._files[path])
        self._scan.budget -= len(text)
        return text if self._scan.budget >= 0 else ""

    def _command(self, name: str) -> None:
        """Do what a command says: the document's own definition first, unless the command is understood here."""
        head = name.partition("@")[0]
        if (
            head
            and head != name
            and name not in self._macros.definitions
            and self._is_known(head)
            and not head.startswith("if")
        ):
            self._scan.frames[-1].position -= len(name) - len(head)  # \name@example.org
            name = head
        handler = self._scan.handlers.get(name)
        if handler is not None:
            handler()
        elif name in self._macros.definitions:
            self._macros.expand(name)
        elif self._conditionals.takes(name):
            return
        elif name in FRONT:
            self._front(name)
        elif name in _DROPPED:
            self._scan.star()
            self._scan.optional()
            for _ in range(_DROPPED[name]):
                self._scan.argument()
        else:
            self._scan.print("\\" + name)

    def _is_known(self, name: str) -> bool:
        return name in self._macros.definitions or name in self._scan.handlers

    def _path(self, name: str) -> str:
        """A file's name with the macros in it replaced, in the preamble too."""
        if "\\" in name:
            kept, self._scan.preamble = self._scan.preamble, False
            name = self._scan.expanded(name)
            self._scan.preamble = kept
        return name.strip()

    def _resolve(self, name: str, endings: tuple[str, ...], folder: str | None = None) -> str | None:
        """The path of a file in the archive, looked for where TeX would."""
        name = self._path(name).strip('"').strip()
        above = next((frame.path for frame in reversed(self._scan.frames) if frame.path), self._main)
        bases = [folder] if folder is not None else []
        bases += [self._scan.frames[-1].folder if self._scan.frames else "", posixpath.dirname(self._main)]
        bases += [posixpath.dirname(above or ""), ""]
        for base in bases:
            for ending in endings:
                path = posixpath.normpath(posixpath.join(base, name + ending))
                if path in self._files:
                    return path
        return None

    def _include(self, name: str, *, folder: str | None = None) -> None:
        """Put a file in, unless it is being read already."""
        path = self._resolve(name, (".tex", "", ".ltx", ".latex"), folder)
        open_files = [frame.path for frame in self._scan.frames if frame.path]
        if path is None or path in open_files or len(open_files) > 20 or self._scan.budget < 0:
            self._scan.print(" ")
            return
        here = self._scan.frames[-1]
        below = folder if folder is not None else here.folder
        self._scan.frames.append(ScanFrame("\n" + self._load(path) + "\n", path=path, folder=below, silent=here.silent))

    @handles("input @input subfile subfileinclude")
    def _input(self) -> None:
        frame = self._scan.here()
        if frame is None:
            return
        if frame.text[frame.position] == "{":
            self._include(self._scan.argument())
            return
        found = re.compile(r'"[^"\n]{1,300}"|[^\s\\{}%]{1,300}').match(frame.text, frame.position)
        if found:
            frame.position = found.end()
            self._include(found.group())

    @handles("include")
    def _include_chapter(self) -> None:
        name = self._scan.argument()
        if self._only is None or name.strip() in self._only:
            self._include(name)

    def _import(self, *, relative: bool) -> None:
        self._scan.star()
        folder, name = self._path(self._scan.argument()), self._scan.argument()
        base = self._scan.frames[-1].folder if relative and self._scan.frames else posixpath.dirname(self._main)
        self._include(name, folder=posixpath.normpath(posixpath.join(base, folder)))

    @handles("usepackage RequirePackage")
    def _use_package(self, ending: str = ".sty") -> None:
        options = frozenset(option.strip() for option in (self._scan.optional() or "").split(","))
        names = [name.strip() for name in self._scan.argument().split(",")][:50]
        self._scan.optional()
        if "todonotes" in names and "disable" in options:
            self._macros.definitions["todo"] = Macro("", ("o", "m"), ("", None))
        open_files = {frame.path for frame in self._scan.frames}
        for name in reversed(names):
            path = self._resolve(name, (ending,)) if name else None
            if path and path not in open_files and len(self._scan.frames) < DEEPEST and self._scan.budget > 0:
                frame = ScanFrame(
                    self._load(path), path=path, folder=posixpath.dirname(path), silent=True, options=options
                )
                self._scan.frames.append(frame)

    @handles("DeclareOption")
    def _declare_option(self) -> None:
        self._scan.star()
        option, body = self._scan.argument().strip(), self._scan.argument()
        if option in self._scan.frames[-1].options:
            self._scan.push(body)

    def _if_file_exists(self, *, put_in: bool) -> None:
        name, there, missing = self._scan.argument(), self._scan.argument(), self._scan.argument()
        exists = self._resolve(name, ("", ".tex")) is not None
        self._scan.push(there if exists else missing)
        if exists and put_in:
            self._include(name)

    @handles("endinput")
    def _end_input(self) -> None:
        while self._scan.frames and self._scan.frames[-1].path is None and len(self._scan.frames) > 1:
            self._scan.frames.pop()
        if self._scan.frames:
            self._scan.frames[-1].position = len(self._scan.frames[-1].text)

    @handles("bibliography")
    def _put_bibliography(self) -> None:
        self._scan.argument()
        self._list_bibliography()

    @handles("printbibliography")
    def _list_bibliography(self) -> None:
        self._scan.optional()
        if self._scan.preamble or self._bibliography:
            return
        self._bibliography = True
        self._scan.push(self._bibliography_text("".join(self._scan.out[-2000:])))

    def _bibliography_text(self, body: str) -> str:
        """The references that BibTeX made: of the document's own name, else the longest beside it."""
        if "\\begin{thebibliography}" in body:
            return ""
        own = posixpath.splitext(self._main)[0] + ".bbl"
        folder = posixpath.dirname(self._main)
        others = [path for path in self._files if path.lower().endswith(".bbl")]
        others.sort(key=lambda path: (path == own, posixpath.dirname(path) == folder, len(self._files[path])))
        if not others:
            return ""
        text = self._load(others[-1])
        return text if "\\begin{thebibliography}" in text or "\\bibitem" in text else _from_biblatex(text)

    @handles("begin")
    def _begin(self) -> None:
        name = self._scan.argument().strip()
        if name == "document":
            if self._scan.preamble:
                self._scan.preamble = False
                self._scan.out.clear()
            return
        if self._unprinted.begins(name):
            return
        if name in self._macros.environments and not self._scan.frames[-1].silent:
            self._scan.push("\n" + self._macros.filled(self._macros.environments[name][0]))
        else:
            self._scan.print(f"\\begin{{{name}}}")

    @handles("end")
    def _end(self) -> None:
        name = self._scan.argument().strip()
        self._unprinted.ends(name)
        if name == "document":
            files = [frame for frame in self._scan.frames if frame.path is not None and not frame.silent]
            if len(files) > 1 and re.search(r"\\begin\s*\{document\}", files[-1].text):  # of a file that is put in
                while self._scan.frames[-1] is not files[-1]:
                    self._scan.frames.pop()
                self._scan.frames.pop()
            elif not self._scan.preamble:
                self._scan.frames.clear()
        elif name in self._macros.environments and not self._scan.frames[-1].silent:
            self._scan.push(self._macros.environments[name][1] + " ")
        else:
            self._scan.print(f"\\end{{{name}}}")

    def _front(self, name: str) -> None:
        """Note a command of the front matter; inside another one it stays as it is."""
        if self._front_read:
            self._scan.print("\\" + name)
            return
        self._scan.star()
        option = self._scan.optional() or ""
        given = [self._scan.argument() for _ in range(FRONT[name])]
        if not self._scan.frames[-1].silent:
            self._source.front.append((name, option, given))

    @handles("abstract")
    def _abstract(self) -> None:
        frame = self._scan.here()
        if frame is not None and frame.text[frame.position] == "{":
            text = self._scan.argument()
            if self._scan.preamble:
                self._source.front.append(("abstract", "", [text]))
            else:
                self._scan.push(f"\\begin{{abstract}}{text}\\end{{abstract}}")

    @handles("includeonly")
    def _include_only(self) -> None:
        self._only = {name.strip() for name in self._scan.argument().split(",")}

    @handles("import includefrom inputfrom")
    def _import_from(self) -> None:
        self._import(relative=False)

    @handles("subimport subincludefrom subinputfrom")
    def _import_below(self) -> None:
        self._import(relative=True)

    @handles("documentclass LoadClass")
    def _use_class(self) -> None:
        self._use_package(".cls")

    @handles("IfFileExists")
    def _if_file(self) -> None:
        self._if_file_exists(put_in=False)

    @handles("InputIfFileExists")
    def _input_if_file(self) -> None:
        self._if_file_exists(put_in=True)

    @handles("long global protected outer makeatletter makeatother")
    def _nothing(self) -> None:
        """Prefixes that change nothing here."""


def _from_biblatex(text: str) -> str:
    """The entries of a .bbl that biblatex made as ``\\bibitem``s."""
    entries = []
    for entry in re.split(r"\\entry\s*(?=\{)", text)[1:]:
        key, _ = argument(entry, 0)
        authors = re.search(r"\\name\{author\}", entry)
        names = re.findall(r"family=\{?([^{},]+)", entry[authors.end() :].split("\\name{", 1)[0]) if authors else []
        parts = [", ".join(names)] if names else []
        for name in ("title", "journaltitle", "booktitle", "year"):
            found = re.search(rf"\\field\{{{name}\}}\s*(?=\{{)", entry)
            if found:
                parts.append(argument(entry, found.end())[0])
        address = re.search(r"\\verb\{url\}\s*\\verb\s+(\S+)", entry)
        if address:
            parts.append(f"\\url{{{address.group(1)}}}")
        entries.append(f"\\bibitem{{{key}}} {'. '.join(parts)}\n")
    return "\\begin{thebibliography}{9}\n" + "".join(entries) + "\\end{thebibliography}\n" if entries else ""
