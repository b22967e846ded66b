// Filters papers by their answers, two characters each; titles of a venue's year are loaded when they are shown.
"use strict";
(function () {
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const VARIABLES = ["pseudocode", "open_source_code", "open_datasets", "dataset_splits", "hardware_specification",
    "software_dependencies", "experiment_setup"];
  const STEP = 50;
  const form = document.getElementById("filters"), found = document.getElementById("found");
  const count = document.getElementById("count"), more = document.getElementById("more");
  let groups = [], matches = [], shown = 0, turn = 0;
  const titles = new Map(), waiting = new Map();

  window.explored = function (group, rows) { titles.set(group, rows); };
  window.explore = function (given) {
    groups = given;
    form.hidden = false;
    restore();
    filter();
  };

  function load(group) {
    if (titles.has(group)) return Promise.resolve();
    if (!waiting.has(group)) {
      waiting.set(group, new Promise(function (done, fail) {
        const script = document.createElement("script");
        script.src = encodeURIComponent(groups[group][2]);
        script.onload = done;
        script.onerror = function () { waiting.delete(group); fail(new Error("The list of " + groups[group][2] + " could not be loaded.")); };
        document.head.append(script);
      }));
    }
    return waiting.get(group);
  }

  function wanted() {
    const data = new FormData(form), one = {};
    for (const [name, value] of data) one[name] = value;
    return one;
  }

  function ones(bits) { let n = 0; for (let b = bits & 127; b; b &= b - 1) n++; return n; }

  async function filter() {
    const mine = ++turn, want = wanted();
    const words = want.text.toLowerCase().split(/\s+/).filter(Boolean);
    let yes = 0, no = 0;
    VARIABLES.forEach(function (name, place) { if (want[name] === "1") yes |= 1 << place; if (want[name] === "0") no |= 1 << place; });
    const chosen = [];
    groups.forEach(function (group, number) {
      if ((want.venue && group[0] !== want.venue) || (want.year && group[1] !== want.year)) return;
      const packed = group[3];
      for (let place = 0; place < packed.length / 2; place++) {
        const bits = DIGITS.indexOf(packed[2 * place]) << 6 | DIGITS.indexOf(packed[2 * place + 1]);
        const score = ones(bits);
        if ((bits & yes) !== yes || bits & no || score < +want.least || score > +want.most) continue;
        if (bits & 128 && (+want.least > 0 || +want.most < 7)) continue;
        if (want.kind && (bits >> 8 & 3) !== +want.kind) continue;
        if (want.flags && (bits >> 10 & 1) !== +want.flags) continue;
        chosen.push([number, place, bits]);
      }
    });
    remember(want);
    if (words.length) {
      count.textContent = "Looking through titles …";
      try { await Promise.all(Array.from(new Set(chosen.map(function (one) { return one[0]; })), load)); }
      catch (error) { if (mine === turn) count.textContent = error.message; return; }
      if (mine !== turn) return;
    }
    matches = !words.length ? chosen : chosen.filter(function (one) {
      const row = titles.get(one[0])[one[1]], text = (row[0] + " " + row[2]).toLowerCase();
      return words.every(function (word) { return text.includes(word); });
    });
    shown = 0;
    found.replaceChildren();
    count.textContent = matches.length.toLocaleString("en") + (matches.length === 1 ? " paper" : " papers");
    await show(mine);
  }

  async function show(mine) {
    const next = matches.slice(shown, shown + STEP);
    try { await Promise.all(Array.from(new Set(next.map(function (one) { return one[0]; })), load)); }
    catch (error) { count.textContent = error.message; return; }
    if (mine !== turn) return;
    for (const [group, place, bits] of next) {
      const [title, folder, authors] = titles.get(group)[place];
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = "../papers/" + encodeURIComponent(folder) + "/index.html";
      link.textContent = title;
      const badge = document.createElement("span"), meta = document.createElement("span");
      badge.className = "badge s" + (bits & 128 ? "x" : ones(bits));
      badge.textContent = bits & 128 ? "not read" : ones(bits) + " of 7";
      meta.className = "meta";
      meta.textContent = (authors ? authors + " · " : "") + groups[group][0] + " " + groups[group][1];
      item.append(link, badge, meta);
      found.append(item);
    }
    shown += next.length;
    more.hidden = shown >= matches.length;
  }

  function remember(want) {
    const kept = new URLSearchParams();
    for (const name in want) {
      const field = form.elements[name];
      if (want[name] && want[name] !== (field.options ? field.options[0].value : "")) kept.set(name, want[name]);
    }
    try { history.replaceState(null, "", "#" + kept); } catch (error) { /* a page from a file may not */ }
  }

  function restore() {
    form.reset();
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
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
  more.addEventListener("click", function () {
    const first = found.children.length;
    show(turn).then(function () { const item = found.children[first]; if (item) item.querySelector("a").focus(); });
  });
})();
