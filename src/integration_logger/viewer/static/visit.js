// Filters, ranges and searches without loading the page anew: fetch it, and put its parts in place.

import { growOlder, localise } from "./time.js";
import { restart } from "./live.js";

const PARTS = ["ask", "range", "export", "list", "pane-slot"];
const AROUND = ["timeline", "filters", "export-size"];
const LINKS = "#filters a[href^='?'], #ask a[href^='?'], #range a[href^='?'], #timeline a, #list a.button[href^='?'], .chip, .empty a[href^='?'], .facts a[href^='?']";

const byId = (id) => document.getElementById(id);
const asked = {};

export function startVisits() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest(LINKS);
    if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    link.closest(".facet-row")?.classList.toggle("is-on", link.matches(".facet-value:not([aria-pressed='true'])"));
    visit(link.getAttribute("href"));
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !event.target.closest(".search, .custom-range")) return;
    event.preventDefault();
    visit(`?${new URLSearchParams([...new FormData(event.target)].filter(([, value]) => value))}`);
  });
}

export async function visit(address, { push = true } = {}) {
  const page = await load(address, "columns");
  if (!page) return;
  if (push && address !== location.search) history.pushState(null, "", address);
  replace(page, PARTS);
  const columns = byId("columns");
  const fresh = page.getElementById("columns");
  columns.className = fresh.className;
  Object.assign(columns.dataset, fresh.dataset);
  byId("list").scrollTop = 0;
  restart();
  loadAround();
}

// Filters with their counts, and the timeline: they take longer than the list and come after it.
export async function loadAround() {
  const page = await load(`${location.search || "?"}&part=around`, "filters");
  if (page) replace(page, AROUND);
}

export function isInUse() {
  return AROUND.some((id) => byId(id)?.matches(":hover, :focus-within"));
}

// Returns the page, or null where another was asked for since. A page without the wanted part (the session has
// ended, the server is away) is left to the browser to show.
async function load(address, wanted) {
  asked[wanted]?.abort();
  const { signal } = (asked[wanted] = new AbortController());
  try {
    const response = await fetch(address, { signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (page.getElementById(wanted)) return page;
  } catch (error) {
    if (signal.aborted) return null;
  }
  if (wanted === "columns") location.assign(address);
  return null;
}

function replace(page, parts) {
  const focused = document.activeElement?.id || document.activeElement?.dataset?.key;
  for (const id of parts) {
    const fresh = page.getElementById(id);
    if (!fresh || !byId(id)) continue;
    localise(fresh);
    growOlder(fresh);
    // A new element would not be :target, and the sheet of filters would close by itself.
    if (id === "filters" && location.hash === "#filters") byId(id).replaceChildren(...fresh.childNodes);
    else byId(id).replaceWith(fresh);
  }
  if (focused) (byId(focused) ?? document.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  document.dispatchEvent(new Event("log:replaced"));
}
