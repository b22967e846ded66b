"""What the site is made of: the files of the contract, links that lead somewhere, nothing that a record could break."""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from selectolax.lexbor import LexborHTMLParser
from site_records import ADDRESS, EVIL, made_up, write_folder

from openbook.record.files import read_record
from openbook.record.model import Answer, Evidence, NearMiss, score_answers
from openbook.record.parquet import to_table, write_table
from openbook.web.addresses import folder_name
from openbook.web.site import lists, rendering
from openbook.web.site.building import Report, SiteSettings, build

LIGHT = 60_000


def parsed(path: Path) -> LexborHTMLParser:
    return LexborHTMLParser(path.read_text(encoding="utf-8"))


def test_the_files_of_the_contract(built: tuple[Path, Report], records: Path) -> None:
    site, report = built
    assert report.pages == report.written == 176
    for number in (1, 8):
        folder = site / "papers" / f"paper_{number}"
        assert {path.name for path in folder.iterdir()} == {"index.html", "record.json", "badge.svg"}
        assert read_record(folder / "record.json") == read_record(records / f"r{number:04d}.json")
        ElementTree.parse(folder / "badge.svg")
    assert set(json.loads(report.as_json())) >= {
        "pages",
        "seconds",
        "peak_mb",
        "search_seconds",
        "search_peak_mb",
        "bytes",
    }
    found = sum(path.stat().st_size for path in site.rglob("*") if path.is_file() and ".openbook" not in path.parts)
    assert report.bytes == found


def test_a_page_says_what_its_record_says(site: Path) -> None:
    page = parsed(site / "papers/paper_7/index.html").css_first("main").text()
    for wanted in (
        "Made-up paper 7",
        "Ann Gardener, Bo Miller 7",
        "PLUM",
        "2023",
        "estimates",
        "3 of 7",
        "0.86",
        "0.49 to 0.97",
        "83 % sure",
        "We used two cores.",
        "page 3 · appendix · word for word",
        "not in the paper",
        "linear",
        "made-up-model",
        "20,000 in, 5 out",
        "What its authors could add",
        "Propose a correction",
        "record as JSON",
        "badge.svg",
    ):
        assert wanted in page, wanted
    published = parsed(site / "papers/paper_8/index.html")
    assert published.css("td blockquote")
    assert "quoted as published in the index" in published.css_first("main").text()


def test_flags_corrections_and_unread(site: Path) -> None:
    corrected = parsed(site / "papers/corrected/index.html").css_first("main").text()
    assert "open datasets corrected from no to yes by Ann: page 4 says so" in corrected
    assert "only promised" in parsed(site / "papers/promised/index.html").css_first(".flags").text()
    assert "A paper with a promise" in parsed(site / "audit/promised_code/index.html").css_first("main").text()
    unread = parsed(site / "papers/unread/index.html").css_first("main").text()
    assert "it needs a password" in unread
    assert "nothing is scored" in unread


def test_a_rebuilt_paper_says_so(site: Path) -> None:
    box = parsed(site / "papers/paper_1/index.html").css_first(".rebuilt")
    assert "Rebuilt here: 1 of 2 claims reproduced, 1 not run" in box.text()
    assert "There are seven <b>apples</b>." in box.text()
    assert "no ladder" in box.text()
    assert "What the record could not see. Code lies in the authors' <drawer>." in box.text()
    assert not parsed(site / "papers/paper_2/index.html").css(".rebuilt")
    assert "Orchards, tested anew" in parsed(site / "studies/index.html").css_first("main").text()


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 200
    ids: dict[Path, set[str]] = {}
    for page in pages:
        for node in parsed(page).css("[href], [src], form[action]"):
            target = node.attributes.get("href") or node.attributes.get("src") or node.attributes.get("action") or ""
            if re.match(r"https?:", target):
                continue
            path, _, fragment = target.partition("#")
            place = (page.parent / unquote(path)).resolve() if path else page.resolve()
            assert place.is_file(), f"{page}: {target}"
            if fragment and place.suffix == ".html" and not place.parent.name.startswith(("explore", "corrections")):
                if place not in ids:
                    ids[place] = {one.attributes["id"] or "" for one in parsed(place).css("[id]")}
                assert unquote(fragment) in ids[place], f"{page}: {target}"


def test_nothing_is_loaded_from_elsewhere_and_no_record_becomes_markup(site: Path) -> None:
    for page in site.rglob("*.html"):
        tree = parsed(page)
        for node in tree.css("script[src], link[rel=stylesheet], link[rel=icon], img, iframe, object, video, source"):
            target = node.attributes.get("src") or node.attributes.get("href") or ""
            assert not re.match(r"(?:[a-z]+:)?//", target), f"{page}: {target}"
        assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)], page
        assert not tree.css("script:not([src]):not([type='application/ld+json'])"), page
        assert not tree.css("img[src=x]"), page
        assert not tree.css("a[href^='javascript']"), page


def test_hostile_ids_stay_inside(site: Path) -> None:
    assert folder_name("../../nowhere") != "../../nowhere"
    assert not (site.parent / "nowhere").exists()
    folder = site / "papers" / folder_name(EVIL)
    assert parsed(folder / "index.html").css_first("h1").text() == html.unescape(EVIL)
    data = parsed(folder / "index.html").css_first("script[type='application/ld+json']").text()
    assert json.loads(data)["name"] == EVIL
    names = {folder_name(name) for name in ("a", "A/b", "a\\b", ".a", "-a", "", "a" * 300, "a\n", "ä", "a\u0308", "a ")}
    assert len(names) == 11
    assert not [name for name in names if name.startswith((".", "-")) or "/" in name or len(name.encode()) > 255]


def test_pages_stay_light_and_nothing_is_cut_silently(site: Path) -> None:
    heavy = {page: page.stat().st_size for page in (site / "papers").rglob("*.html") if page.stat().st_size > LIGHT}
    assert not heavy
    folder = site / "papers" / "long"
    record = read_record(folder / "record.json")
    tree = parsed(folder / "index.html")
    for name, answer in record.answers.items():
        if name == "affiliation":
            continue
        row = tree.css_first(f"#{name}")
        link = row.css_first("a[href$='.txt']")
        assert (folder / (link.attributes["href"] or "")).read_text(encoding="utf-8").strip() == answer.response.strip()
        assert f"{len(answer.response):,} characters" in row.text()


def test_what_programs_read(site: Path) -> None:
    index = json.loads((site / "index.json").read_text(encoding="utf-8"))["papers"]
    assert len(index) == 176
    seven = next(one for one in index if one["id"] == "paper_7")
    assert seven["yes"] == ["pseudocode", "open_source_code", "open_datasets"]
    assert (site / seven["record"]).is_file()
    assert pq.read_metadata(site / "data/records.parquet").num_rows == 176
    with (site / "data/results.csv").open(encoding="utf-8", newline="") as lines:
        rows = {row["id"]: row for row in csv.DictReader(lines)}
    assert rows["paper_7"]["open_datasets"] == "1"
    assert rows["paper_8"]["documentation"] == "1"
    findings = json.loads((site / "audit/findings.json").read_text(encoding="utf-8"))["findings"]
    assert "promised" in {one["id"] for one in findings if one["kind"] == "promised_code"}


def test_json_ld(site: Path) -> None:
    data = json.loads(parsed(site / "papers/paper_7/index.html").css_first("script[type='application/ld+json']").text())
    assert data["@type"] == "ScholarlyArticle"
    assert data["author"][0] == {"@type": "Person", "name": "Ann Gardener"}
    dataset = data["subjectOf"]
    assert dataset["distribution"]["contentUrl"] == f"{ADDRESS}papers/paper_7/record.json"
    assert {"@type": "PropertyValue", "name": "Documentation Score", "value": 3, "maxValue": 7} in dataset[
        "variableMeasured"
    ]


def test_atom_and_sitemaps(site: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.parse(site / "feed.xml").getroot()
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == lists.NEWEST
    for entry in [feed, *entries]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.findtext(f"{atom}updated") or "")
        assert (entry.findtext(f"{atom}id") or "").startswith(ADDRESS)
    assert len({entry.findtext(f"{atom}id") for entry in entries}) == len(entries)
    monkeypatch.setattr(lists, "PER_SITEMAP", 100)
    build(SiteSettings(records, tmp_path / "site", base_url=ADDRESS, search=False))
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    parts = [node.text or "" for node in ElementTree.parse(tmp_path / "site/sitemap.xml").getroot().iter(f"{space}loc")]
    places = []
    for part in parts:
        listed = ElementTree.parse(tmp_path / "site" / part.removeprefix(ADDRESS)).getroot()
        here = [node.text or "" for node in listed.iter(f"{space}loc")]
        assert 0 < len(here) <= 100
        places += here
    assert len(parts) > 2
    assert len(set(places)) == len(places)
    for place in places:
        assert (tmp_path / "site" / unquote(place.removeprefix(ADDRESS)) / "index.html").is_file(), place


def test_without_an_address_there_is_no_sitemap(records: Path, tmp_path: Path) -> None:
    report = build(SiteSettings(records, tmp_path / "site", search=False))
    assert not (tmp_path / "site/sitemap.xml").exists()
    assert not (tmp_path / "site/pagefind").exists()
    explore = (tmp_path / "site/explore/index.html").read_text(encoding="utf-8")
    assert "data-search" not in explore  # the page looks through the titles itself
    assert "connect-src" not in explore
    assert "../explore/index.html" in (tmp_path / "site/search/index.html").read_text(encoding="utf-8")
    assert report.search_seconds is None


def test_only_what_changed_is_rendered(tmp_path: Path) -> None:
    given = [made_up(number) for number in range(8)]
    source = write_folder(tmp_path / "records", given)
    settings = SiteSettings(source, tmp_path / "site", search=False)
    assert build(settings).written == 8
    pages = {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*.html")}
    again = build(settings)
    assert (again.written, again.pages) == (0, 8)
    assert {path: path.stat().st_mtime_ns for path in pages} == pages
    write_folder(source, [*given[:3], made_up(3, title="Another title"), *given[4:7]])
    (source / "r0007.json").unlink()
    report = build(settings)
    assert (report.written, report.removed, report.pages) == (1, 1, 7)
    assert not (tmp_path / "site/papers/paper_7").exists()
    assert "Another title" in (tmp_path / "site/papers/paper_3/index.html").read_text(encoding="utf-8")
    edition = (tmp_path / "site/venues/PLUM/2023/index.html").read_text(encoding="utf-8")
    assert "Another title" in edition
    assert "paper_7" not in edition
    assert build(SiteSettings(source, tmp_path / "site", search=False, base_url=ADDRESS)).written == 7


def test_an_interrupted_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_folder(tmp_path / "records", [made_up(number) for number in range(12)])
    settings = SiteSettings(source, tmp_path / "site", search=False)
    monkeypatch.setattr("openbook.web.site.sources.BATCH", 5)

    def stop(what: str, done: int, of: int) -> None:
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(settings, stop)
    journal = tmp_path / "site/.openbook/journal.jsonl"
    with journal.open("a", encoding="utf-8") as lines:
        lines.write('["half a li')
    report = build(settings)
    assert (report.written, report.pages) == (7, 12)
    assert not journal.exists()
    assert not list((tmp_path / "site").rglob("*.part"))


def test_several_processes_make_the_same_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "records.parquet"
    write_table(to_table([made_up(number) for number in range(60)]), table)
    build(SiteSettings(table, tmp_path / "one", search=False))
    monkeypatch.setattr(rendering, "FEW", 0)
    assert build(SiteSettings(table, tmp_path / "two", search=False, processes=2)).written == 60
    for page in (tmp_path / "one/papers").rglob("*.*"):
        assert page.read_bytes() == (tmp_path / "two" / page.relative_to(tmp_path / "one")).read_bytes()


def test_bundles_hold_the_same_pages_in_few_files(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "records", [made_up(number) for number in range(120)])
    bundled = SiteSettings(source, tmp_path / "site", base_url=ADDRESS, search=False, bundle=True)
    assert build(bundled).written == 120
    papers = tmp_path / "site/papers"
    bundles = sorted(papers.glob("bundle-*.json.gz"))
    assert len(bundles) == 3
    assert not [path for path in papers.iterdir() if path.is_dir()]
    held = {name: one for path in bundles for name, one in json.loads(gzip.decompress(path.read_bytes())).items()}
    assert len(held) == 120
    record = json.loads(held["paper_7"]["files"]["record.json"])
    assert record["paper"]["title"] == "Made-up paper 7"
    main = LexborHTMLParser(held["paper_7"]["page"])
    assert main.css_first("h1").text() == "Made-up paper 7"
    assert main.css_first("img").attributes["src"] == "../assets/badges/3.svg"
    for node in main.css("a[href^='../'], img"):
        target = (node.attributes.get("href") or node.attributes.get("src") or "").partition("#")[0]
        assert (papers / unquote(target)).is_file(), target
    edition = parsed(tmp_path / "site/venues/PLUM/2023/index.html")
    assert edition.css_first(".papers a").attributes["href"] == "../../../papers/index.html?paper=paper_0"
    index = json.loads((tmp_path / "site/index.json").read_text(encoding="utf-8"))["papers"]
    assert all((tmp_path / "site" / one["record"]).is_file() for one in index)
    assert build(bundled).written == 0
    write_folder(source, [made_up(0, title="Another title")])
    assert build(bundled).written == 1
    report = build(SiteSettings(source, tmp_path / "site", base_url=ADDRESS, search=False))
    assert report.written == 120
    assert not list(papers.glob("*.gz"))
    assert not list(papers.glob("*.json"))
    assert build(bundled).written == 120
    assert not [path for path in papers.iterdir() if path.is_dir()]


def test_no_local_path_is_published(tmp_path: Path) -> None:
    read = made_up(1, source="/home/zeno/secret/orchard.pdf", url="/home/zeno/secret/orchard.pdf", problem=None)
    broken = made_up(2, source="C:\\zeno\\pear.pdf", problem="C:\\zeno\\pear.pdf: encrypted")
    table = tmp_path / "records.parquet"
    write_table(to_table([read, broken, made_up(3, source="https://example.org/a/plum.pdf")]), table)
    build(SiteSettings(table, tmp_path / "site", search=False))
    for path in (tmp_path / "site").rglob("*"):
        if path.is_file() and ".openbook" not in path.parts and path.suffix != ".parquet":
            assert b"zeno" not in path.read_bytes(), path
    told = parsed(tmp_path / "site/papers/paper_1/index.html")
    assert "orchard.pdf" in told.css_first("dl.terms").text()
    assert not told.css(".facts a")
    columns = pq.read_table(tmp_path / "site/data/records.parquet", columns=["source", "url", "problem"]).to_pylist()
    assert columns[0]["source"] == "orchard.pdf"
    assert columns[1] == {"source": "pear.pdf", "url": "https://example.org/p.pdf", "problem": "pear.pdf: encrypted"}
    assert columns[2]["source"] == "https://example.org/a/plum.pdf"


def test_titles_are_shown_and_sorted_without_latex(tmp_path: Path) -> None:
    titles = [
        r"$\ell_2$-Weights of \textbf{Plums}",
        "“Zebras” & $100 More",
        r"Breaking the $\mathcalO(\sqrtT)$ Barrier",
        "Apples",
    ]
    records = [made_up(number, title=title) for number, title in enumerate(titles)]
    build(SiteSettings(write_folder(tmp_path / "records", records), tmp_path / "site", search=False))
    shown = [node.text() for node in parsed(tmp_path / "site/venues/PLUM/2023/index.html").css(".papers a")]
    assert shown == ["Apples", "Breaking the 𝒪(√(T)) Barrier", "“Zebras” & $100 More", "ℓ₂-Weights of Plums"]
    assert parsed(tmp_path / "site/papers/paper_0/index.html").css_first("h1").text() == "ℓ₂-Weights of Plums"


def test_without_years_there_are_bars(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "records", [made_up(number, year=None) for number in range(5)])
    build(SiteSettings(source, tmp_path / "site", search=False))
    for name in ("index.html", "trends/index.html"):
        page = parsed(tmp_path / "site" / name)
        assert len(page.css("table.shares svg.share")) == 7, name
        assert not page.css("#variables"), name


def test_unclear_answers_and_near_misses(tmp_path: Path) -> None:
    record = made_up(1)
    record.answers["open_datasets"] = Answer(
        result="no",
        confidence=0.55,
        response="No.",
        near_miss=NearMiss(quote="Data upon request.", page=4, kind="promised"),
    )
    quote = Evidence(quote="We used two cores.", page=3, match="exact", part="body")
    record.answers["hardware_specification"] = Answer(
        result="yes", confidence=0.9, response="Yes: supported by the quoted sentences.", evidence=[quote]
    )
    record.scores = score_answers(record.answers)
    build(SiteSettings(write_folder(tmp_path / "records", [record]), tmp_path / "site", search=False))
    page = parsed(tmp_path / "site/papers/paper_1/index.html")
    row = page.css_first("#open_datasets")
    assert row.css_first(".badge.unclear").text() == "Unclear"
    assert row.css_first(".confidence").text() == "no, 55 % sure"
    assert "page 4: “Data upon request.” (promised)" in row.text()
    assert "1 of the seven unclear" in page.css_first(".scores").text()
    assert "supported by" not in page.css_first("#hardware_specification").text()
    assert "We used two cores." in page.css_first("#hardware_specification").text()


def test_the_published_index(index_data: Path, tmp_path: Path) -> None:
    """A slice of the real records, with the paper that is rebuilt here."""
    import pyarrow.compute as pc

    wanted = "autoregressive_nexttoken_predictors_are_universal_learners__95ff3e16"
    whole = pq.read_table(index_data / "records.parquet")
    place = pc.index(whole["id"], wanted).as_py()
    chosen = whole.take([*range(0, len(whole), 997), place])
    write_table(chosen, tmp_path / "slice.parquet")
    report = build(SiteSettings(tmp_path / "slice.parquet", tmp_path / "site", search=False))
    assert report.pages == len(chosen)
    assert report.largest_page < LIGHT
    page = parsed(tmp_path / "site/papers" / wanted / "index.html").css_first("main").text()
    for words in ("Eran Malach", "ICML", "2024", "4 of 7", "0.33", "5 of 15", "gemini-2.5-flash", "2606.16974"):
        assert words in page, words


def test_where_record_and_rebuild_disagree(tmp_path: Path, studies: Path) -> None:
    record = made_up(1)
    record.answers["experiment_setup"].result = "yes"
    record.answers["hardware_specification"].result = "no"
    records = write_folder(tmp_path / "records", [record])
    build(SiteSettings(records, tmp_path / "site", studies, search=False))
    page = next((tmp_path / "site" / "papers").glob("paper_1*/index.html")).read_text(encoding="utf-8")
    assert "experiment setup is documented; the rebuild had to guess 1 value: how ripe is ripe" in page
    assert "height of the ladder" not in page, "the record does not call hardware documented"
    page = (tmp_path / "site" / "studies" / "index.html").read_text(encoding="utf-8")
    assert "What rebuilds had to guess" in page
