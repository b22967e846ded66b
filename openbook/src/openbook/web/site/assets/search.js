// The search page: asks Pagefind's index, which a browser only loads from a web server.
"use strict";
(function () {
  const form = document.getElementById("search"), field = form.elements.q;
  const found = document.getElementById("found"), count = document.getElementById("count"), more = document.getElementById("more");
  const STEP = 20;
  let engine = null, results = [], shown = 0, turn = 0;

  if (location.protocol === "file:") {
    document.getElementById("why").hidden = false;
    form.hidden = true;
    const link = document.getElementById("instead");
    const asked = new URLSearchParams(location.search).get("q");
    if (asked) link.href += "#" + new URLSearchParams({ text: asked });
    return;
  }
  document.getElementById("why").remove();

  async function start() {
    if (engine) return engine;
    engine = await import(new URL("../pagefind/pagefind.js", location.href));
    await engine.options({ excerptLength: 0 });
    await engine.init();
    return engine;
  }

  function filters() {
    const chosen = {};
    for (const name of ["venue", "year", "score", "documents"]) {
      const values = new FormData(form).getAll(name).filter(Boolean);
      if (values.length) chosen[name] = values.length > 1 ? { all: values } : values;
    }
    return chosen;
  }

  async function search() {
    const mine = ++turn, asked = field.value.trim(), chosen = filters();
    const kept = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) kept.append(name, value);
    history.replaceState(null, "", kept.size === 0 ? location.pathname : "?" + kept);
    if (!asked && !Object.keys(chosen).length) { results = []; found.replaceChildren(); more.hidden = true; count.textContent = ""; return; }
    count.textContent = "Searching …";
    try {
      const pagefind = await start();
      const answer = await pagefind.search(asked || null, { filters: chosen });
      if (mine !== turn) return;
      results = answer.results;
      shown = 0;
      found.replaceChildren();
      count.textContent = results.length.toLocaleString("en") + (results.length === 1 ? " paper" : " papers");
      await show(mine);
    } catch (error) {
      if (mine === turn) count.textContent = "The search index could not be loaded: " + error.message;
    }
  }

  async function show(mine) {
    const data = await Promise.all(results.slice(shown, shown + STEP).map(function (one) { return one.data(); }));
    if (mine !== turn) return;
    for (const one of data) {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = new URL("../" + one.meta.at, location.href);
      link.textContent = one.meta.title;
      const badge = document.createElement("span"), meta = document.createElement("span");
      const score = one.filters.score ? one.filters.score[0] : "";
      badge.className = "badge s" + (score === "" ? "x" : score);
      badge.textContent = score === "" ? "not read" : score + " of 7";
      meta.className = "meta";
      meta.textContent = one.meta.by;
      item.append(link, badge, meta);
      found.append(item);
    }
    shown += data.length;
    more.hidden = shown >= results.length;
  }

  for (const [name, value] of new URLSearchParams(location.search)) {
    const box = form.querySelector('[name="' + CSS.escape(name) + '"][value="' + CSS.escape(value) + '"]');
    if (box && box.type === "checkbox") box.checked = true;
    else if (form.elements[name] && "value" in form.elements[name]) form.elements[name].value = value;
  }
  let pause;
  form.addEventListener("input", function () { clearTimeout(pause); pause = setTimeout(search, 200); });
  form.addEventListener("submit", function (event) { event.preventDefault(); clearTimeout(pause); search(); });
  form.addEventListener("reset", function () { setTimeout(search); });
  more.addEventListener("click", function () {
    const first = found.children.length;
    show(turn).then(function () { const item = found.children[first]; if (item) item.querySelector("a").focus(); });
  });
  if (location.search) search();
})();
