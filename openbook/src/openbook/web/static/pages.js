// Shows a paper's pages beside its answers, a mark on every quote: from an answer to its mark on the page, and back.
"use strict";

const sheets = document.getElementById("pages");
if (sheets) showPages(sheets);

/** Draw the pages; a picture is loaded when its page comes near. */
async function showPages(sheets) {
  const told = sheets.querySelector("[role=status]");
  sheets.hidden = false;
  let body;
  try {
    const response = await fetch(sheets.dataset.from, { headers: { Accept: "application/json" } });
    body = await response.json();
    if (!response.ok) throw new Error(body.detail);
  } catch (error) {
    told.textContent = `The pages cannot be shown. ${error.message}`;
    return;
  }
  const rest = body.total - body.pages.length;
  told.textContent = rest > 0 ? `The first ${body.pages.length} pages; the marked PDF has ${rest} more.` : "";
  told.hidden = rest <= 0;
  const first = new Map();  // "variable quote" -> the first box of that mark
  for (const page of body.pages) sheets.append(sheet(page, first));
  for (const [place, box] of first) link(place, box);
}

/** One page: its picture, the boxes on it, and links to the answers that rest on it. */
function sheet(page, first) {
  const figure = document.createElement("figure");
  const frame = document.createElement("div");
  frame.className = "sheet";
  frame.style.aspectRatio = `${page.width} / ${page.height}`;
  const image = document.createElement("img");
  image.loading = "lazy";
  image.alt = `Page ${page.number}`;
  image.src = `${sheets.dataset.from}/${page.number}`;
  image.addEventListener("error", () => { image.remove(); frame.classList.add("lost"); frame.dataset.said = `Page ${page.number} cannot be shown.`; });
  frame.append(image);
  const caption = document.createElement("figcaption");
  caption.append(`Page ${page.number}`);
  const named = new Set();
  for (const mark of page.marks) {
    const place = `${mark.variable} ${mark.quote ?? "near"}`;
    for (const [left, top, width, height] of mark.boxes) {
      const box = document.createElement("span");
      box.className = "on-page";
      box.dataset.place = place;
      box.title = `${titleOf(mark.variable)}: ${mark.note}`;
      Object.assign(box.style, { left: percent(left), top: percent(top), width: percent(width), height: percent(height), backgroundColor: `#${mark.colour}` });
      box.addEventListener("click", () => toAnswer(mark.variable));
      frame.append(box);
      if (!first.has(place)) first.set(place, box);
    }
    if (!named.has(mark.variable)) {
      named.add(mark.variable);
      const back = document.createElement("a");
      back.href = `#${mark.variable}`;
      back.textContent = titleOf(mark.variable);
      back.addEventListener("click", (event) => { event.preventDefault(); toAnswer(mark.variable); });
      caption.append(" · ", back);
    }
  }
  figure.append(frame, caption);
  return figure;
}

/** Give a quote, or the row of a near miss, a button that shows its mark. */
function link(place, box) {
  const [variable, quote] = place.split(" ");
  const article = document.getElementById(variable);
  const figure = article && article.querySelectorAll("figure")[Number(quote)];
  const beside = figure ? figure.querySelector("figcaption") : row(variable) && row(variable).lastElementChild;
  if (!beside) return;
  const show = document.createElement("button");
  show.type = "button";
  show.className = "link show";
  show.textContent = "Show on the page";
  show.addEventListener("click", () => toMark(place, box));
  beside.append(" ", show);
  if (figure) {
    const words = figure.querySelector("blockquote");
    words.classList.add("leads");
    words.addEventListener("click", () => { if (getSelection().isCollapsed) toMark(place, box); });
  }
}

function toMark(place, box) {
  box.scrollIntoView({ block: "center" });
  flash(sheets.querySelectorAll(`[data-place="${place}"]`));
}

function toAnswer(variable) {
  const target = document.getElementById(variable) || row(variable);
  target.scrollIntoView({ block: "center" });
  flash([target]);
}

/** Draw the eye to what was scrolled to. */
function flash(elements) {
  for (const element of elements) {
    element.classList.remove("flash");
    void element.offsetWidth;  // begin the animation anew
    element.classList.add("flash");
  }
}

function row(variable) { return document.querySelector(`tr[data-variable="${variable}"]`); }

function titleOf(variable) { return row(variable) ? row(variable).querySelector("th").textContent : variable; }

function percent(share) { return `${(100 * share).toFixed(3)}%`; }
