// The pane: choosing an entry shows it beside the list, without loading the page anew.

import { currentEntry, currentTab, entryHref, listHref } from "./address.js";
import { growOlder, localise } from "./time.js";

const byId = (id) => document.getElementById(id);
let asked = null;

export function startPane() {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const row = event.target.closest(".row-link");
    const kin = event.target.closest(".tree-link");
    const tab = event.target.closest(".tabs a");
    const close = event.target.closest("[data-close]");
    if (row && byId("pane-slot")) openEntry(row.parentElement.dataset.id);
    else if (kin && byId("pane-slot")) openEntry(kin.dataset.id);
    else if (tab) showTab(tab.dataset.tab);
    else if (close && byId("pane-slot")) closePane();
    else return;
    event.preventDefault();
  });
}

export async function openEntry(id) {
  const address = entryHref(id);
  if (currentEntry()) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  await showEntry(id);
}

// Shows what the address says, after a step in the history.
export async function showEntry(id) {
  markChosen(id);
  if (!id) {
    byId("columns").classList.remove("has-pane");
    byId("pane-slot").replaceChildren();
    return;
  }
  asked?.abort();
  asked = new AbortController();
  try {
    const response = await fetch(`${entryHref(id)}&part=pane`, { signal: asked.signal });
    if (response.redirected || response.status === 401) return location.reload();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    place(page.getElementById("pane"));
  } catch (error) {
    if (error.name !== "AbortError") location.assign(entryHref(id));
  }
}

function place(pane) {
  if (!pane) return location.reload();
  localise(pane);
  growOlder(pane);
  const walksTree = document.activeElement?.matches(".tree-link");
  byId("pane-slot").replaceChildren(pane);
  byId("columns").classList.add("has-pane");
  showTab(currentTab(), pane);
  if (walksTree) pane.querySelector(".tree-link[aria-current]")?.focus();
  document.querySelector("#rows [aria-current]")?.scrollIntoView({ block: "nearest" });
}

function markChosen(id) {
  for (const link of document.querySelectorAll(".row-link[aria-current]")) link.removeAttribute("aria-current");
  if (id) document.querySelector(`.row[data-id="${CSS.escape(id)}"] .row-link`)?.setAttribute("aria-current", "true");
}

export function closePane() {
  const id = currentEntry();
  history.pushState(null, "", listHref());
  showEntry(null);
  if (id) document.querySelector(`.row[data-id="${CSS.escape(id)}"] .row-link`)?.focus({ preventScroll: true });
}

export function showTab(name) {
  const pane = byId("pane");
  const parts = [...pane.querySelectorAll("[data-part]")];
  const shown = parts.some((part) => part.dataset.part === name) ? name : "overview";
  for (const part of parts) part.hidden = part.dataset.part !== shown;
  for (const tab of pane.querySelectorAll(".tabs a")) {
    if (tab.dataset.tab === shown) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  const params = new URLSearchParams(location.search);
  if (name === "overview") params.delete("tab");
  else params.set("tab", name);
  history.replaceState(null, "", `?${params}`);
}

export function showTabAt(index) {
  document.querySelectorAll(".tabs a")[index]?.click();
}
