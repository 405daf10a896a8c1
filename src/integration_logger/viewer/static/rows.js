// A line of the list for an entry that arrives live: the same texts as the server writes.

import { age, span } from "./time.js";

const TAIL = 18;
const WORDS = { inbound: "Received", outbound: "Sent", call: "Call", script: "Script", run: "Run", audit: "Audit" };

// Signs that are not seen, or that turn the direction of others, are named.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function visible(text) {
  const named = (sign) => `\u2039U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`;
  return text.replaceAll("\n", "\u21b5").replaceAll("\t", " ").replace(UNSEEN, named);
}

function mark(entry) {
  if (entry.status === "processing") return "open";
  if (entry.status === "failed") return Math.floor(entry.status_code / 100) === 4 ? "refused" : "error";
  if (entry.has_errors) return "warn";
  return Math.floor(entry.status_code / 100) === 3 ? "moved" : "ok";
}

function code(entry) {
  if (entry.status_code !== null) return String(entry.status_code);
  if (entry.status === "processing") return "…";
  return entry.status === "completed" ? "ok" : "—";
}

function label(entry) {
  if (entry.status === "processing") return "Still open";
  if (entry.status_code === null && !["inbound", "outbound"].includes(entry.kind)) {
    return entry.status === "completed" ? "Completed" : "Failed";
  }
  return `${entry.status_code ?? ""} ${entry.status_label}`.trim();
}

function target(entry) {
  if (entry.url === null) {
    return ["", entry.operation || entry.run?.job_name || entry.host || entry.route || entry.kind];
  }
  const match = /^https?:\/\/(?:[^/?#]*@)?([^/?#]*)([^#]*)/i.exec(entry.url);
  if (!match) return ["", entry.url];
  return [entry.kind === "inbound" ? "" : match[1], match[2] || "/"];
}

function bar(seconds) {
  return !seconds || seconds <= 0.001 ? 0 : Math.min(100, Math.round(25 * Math.log10(seconds * 1000)));
}

export function fill(row, entry, href) {
  const put = (name, text) => {
    row.querySelector(`.${name}`).textContent = text;
  };
  const [host, path] = target(entry).map(visible);
  const cut = Math.max(0, path.length - TAIL);
  row.dataset.id = entry.id;
  row.dataset.seq = entry.seq ?? "";
  row.querySelector("a").href = href;
  const status = row.querySelector(".status");
  status.className = `status is-${mark(entry)}`;
  status.title = label(entry);
  row.querySelector(".mark use").setAttribute("href", `#i-${mark(entry)}`);
  row.querySelector(".kind use").setAttribute("href", `#i-${entry.kind}`);
  row.querySelector(".kind").title = WORDS[entry.kind] ?? entry.kind;
  put("code", code(entry));
  put("kind-word", WORDS[entry.kind] ?? entry.kind);
  put("method", visible(entry.method ?? ""));
  put("host", host);
  put("head", path.slice(0, cut));
  put("tail", path.slice(cut));
  put("integration", visible(entry.integration ?? ""));
  put("span", entry.status === "processing" ? "open" : span(entry.duration));
  row.querySelector("rect").setAttribute("width", `${bar(entry.duration)}%`);
  const time = row.querySelector("time");
  time.dateTime = entry.started_at;
  time.textContent = age(Date.parse(entry.started_at));
  return row;
}

export function newRow(entry, href) {
  const template = document.getElementById("row-template");
  return fill(template.content.firstElementChild.cloneNode(true), entry, href);
}
