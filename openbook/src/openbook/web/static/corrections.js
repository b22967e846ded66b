// Makes the text of a correction from the form; nothing leaves the page.
"use strict";
(function () {
  const form = document.getElementById("correction"), out = document.getElementById("made"), copy = document.getElementById("copy");
  const ALLOWED = { research_type: ["experimental", "theoretical", "unknown"], affiliation: ["academia", "industry", "collaboration", "unknown"] };
  form.hidden = false;
  if (location.hash.length > 1) { try { form.elements.paper.value = decodeURIComponent(location.hash.slice(1)); } catch (error) { /* not an id */ } }

  function results() {
    const field = form.elements.result, before = field.value;
    field.replaceChildren();
    for (const name of ALLOWED[form.elements.variable.value] || ["yes", "no"]) field.add(new Option(name, name, false, name === before));
  }

  function make() {
    const one = {};
    for (const [name, value] of new FormData(form)) one[name] = value.trim();
    out.textContent = JSON.stringify(one, null, 2);
    const whole = one.paper && one.who && one.why;
    copy.disabled = !whole;
  }

  form.addEventListener("change", function (event) { if (event.target.name === "variable") results(); make(); });
  form.addEventListener("input", make);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  copy.addEventListener("click", async function () {
    const said = document.getElementById("said");
    try { await navigator.clipboard.writeText(out.textContent); said.textContent = "Copied."; }
    catch (error) { getSelection().selectAllChildren(out); said.textContent = "Selected: copy it with the keyboard."; }
  });
  results();
  make();
})();
