"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(Math.abs(value) < 1000 ? 4 : 1);
const percent = (share) => (share >= 0.9995 ? "100 %" : share >= 0.001 || share === 0 ? (100 * share).toFixed(1) + " %" : share.toExponential(0));
const seen = (word) => word.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥") || "∅";
const word = (token) => data.words[token];
const shade = (value, largest) => {
  if (!largest || !value) return "none";
  const strength = Math.abs(value / largest) ** 0.75; // small contributions stay visible
  return `rgb(var(--${value < 0 ? "against" : "for"}) / calc(var(--most) * ${strength.toFixed(3)}))`;
};

const momentAt = new Map(data.moments.map((moment, index) => [moment.position, index]));
let now = 0; // which moment
let chosen = 0; // which of its candidates
let opposed = ""; // "", "mean" or a token
let pinned = null; // a position

// The attribution of one candidate of the moment, against nothing, the mean or another candidate.
function attribution(moment, row) {
  let logit = moment.logits[row], bias = moment.bias[row], values = moment.values[row];
  const other = opposed === "mean" ? moment.mean : opposedRow(moment) < 0 ? null : {
    logit: moment.logits[opposedRow(moment)], bias: moment.bias[opposedRow(moment)], values: moment.values[opposedRow(moment)] };
  if (other) {
    logit -= other.logit; bias -= other.bias; values = values.map((value, i) => value - other.values[i]);
  }
  const residual = opposed === "mean" ? moment.residuals.mean[row] : other ? null : moment.residuals.plain[row];
  const total = values.reduce((sum, value) => sum + value, bias);
  return { logit, bias, values, total, residual: residual ?? Math.abs(logit - total) / Math.max(1, Math.abs(logit)) };
}
const opposedRow = (moment) => (opposed === "" || opposed === "mean" ? -1 : moment.candidates.indexOf(Number(opposed)));

function drawText() {
  const box = at("text");
  box.classList.toggle("words", data.task);
  box.replaceChildren(...data.tokens.flatMap((token, position) => {
    const special = data.special.includes(token);
    const text = special ? word(token) : data.task ? word(token) : word(token).replace(/\n/g, "↵");
    const button = make("button", { type: "button", textContent: text || "∅", tabIndex: -1 });
    button.dataset.position = position;
    if (special) button.classList.add("special");
    return !special && word(token).includes("\n") ? [button, "\n"] : [button];
  }));
}

function paintText(moment, found, largest) {
  const place = new Map(moment.places.map((position, i) => [position, i]));
  for (const button of at("text").children) {
    const position = Number(button.dataset.position);
    const value = place.has(position) ? found.values[place.get(position)] : 0;
    const strong = Math.abs(value) > 0.04 * largest;
    button.classList.toggle("plus", value > 0 && strong);
    button.classList.toggle("minus", value < 0 && strong);
    button.classList.toggle("asked", position === moment.position);
    button.classList.toggle("later", position > moment.position);
    button.classList.toggle("pinned", position === pinned);
    button.style.backgroundColor = position < moment.position ? shade(value, largest).replace("none", "transparent") : "";
    button.tabIndex = position === (pinned ?? moment.position) ? 0 : -1;
    const what = position < moment.position
      ? (place.has(position) ? `adds ${signed(value)}` : "adds nothing") : position > moment.position ? "comes later" : "is explained";
    button.setAttribute("aria-label", `${word(token(position))}, position ${position}, ${what}`);
    button.title = `position ${position}: ${what}`;
  }
}
const token = (position) => data.tokens[position];

function drawDetail(moment, found, largest) {
  const line = at("detail");
  if (pinned === null) {
    line.replaceChildren(make("span", { className: "quiet", textContent: "Point at a token, or tap it, to see what it adds; the arrow keys move the explained token." }));
    return;
  }
  const i = moment.places.indexOf(pinned);
  const parts = [make("span", {}, "position ", String(pinned), " ", make("code", { textContent: seen(word(token(pinned))) }))];
  if (pinned === moment.position) {
    const most = found.values.reduce((best, value, i) => (Math.abs(value) > Math.abs(found.values[best]) ? i : best), 0);
    parts.push(make("span", { textContent: "is the token that is explained" }));
    if (found.values.length) parts.push(make("span", { className: "quiet", textContent: `most of it: position ${moment.places[most]} adds ${signed(found.values[most])}` }));
  }
  else if (pinned > moment.position) parts.push(make("span", { textContent: "comes later" }));
  else if (i < 0) parts.push(make("span", { textContent: "adds exactly nothing: no weight leads from there" }));
  else parts.push(make("strong", { textContent: `adds ${signed(found.values[i])}` }),
    make("span", { className: "quiet", textContent: `distance ${moment.position - 1 - pinned}, ${percent(Math.abs(found.values[i]) / (largest || 1))} of the largest` }));
  if (momentAt.has(pinned) && pinned !== moment.position) {
    const jump = make("button", { type: "button", textContent: "explain this token" });
    jump.addEventListener("click", () => show(momentAt.get(pinned)));
    parts.push(jump);
  }
  line.replaceChildren(...parts);
}

function drawCandidates(moment) {
  const first = make("legend", { className: "hidden", textContent: "candidate tokens" });
  at("candidates").replaceChildren(first, ...moment.candidates.map((candidate, row) => {
    const input = make("input", { type: "radio", name: "candidate", value: row, checked: row === chosen });
    input.addEventListener("change", () => { chosen = row; draw(false); });
    const bar = make("i");
    bar.style.width = (data.exact ? 0 : 100 * moment.probabilities[row]) + "%";
    // compiled scores are exact: what counts is by how much the best one leads
    const said = !data.exact ? percent(moment.probabilities[row]) : row === 0 ? `argmax decides, margin ${moment.margin}` : "";
    const label = make("label", {}, input, make("b", { textContent: seen(word(candidate)) }),
      make("span", { textContent: said }),
      make("em", { textContent: `logit ${signed(moment.logits[row])}${candidate === moment.came ? (moment.position < data.given ? " · in the prompt" : " · written") : ""}` }), bar);
    return label;
  }));
}

function drawAgainst(moment) {
  const choices = [["", "the logit itself"], ["mean", "the logit over the mean of all tokens"],
    ...moment.candidates.map((candidate) => [String(candidate), `the logit over that of ${seen(word(candidate))}`])];
  at("against").replaceChildren(...choices.filter(([value]) => value !== String(moment.candidates[chosen]))
    .map(([value, text]) => make("option", { value, textContent: text, selected: value === opposed })));
}

function drawStep(moment) {
  const line = at("step");
  line.replaceChildren();
  if (!moment.step) return;
  const { name, rule, from } = moment.step;
  line.append("Written by step ", make("code", { textContent: `${name} = ${rule}` }));
  from.forEach((source, i) => line.append(i ? ", " : ", which reads ", make("code", { textContent: `${source.name} = ${source.token}` }), ` at position ${source.position}`));
}

function drawAttribution(moment, found, largest) {
  const rows = moment.places.map((position, i) => ({ position, name: seen(word(moment.tokens[i])), value: found.values[i] }));
  if (at("order").value === "size") rows.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  rows.push({ position: "", name: "bias", value: found.bias });
  const line = ({ position, name, value }) => {
    const bar = make("i", { className: value < 0 ? "minus" : "plus" });
    bar.style.width = (largest ? (50 * Math.abs(value)) / largest : 0) + "%";
    const row = make("tr", {}, make("td", { className: "number", textContent: position }), make("td", { className: "token", textContent: name }),
      make("td", { className: "number", textContent: signed(value) }), make("td", { className: "bars" }, make("div", { className: "track" }, bar)));
    if (position !== "" && position === pinned) row.classList.add("pinned");
    if (position !== "") row.addEventListener("pointerenter", () => pin(position));
    return row;
  };
  at("attribution").tBodies[0].replaceChildren(...rows.map(line));
  at("attribution").tFoot.replaceChildren(make("tr", {}, make("td"), make("td", { textContent: "sum" }), make("td", { className: "number", textContent: signed(found.total) }), make("td")));
  const asked = make("code", { textContent: seen(word(moment.candidates[chosen])) });
  const against = opposed === "mean" ? " over the mean of all tokens" : opposedRow(moment) >= 0 ? ` over ${seen(word(Number(opposed)))}` : "";
  const left = found.residual <= data.tolerance
    ? make("span", { className: "quiet", textContent: `What is left over, measured: ${found.residual === 0 ? "0" : found.residual.toExponential(1)} of the logit.` })
    : make("span", { className: "fails", textContent: `It does not add up: ${found.residual.toExponential(1)} of the logit is left over.` });
  at("sum").replaceChildren("logit of ", asked, against, " ", make("strong", { textContent: signed(found.logit) }),
    ` = ${signed(found.total - found.bias)} from ${moment.places.length} tokens, ${signed(found.bias)} bias. `, left);
}

function drawMap(moment) {
  const attributions = moment.candidates.map((_, row) => attribution(moment, row));
  const largest = Math.max(...attributions.flatMap((found) => found.values.map(Math.abs)), 0);
  const wide = moment.places.length <= 14; // room for the numbers themselves
  at("map").classList.toggle("wide", wide);
  at("map").style.setProperty("--cell", wide ? "3.5rem" : `${Math.max(0.95, 50 / moment.places.length)}rem`);
  const head = make("tr", {}, make("td"), ...moment.tokens.map((each, i) => make("th", { scope: "col", title: `position ${moment.places[i]}` }, make("span", { textContent: seen(word(each)) }))));
  head.firstChild.style.cssText = "background:none;border:0;cursor:default";
  const rows = moment.candidates.map((candidate, row) => {
    const pick = make("button", { type: "button", textContent: seen(word(candidate)) });
    pick.addEventListener("click", () => { chosen = row; draw(true); });
    const line = make("tr", { className: row === chosen ? "chosen" : "" }, make("th", { scope: "row" }, pick));
    attributions[row].values.forEach((value, i) => {
      const cell = make("td", { title: `${seen(word(moment.tokens[i]))} at ${moment.places[i]} adds ${signed(value)} to ${seen(word(candidate))}` }, make("span", { className: wide ? "" : "hidden", textContent: wide ? (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2) : signed(value) }));
      cell.style.setProperty("--shade", shade(value, largest));
      cell.classList.toggle("minus", value < -0.04 * largest);
      cell.classList.toggle("pinned", moment.places[i] === pinned && row === chosen);
      cell.addEventListener("click", () => { chosen = row; pinned = moment.places[i]; draw(true); });
      line.append(cell);
    });
    return line;
  });
  at("map").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  at("map-note").textContent = `Green adds, orange${wide ? "" : " with a dash"} takes away; the strongest colour is ${largest.toFixed(2)}. Choose a cell to see it above.`;
}

// candidates: false where they are what the user is just operating
function draw(candidates = true) {
  const moment = data.moments[now];
  if (String(moment.candidates[chosen]) === opposed || (opposed !== "" && opposed !== "mean" && opposedRow(moment) < 0)) opposed = "";
  const found = attribution(moment, chosen);
  const largest = Math.max(...found.values.map(Math.abs), Math.abs(found.bias), 0);
  const strongest = Math.max(...found.values.map(Math.abs), 0); // a large bias must not wash the text out
  paintText(moment, found, strongest);
  drawDetail(moment, found, strongest);
  if (candidates) drawCandidates(moment);
  drawAgainst(moment);
  drawStep(moment);
  drawAttribution(moment, found, largest);
  drawMap(moment);
  at("low").textContent = "takes away " + strongest.toFixed(2);
  at("high").textContent = "adds " + strongest.toFixed(2);
  at("moment").value = now;
  at("previous").disabled = now === 0;
  at("next").disabled = now === data.moments.length - 1;
  at("where").textContent = `token ${now + 1} of ${data.moments.length}`;
  at("moment").setAttribute("aria-valuetext", `${word(moment.came)} at position ${moment.position}`);
}

function show(index, target) {
  now = Math.max(0, Math.min(data.moments.length - 1, index));
  const moment = data.moments[now];
  pinned = null;
  chosen = Math.max(0, moment.candidates.indexOf(target ?? moment.came));
  draw();
  // the newest tokens, which weigh most, are in sight
  for (const name of ["attribution", "map"]) Object.assign(at(name).parentElement, { scrollTop: 1e6, scrollLeft: 1e6 });
  const button = at("text").children[moment.position];
  const box = at("text");
  if (button && (button.offsetTop - box.offsetTop < box.scrollTop || button.offsetTop - box.offsetTop > box.scrollTop + box.clientHeight - 40)) box.scrollTop = button.offsetTop - box.offsetTop - 80;
}

function pin(position) {
  if (pinned === position) return;
  pinned = position;
  const moment = data.moments[now];
  const found = attribution(moment, chosen);
  const strongest = Math.max(...found.values.map(Math.abs), 0);
  paintText(moment, found, strongest);
  drawDetail(moment, found, strongest);
  for (const row of at("attribution").tBodies[0].rows) row.classList.toggle("pinned", row.cells[0].textContent === String(position));
  [...at("map").querySelectorAll("tr.chosen td")].forEach((cell, i) => cell.classList.toggle("pinned", moment.places[i] === position));
}

const positionOf = (event) => event.target.closest("[data-position]")?.dataset.position;
at("text").addEventListener("pointerover", (event) => positionOf(event) && event.pointerType === "mouse" && pin(Number(positionOf(event))));
at("text").addEventListener("focusin", (event) => positionOf(event) && pin(Number(positionOf(event))));
at("text").addEventListener("click", (event) => {
  const position = Number(positionOf(event) ?? NaN);
  if (Number.isNaN(position)) return;
  if (position > data.moments[now].position && momentAt.has(position)) show(momentAt.get(position));
  else pin(position);
});
at("text").addEventListener("keydown", (event) => {
  const position = Number(positionOf(event) ?? NaN);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (Number.isNaN(position)) return;
  if (step) {
    event.preventDefault();
    event.stopPropagation();
    if (momentAt.has(position + step)) show(momentAt.get(position + step));
    at("text").children[position + step]?.focus();
  } else if (event.key === "Enter" && momentAt.has(position)) {
    event.preventDefault();
    show(momentAt.get(position));
    at("text").children[position].focus();
  }
});
document.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, [tabindex='0'].scroll")) return;
  event.preventDefault();
  show(now + step);
});
at("previous").addEventListener("click", () => show(now - 1));
at("next").addEventListener("click", () => show(now + 1));
at("moment").addEventListener("input", (event) => show(Number(event.target.value)));
at("against").addEventListener("change", (event) => { opposed = event.target.value; draw(); });
at("order").addEventListener("change", () => draw());

at("moment").max = data.moments.length - 1;
at("stepper").hidden = data.moments.length < 2;
document.querySelector("main").hidden = false;
drawText();
opposed = data.against === null ? "" : String(data.against);
show(0, data.token ?? undefined);
