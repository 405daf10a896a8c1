// The live list. It stands still while somebody reads: scrolled down, an entry chosen, or the pointer on its
// way to a row. What comes meanwhile is counted, and shown on request.

import { fill, newRow } from "./rows.js";
import { Stream } from "./stream.js";
import { entryHref } from "./address.js";
import { showEntry } from "./pane.js";

const MOST_ROWS = 300; // lines kept in the page, and entries held back
const PACE = 100; // milliseconds between two changes of the list
const POINTER_REST = 1200; // milliseconds after which a pointer over the list no longer stops it
const LONG_AWAY = 60000; // after that a fresh list is quicker than catching up

const byId = (id) => document.getElementById(id);

let stream = null;
let wanted = true;
let held = []; // raw JSON, newest last; parsed only when shown
let overflowed = false;
let scheduled = false;
let lastPaint = 0;
let pointerMoved = -Infinity;
let hidden = null;
let refresh = () => {};

export function startLive(onStale) {
  refresh = onStale;
  document.addEventListener("pointermove", (event) => {
    if (event.target.closest?.("#rows")) pointerMoved = performance.now();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pauseHidden();
    else resumeVisible();
  });
  byId("live").addEventListener("click", toggleLive);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#news")) release();
  });
  setInterval(schedule, 500);
  restart();
}

export function toggleLive() {
  wanted = !wanted;
  if (wanted) refresh();
  else stop("off");
}

// Begins anew from the list that the server wrote.
export function restart() {
  held = [];
  overflowed = false;
  connect(byId("columns").dataset.newest);
}

function connect(lastId) {
  stop();
  const { live, query } = byId("columns").dataset;
  if (live !== "yes") showState("none");
  else if (!wanted) showState("off");
  else stream = new Stream(`api/stream?${query}`, lastId, { onEvent, onState: showState });
}

function stop(state) {
  stream?.stop();
  stream = null;
  if (state) showState(state);
}

// A browser has few connections to one host: pages that nobody sees give theirs back.
function pauseHidden() {
  hidden = { at: Date.now(), lastId: stream?.lastId };
  stop();
}

function resumeVisible() {
  if (!hidden?.lastId) return;
  if (Date.now() - hidden.at > LONG_AWAY) refresh();
  else connect(hidden.lastId);
  hidden = null;
}

function showState(state, message) {
  const button = byId("live");
  button.hidden = state === "none";
  button.dataset.state = state;
  button.setAttribute("aria-pressed", String(state === "on"));
  const words = { waiting: "Reconnecting", refused: "Stopped" };
  button.querySelector(".live-word").textContent = words[state] ?? "Live";
  button.title = message ?? "Show new entries as they come (l)";
}

function onEvent(name, data) {
  if (name === "inflight") return showInFlight(JSON.parse(data));
  held.push(data);
  if (held.length > MOST_ROWS) {
    held.shift();
    overflowed = true;
  }
  schedule();
}

function isHeld() {
  const list = byId("list");
  return (
    list.scrollTop > 4 ||
    byId("columns").classList.contains("has-pane") ||
    performance.now() - pointerMoved < POINTER_REST ||
    byId("rows").contains(document.activeElement)
  );
}

function schedule() {
  if (scheduled || !held.length) return;
  scheduled = true;
  setTimeout(() => requestAnimationFrame(paint), Math.max(0, PACE - (performance.now() - lastPaint)));
}

function paint() {
  scheduled = false;
  lastPaint = performance.now();
  if (isHeld()) showNews();
  else insert();
}

function showNews() {
  const news = byId("news");
  news.hidden = !held.length;
  news.textContent = `${held.length}${overflowed ? "+" : ""} new · paused`;
}

function insert() {
  const rows = byId("rows");
  const known = new Set([...rows.children].slice(0, MOST_ROWS).map((row) => row.dataset.id));
  if (overflowed) rows.replaceChildren(); // what lies between is further down: the page continues from its end
  const fresh = document.createDocumentFragment();
  for (const data of held.reverse()) {
    const entry = JSON.parse(data);
    if (!known.has(entry.id)) fresh.append(newRow(entry, entryHref(entry.id)));
    document.querySelector(`#in-flight [data-id="${CSS.escape(entry.id)}"]`)?.remove();
  }
  rows.prepend(fresh);
  held = [];
  overflowed = false;
  showNews();
  byId("empty")?.remove();
  trim(rows);
  document.dispatchEvent(new Event("log:grown"));
}

function trim(rows) {
  if (rows.children.length <= MOST_ROWS) return;
  while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
  const older = byId("older");
  const address = new URL(location.href);
  address.searchParams.delete("entry");
  address.searchParams.set("cursor", rows.lastElementChild.dataset.seq);
  older.href = address.search;
  older.hidden = false;
  byId("the-end")?.remove();
}

export function release() {
  byId("list").scrollTop = 0;
  pointerMoved = -Infinity;
  insert();
}

function showInFlight(entries) {
  const list = byId("in-flight");
  const present = new Map([...list.children].map((row) => [row.dataset.id, row]));
  const rows = entries.slice(0, 20).map((entry) => {
    const row = present.get(entry.id);
    return row ? fill(row, entry, entryHref(entry.id)) : newRow(entry, entryHref(entry.id));
  });
  list.replaceChildren(...rows);
  if (rows.length) byId("empty")?.remove();
  const chosen = document.querySelector("#pane:has(.pane-status .is-open)")?.dataset.id;
  if (present.has(chosen) && !entries.some((entry) => entry.id === chosen)) showEntry(chosen); // it has ended
}
