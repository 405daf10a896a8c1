// Theme, density, the range of time, help.

import { toLocal, toUtc, zone } from "./time.js";

const byId = (id) => document.getElementById(id);
const THEMES = { system: "dark", dark: "light", light: "system" };

function keep(name, value) {
  document.documentElement.dataset[name] = value;
  try {
    localStorage.setItem(`integration-log.${name}`, value);
  } catch {
    // Storage may be forbidden in a frame; the choice then lasts as long as the page.
  }
}

export function startMenus() {
  byId("theme")?.addEventListener("click", () => {
    keep("theme", THEMES[document.documentElement.dataset.theme] ?? "dark");
    nameTheme();
  });
  byId("density")?.addEventListener("click", () => {
    keep("density", document.documentElement.dataset.density === "compact" ? "normal" : "compact");
  });
  byId("help-open")?.addEventListener("click", showHelp);
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("submit", (event) => sendUtc(event.target), { capture: true });
  document.addEventListener("log:replaced", showLocal);
  nameTheme();
  showLocal();
}

export function showHelp() {
  byId("help")?.showModal();
}

function nameTheme() {
  const button = byId("theme");
  if (button) button.title = `Theme: ${document.documentElement.dataset.theme}`;
}

// The form is written in UTC for readers without scripts; here it speaks the reader's own time.
function showLocal() {
  const form = document.querySelector("[data-local-times='']");
  if (!form) return;
  form.dataset.localTimes = "shown";
  for (const input of form.querySelectorAll("input[type='datetime-local']")) {
    if (input.value) input.value = toLocal(`${input.value}Z`);
  }
  form.querySelector(".zone").textContent = `Times are ${zone}.`;
}

function sendUtc(form) {
  if (!form.matches("[data-local-times]")) return;
  for (const input of form.querySelectorAll("input[type='datetime-local']")) {
    if (!input.value) continue;
    const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: input.name });
    hidden.value = toUtc(input.value);
    input.removeAttribute("name");
    form.append(hidden);
  }
}
