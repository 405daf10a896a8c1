// Filters, ranges and searches without loading the page anew: fetch it, and put its parts in place.

import { growOlder, localise } from "./time.js";
import { restart } from "./live.js";

const PARTS = ["ask", "range", "timeline", "list", "filters", "pane-slot"];
const AROUND = ["timeline", "filters"];
const LINKS = "#filters a[href^='?'], #ask a[href^='?'], #range a[href^='?'], #timeline a, #list a.button[href^='?'], .chip, .empty a[href^='?'], .facts a[href^='?']";

const byId = (id) => document.getElementById(id);
let asked = null;

export function startVisits() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest(LINKS);
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    visit(link.getAttribute("href") ?? link.href.baseVal);
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !event.target.closest(".search, .custom-range")) return;
    event.preventDefault();
    visit(`?${new URLSearchParams([...new FormData(event.target)].filter(([, value]) => value))}`);
  });
}

export async function visit(address, { push = true } = {}) {
  const page = await load(address);
  if (!page) return;
  if (push && address !== location.search) history.pushState(null, "", address);
  replace(page, PARTS);
  const columns = byId("columns");
  const fresh = page.getElementById("columns");
  columns.className = fresh.className;
  Object.assign(columns.dataset, fresh.dataset);
  byId("list").scrollTop = 0;
  restart();
}

// Brings counts and timeline up to date, and leaves the list as it is.
export async function refreshAround() {
  if (byId("filters").matches(":hover, :focus-within") || byId("timeline")?.matches(":hover, :focus-within")) return;
  const page = await load(location.search || "?");
  if (page) replace(page, AROUND);
}

async function load(address) {
  asked?.abort();
  asked = new AbortController();
  try {
    const response = await fetch(address, { signal: asked.signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (page.getElementById("columns")) return page;
    location.assign(address);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  }
  return null;
}

function replace(page, parts) {
  const focused = document.activeElement?.id || document.activeElement?.dataset?.key;
  for (const id of parts) {
    const fresh = page.getElementById(id);
    if (!fresh) continue;
    localise(fresh);
    growOlder(fresh);
    byId(id).replaceWith(fresh);
  }
  if (focused) (byId(focused) ?? document.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  document.dispatchEvent(new Event("log:replaced"));
}
