// Makes two pages livelier: uploads show their progress, and a paper is watched while it is read.
"use strict";

const form = document.getElementById("upload");
const watched = document.getElementById("job");

if (form) uploads(form);
if (watched && !("over" in watched.dataset)) watchPage(watched);

/** Files that are dropped or chosen are uploaded at once: one leads to its page, several are listed with their progress. */
function uploads(form) {
  const drop = form.querySelector(".drop");
  const input = form.querySelector("input[type=file]");
  const told = document.getElementById("told");
  const list = document.getElementById("uploads");
  const button = document.getElementById("read");
  input.multiple = true;
  button.hidden = true;  // a chosen file is sent at once
  input.addEventListener("change", () => { if (input.files.length) begin(Array.from(input.files)); });

  let depth = 0;
  const over = (event) => Array.from(event.dataTransfer ? event.dataTransfer.types : []).includes("Files");
  addEventListener("dragenter", (event) => { if (over(event)) { depth += 1; drop.classList.add("over"); } });
  addEventListener("dragleave", (event) => { if (over(event) && --depth <= 0) { depth = 0; drop.classList.remove("over"); } });
  addEventListener("dragover", (event) => { if (over(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!over(event)) return;
    event.preventDefault();
    depth = 0;
    drop.classList.remove("over");
    begin(Array.from(event.dataTransfer.files));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin(Array.from(input.files));
  });

  function begin(files) {
    told.textContent = "";
    const most = Number(form.dataset.most);
    for (const file of files.filter((file) => file.size > most)) {
      row(file.name, `is larger than ${(most / 1e6).toFixed(0)} MB and was not sent`, "failed");
    }
    const sent = files.filter((file) => file.size <= most);
    if (sent.length) told.textContent = sent.length === 1 ? `Sending ${sent[0].name}` : `Sending ${sent.length} papers`;
    const waiting = sent.slice();
    const alone = files.length === 1;
    let left = sent.length;
    const ended = () => { left -= 1; if (!left && !alone) told.textContent = "All papers are done"; };
    const next = () => { const file = waiting.shift(); if (file) send(file, alone).then(ended).then(next); };
    next();
    next();
    input.value = "";
  }

  function row(name, text, kind) {
    list.hidden = false;
    const item = document.createElement("li");
    const label = document.createElement("span");
    const came = document.createElement("span");
    label.textContent = name;
    came.className = kind || "came";
    came.textContent = text;
    item.append(label, came);
    list.append(item);
    return { item, label, came };
  }

  function send(file, alone) {
    const shown = row(file.name, "is sent");
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `How far ${file.name} has come`);
    bar.max = 1;
    bar.value = 0;
    shown.item.append(bar);
    return new Promise((resolve) => {
      const fail = (text) => {
        bar.remove();
        shown.came.className = "failed";
        shown.came.textContent = text;
        told.textContent = `${file.name}: ${text}`;
        resolve();
      };
      const request = new XMLHttpRequest();
      request.open("POST", "/api/v1/papers");
      request.setRequestHeader("X-CSRF-Token", document.querySelector("meta[name=form]").content);
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
      request.addEventListener("error", () => fail("the server does not answer"));
      request.addEventListener("load", () => {
        const body = request.response;
        if (request.status === 429 || request.status === 503) {
          const wait = Number(request.getResponseHeader("Retry-After")) || 5;
          shown.came.textContent = `waits ${wait} s for the server`;
          setTimeout(() => { shown.item.remove(); send(file, alone).then(resolve); }, 1000 * wait);
        } else if (request.status >= 300) {
          fail(body && body.detail ? body.detail : `error ${request.status}`);
        } else if (alone) {
          location.assign(body.page || `/jobs/${body.id}`);
        } else {
          const link = document.createElement("a");
          link.textContent = file.name;
          link.href = `/jobs/${body.id}`;
          shown.label.replaceChildren(link);
          bar.removeAttribute("value");
          bar.max = body.stages.length;
          watch(body.id, (job) => {
            bar.value = job.stages.filter((stage) => stage.state === "done").length;
            shown.came.textContent = summary(job);
            if (job.state === "done") link.href = job.page;
            if (job.state === "failed" || job.problem) shown.came.className = "failed";
            if (job.state === "done" || job.state === "failed") { bar.remove(); showNewest(); resolve(); }
          });
        }
      });
      const data = new FormData();
      const assessor = form.querySelector("select[name=assessor]");
      if (assessor) data.append("assessor", assessor.value);
      data.append("file", file, file.name);
      request.send(data);
    });
  }
}

/** Loads the list of the newest records again. */
function showNewest() {
  fetch("/newest").then((response) => (response.ok ? response.text() : null), () => null)
    .then((list) => { if (list !== null) document.getElementById("records").innerHTML = list; });
}

/** One line about a job. */
function summary(job) {
  if (job.state === "failed") return job.error;
  if (job.state === "done" && job.documentation === null) return `not read: ${job.problem || "see its page"}`;
  if (job.state === "done") return `${job.documentation} of 7 documented, reproducibility ${job.reproducibility.toFixed(2)}`;
  if (job.state === "waiting") return job.ahead ? `${job.ahead} before it` : "is next";
  return "is being read";
}

/** Tells `update` of a job whenever it has come further; when events cannot be had, it asks now and then. */
function watch(id, update) {
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  let over = false;
  const tell = (job) => {
    if (over) return;
    over = job.state === "done" || job.state === "failed";
    if (over) source.close();
    update(job);
  };
  source.addEventListener("job", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED || over) return;
    const ask = () => fetch(`/api/v1/jobs/${id}`)
      .then((response) => (response.ok ? response.json().then(tell) : null), () => null)
      .then(() => { if (!over) setTimeout(ask, 3000); });
    setTimeout(ask, 3000);
  });
}

/** The page of one job: its stages as they are done, and then the record. */
function watchPage(section) {
  const state = document.getElementById("state");
  const progress = document.getElementById("progress");
  const classes = { done: "done", working: "now", waiting: "later" };
  watch(section.dataset.job, (job) => {
    for (const stage of job.stages) {
      const item = section.querySelector(`[data-stage=${stage.name}]`);
      item.className = job.state === "failed" && stage.state === "working" ? "failed" : classes[stage.state];
      item.querySelector(".came").textContent = stage.came;
    }
    progress.value = job.stages.filter((stage) => stage.state === "done").length;
    state.textContent = {
      waiting: job.ahead ? `${job.ahead} ${job.ahead === 1 ? "paper waits" : "papers wait"} before it.` : "It is next.",
      working: "It is being read.",
      done: "Its record is ready.",
      failed: "It could not be read.",
    }[job.state];
    if (job.state === "done") location.replace(job.page);
    if (job.state === "failed") location.reload();
  });
}
