// Shows one paper of a site that keeps papers' pages in bundles: looks up in which bundle it is, unpacks it, shows it.
"use strict";
(async function () {
  const place = document.getElementById("paper"), status = document.getElementById("status");
  const folder = new URLSearchParams(location.search).get("paper");

  // FNV-1a over UTF-8, as the builder computes it.
  function shard(name) {
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return hash % Number(place.dataset.shards);
  }

  // Some hosts unpack a file with the ending .gz on its way: its first two bytes tell.
  async function load(name) {
    const response = await fetch(name);
    if (!response.ok) throw new Error(name + " could not be loaded (" + response.status + ").");
    const data = await response.arrayBuffer(), head = new Uint8Array(data, 0, 2);
    if (head[0] !== 0x1f || head[1] !== 0x8b) return JSON.parse(new TextDecoder().decode(data));
    return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  if (!folder) { status.textContent = "The address names no paper."; return; }
  if (location.protocol === "file:") {
    status.textContent = "This page needs a web server: run python -m http.server in the folder of the site.";
    return;
  }
  status.textContent = "Loading …";
  try {
    const where = await load("where-" + shard(folder) + ".json");
    if (!Object.hasOwn(where, folder)) { status.textContent = "There is no such paper here."; return; }
    const one = (await load("bundle-" + where[folder] + ".json.gz"))[folder];
    place.innerHTML = one.page; // made by the site's own templates, which escape everything; the policy runs no script in it
    document.title = place.querySelector("h1").textContent + " · openbook";
    for (const link of place.querySelectorAll("a[href]")) {
      const name = link.getAttribute("href");
      if (!Object.hasOwn(one.files, name)) continue;
      const json = name.endsWith(".json");
      link.href = URL.createObjectURL(new Blob([one.files[name]], { type: json ? "application/json" : "text/plain;charset=utf-8" }));
      if (json) link.download = folder + ".json";
    }
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) target.scrollIntoView();
  } catch (error) {
    status.textContent = error.message;
  }
})();
