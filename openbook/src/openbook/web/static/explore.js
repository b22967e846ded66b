// Finds papers by words and filters. A paper's answers are three characters and its place among all titles four; the
// titles of a venue's year are loaded when they are shown. Words are looked up in Pagefind's index where there is one.
"use strict";
(function () {
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", WIDTH = 7, STEP = 50;
  const KINDS = ["experimental", "theoretical", "unknown"], AFFILIATIONS = ["academia", "industry", "collaboration", "unknown"];
  const UNREAD = 1 << 7;
  const at = function (name) { return document.getElementById(name); };
  const form = at("filters"), found = at("found"), count = at("count"), more = at("more"), csv = at("csv"), summary = at("summary");
  const VARIABLES = form.dataset.variables.split(" "), TITLES = Array.from(form.querySelectorAll("fieldset label"), function (label) { return label.textContent; });
  let groups = [], papers = [], matches = [], shown = 0, turn = 0;
  const titles = new Map(), waiting = new Map();

  window.explored = function (group, rows) { titles.set(group, rows); };
  window.explore = function (given) {
    groups = given;
    given.forEach(function (group, number) {
      const packed = group[3];
      let rank = 0;
      for (let place = 0; place < packed.length / WIDTH; place++) {
        const bits = decode(packed, place * WIDTH, 3);
        rank += decode(packed, place * WIDTH + 3, 4);
        papers.push({ group: number, place: place, rank: rank, bits: bits, score: ones(bits), unread: !!(bits & UNREAD) });
      }
    });
    form.hidden = false;
    restore();
    filter();
  };

  function decode(text, start, length) {
    let value = 0;
    for (let place = start; place < start + length; place++) value = value << 6 | DIGITS.indexOf(text[place]);
    return value;
  }

  function ones(bits) { let n = 0; for (let b = bits & 127; b; b &= b - 1) n++; return n; }

  // Scripts instead of requests: these work in a site that was opened as files, too.
  function script(address) {
    if (!waiting.has(address)) {
      waiting.set(address, new Promise(function (done, fail) {
        const one = document.createElement("script");
        one.src = address;
        one.onload = done;
        one.onerror = function () { waiting.delete(address); fail(new Error(address + " could not be loaded.")); };
        document.head.append(one);
      }));
    }
    return waiting.get(address);
  }

  function load(some) {
    const wanted = new Set(some.map(function (paper) { return paper.group; }));
    return Promise.all(Array.from(wanted, function (group) { return titles.has(group) ? null : script(encodeURIComponent(groups[group][2])); }));
  }

  function row(paper) { return titles.get(paper.group)[paper.place]; }

  // What a paper is in each filter: name -> value, as the options of the form have it.
  const FACETS = {
    venue: function (paper) { return groups[paper.group][0]; },
    year: function (paper) { return groups[paper.group][1]; },
    kind: function (paper) { return KINDS[paper.bits >> 8 & 3]; },
    affiliation: function (paper) { return AFFILIATIONS[paper.bits >> 11 & 3]; },
    flags: function (paper) { return String(paper.bits >> 10 & 1); },
  };
  VARIABLES.forEach(function (name, place) { FACETS[name] = function (paper) { return String(paper.bits >> place & 1); }; });

  let engine = null, rows = null;
  window.searchable = function (ids) { rows = new Map(ids.split(" ").map(function (id, place) { return [id, place]; })); };

  // The papers that have some words in title or authors, best first. Without an index all titles are looked through.
  async function search(text) {
    if (form.dataset.search && location.protocol !== "file:") {
      if (!engine) {
        engine = await import(new URL("../pagefind/pagefind.js", location.href));
        await engine.init();
        await script("../pagefind/rows.js");
      }
      const answer = await engine.search(text);
      const ranked = answer.results.map(function (one) { return papers[rows.get(one.id)]; }).filter(Boolean);
      if (ranked.length || !/[^\p{L}\p{N}\s]/u.test(text)) return ranked;  // signs are not in the index
    }
    await load(papers);
    const words = text.toLowerCase().split(/\s+/);
    return papers.filter(function (paper) {
      const one = row(paper), whole = (one[0] + " " + one[2]).toLowerCase();
      return words.every(function (word) { return whole.includes(word); });
    });
  }

  async function filter() {
    const mine = ++turn, want = Object.fromEntries(new FormData(form)), text = want.text.trim();
    remember(want);
    let pool = papers;
    if (text) {
      count.textContent = "Searching …";
      try { pool = await search(text); }
      catch (error) { if (mine === turn) count.textContent = "The search failed: " + error.message; return; }
      if (mine !== turn) return;
    }
    const counts = new Map(), chosen = [];
    const asked = Object.keys(FACETS).filter(function (name) { return want[name]; });
    const add = function (name, value) { counts.set(name + "=" + value, (counts.get(name + "=" + value) || 0) + 1); };
    for (const paper of pool) {
      const failed = asked.filter(function (name) { return FACETS[name](paper) !== want[name]; });
      const low = paper.unread ? +want.least > 0 : paper.score < +want.least, high = paper.unread ? +want.most < 7 : paper.score > +want.most;
      if (low) failed.push("least");
      if (high) failed.push("most");
      if (failed.length > 1) continue;
      for (const name in FACETS) if (!failed.length || failed[0] === name) add(name, FACETS[name](paper));
      for (const name of ["least", "most"]) if (!paper.unread && (!failed.length || failed[0] === name)) add(name, paper.score);
      if (!failed.length) chosen.push(paper);
    }
    matches = ordered(chosen, want.sort || (text ? "match" : "newest"));
    number(counts);
    summarise();
    shown = 0;
    found.replaceChildren();
    csv.disabled = !matches.length;
    await show(mine);
  }

  function ordered(chosen, by) {
    const title = function (one, other) { return one.rank - other.rank; };
    const year = function (paper) { return +groups[paper.group][1] || -1; }, score = function (paper) { return paper.unread ? -1 : paper.score; };
    const ways = {
      title: title,
      newest: function (one, other) { return year(other) - year(one) || title(one, other); },
      oldest: function (one, other) { return year(one) - year(other) || title(one, other); },
      most: function (one, other) { return score(other) - score(one) || title(one, other); },
      least: function (one, other) { return score(one) - score(other) || title(one, other); },
    };
    return ways[by] ? chosen.sort(ways[by]) : chosen;
  }

  // How many papers each option would leave, the other filters being as they are.
  function number(counts) {
    for (const select of form.querySelectorAll("select[data-counted]")) {
      for (const option of select.options) {
        if (!option.dataset.words) option.dataset.words = option.textContent;
        let n = counts.get(select.name + "=" + option.value) || 0;
        if (select.name === "least") for (let score = +option.value + 1; score <= 7; score++) n += counts.get("least=" + score) || 0;
        if (select.name === "most") for (let score = +option.value - 1; score >= 0; score--) n += counts.get("most=" + score) || 0;
        const open = select.name === "least" ? option.value === "0" : select.name === "most" ? option.value === "7" : !option.value;
        option.textContent = option.dataset.words + (open ? "" : " (" + n.toLocaleString("en") + ")");
      }
    }
  }

  function summarise() {
    const empirical = matches.filter(function (paper) { return !paper.unread && (paper.bits >> 8 & 3) !== 1; });
    count.textContent = matches.length.toLocaleString("en") + (matches.length === 1 ? " paper" : " papers");
    summary.hidden = !empirical.length;
    if (!empirical.length) return;
    const share = function (bits) { return empirical.filter(function (paper) { return (paper.bits & bits) === bits; }).length / empirical.length; };
    const mean = empirical.reduce(function (sum, paper) { return sum + paper.score; }, 0) / empirical.length;
    const both = share(1 << VARIABLES.indexOf("open_source_code") | 1 << VARIABLES.indexOf("open_datasets"));
    at("told").textContent = empirical.length.toLocaleString("en") + " of them empirical: " + mean.toFixed(2) + " of 7 documented on average, " +
      percent(both) + " with code and data (estimates)";
    summary.querySelectorAll("li").forEach(function (item, place) {
      const value = share(1 << place);
      item.querySelector(".fill").setAttribute("width", (100 * value).toFixed(1));
      item.querySelector(".num").textContent = percent(value);
    });
  }

  function percent(share) { return (100 * share).toFixed(0) + "\u00a0%"; }

  async function show(mine) {
    const next = matches.slice(shown, shown + STEP);
    try { await load(next); }
    catch (error) { count.textContent = error.message; return; }
    if (mine !== turn) return;
    for (const paper of next) {
      const [title, folder, authors] = row(paper), [venue, year] = groups[paper.group];
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = form.dataset.papers.replace("{}", encodeURIComponent(folder));
      link.textContent = title;
      const badge = document.createElement("span"), meta = document.createElement("span");
      badge.className = "badge s" + (paper.unread ? "x" : paper.score);
      badge.textContent = paper.unread ? "not read" : paper.score + " of 7";
      meta.className = "meta";
      meta.textContent = (authors ? authors + " · " : "") + venue + " " + year;
      item.append(link, badge, meta);
      found.append(item);
    }
    shown += next.length;
    more.hidden = shown >= matches.length;
  }

  async function download() {
    const mine = turn, cell = function (value) { return /[",\n\r]/.test(value) ? '"' + String(value).replaceAll('"', '""') + '"' : value; };
    try { await load(matches); } catch (error) { count.textContent = error.message; return; }
    if (mine !== turn) return;
    const lines = [["id", "title", "authors", "venue", "year", "documentation", ...VARIABLES, "research_type", "affiliation", "audit_flags", "page"]];
    for (const paper of matches) {
      const [title, folder, authors, id] = row(paper);
      const page = new URL(form.dataset.papers.replace("{}", encodeURIComponent(folder)), location.href).href;
      lines.push([id || folder, title, authors, FACETS.venue(paper), FACETS.year(paper), paper.unread ? "" : paper.score,
        ...VARIABLES.map(function (name) { return paper.unread ? "" : FACETS[name](paper); }),
        FACETS.kind(paper), FACETS.affiliation(paper), FACETS.flags(paper), page]);
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.map(function (line) { return line.map(cell).join(",") + "\n"; }).join("")], { type: "text/csv" }));
    link.download = "papers.csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }

  function remember(want) {
    const kept = new URLSearchParams();
    for (const name in want) {
      const field = form.elements[name];
      if (want[name] && want[name] !== (field.options ? field.options[0].value : "")) kept.set(name, want[name]);
    }
    try { history.replaceState(null, "", location.pathname + "#" + kept); } catch (error) { /* a page from a file may not */ }
  }

  function restore() {
    form.reset();
    const asked = new URLSearchParams(location.hash.slice(1)), words = new URLSearchParams(location.search).get("q");
    if (words && !asked.has("text")) asked.set("text", words);
    for (const [name, value] of asked) {
      const field = form.elements[name];
      if (field) field.value = value;
      if (field && field.options && field.selectedIndex < 0) field.selectedIndex = 0;
    }
  }

  let pause;
  form.addEventListener("input", function () { clearTimeout(pause); pause = setTimeout(filter, 150); });
  form.addEventListener("reset", function () { setTimeout(filter); });
  form.addEventListener("submit", function (event) { event.preventDefault(); filter(); });
  window.addEventListener("hashchange", function () { restore(); filter(); });
  csv.addEventListener("click", download);
  more.addEventListener("click", function () {
    const first = found.children.length;
    show(turn).then(function () { const item = found.children[first]; if (item) item.querySelector("a").focus(); });
  });
})();
