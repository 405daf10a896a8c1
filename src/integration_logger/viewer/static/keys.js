// Keys: everything without the mouse.

import { closePane, openEntry, showTabAt } from "./pane.js";
import { toggleLive } from "./live.js";
import { copyFrom } from "./copy.js";
import { showHelp } from "./menus.js";
import { currentEntry } from "./address.js";

const FOLLOW = 80; // milliseconds before the pane follows a walk through the list
let following = null;

const ACTIONS = {
  "/": () => focusSearch(),
  j: () => walk(1),
  k: () => walk(-1),
  c: () => {
    const button = document.querySelector("[data-copy='curl']");
    if (button) copyFrom(button);
  },
  l: () => toggleLive(),
  "[": () => document.getElementById("earlier")?.click(),
  "]": () => document.getElementById("later")?.click(),
  "?": () => showHelp(),
};

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") return escape(event);
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    const action = ACTIONS[event.key] ?? (/^[1-5]$/.test(event.key) && (() => showTabAt(Number(event.key) - 1)));
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function focusSearch() {
  const box = document.getElementById("q");
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

function escape(event) {
  const menu = document.querySelector(".menu[open]");
  if (document.getElementById("help")?.open) return;
  if (menu) menu.open = false;
  else if (location.hash === "#filters") location.hash = "list";
  else if (event.target.matches("input")) event.target.blur();
  else if (currentEntry() && document.getElementById("pane-slot")) closePane();
  else document.activeElement?.blur();
}

function walk(step) {
  const links = [...document.querySelectorAll(".row-link")];
  const from = links.findIndex((link) => link === document.activeElement || link.hasAttribute("aria-current"));
  const focused = links.indexOf(document.activeElement);
  const next = links[Math.max(0, (focused >= 0 ? focused : from) + step)];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  if (!currentEntry()) return;
  clearTimeout(following);
  following = setTimeout(() => openEntry(next.parentElement.dataset.id), FOLLOW);
}
