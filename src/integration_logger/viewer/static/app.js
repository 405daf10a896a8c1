import { currentEntry } from "./address.js";
import { startCopy } from "./copy.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { showEntry, startPane } from "./pane.js";
import { startTimeline } from "./timeline.js";
import { growOlder, localise } from "./time.js";
import { isInUse, loadAround, startVisits, visit } from "./visit.js";

const AROUND_EVERY = 30000; // milliseconds between two fresh counts while entries come in

localise();
setInterval(growOlder, 1000);
startCopy();
startPane();

if (document.getElementById("columns")) {
  startMenus();
  startVisits();
  startTimeline();
  startKeys();
  startLive(() => visit(location.search || "?", { push: false }));
  followHistory();
  loadAround();
  refreshWhileGrowing();
}

function followHistory() {
  let list = withoutEntry();
  document.addEventListener("log:replaced", () => {
    list = withoutEntry();
  });
  window.addEventListener("popstate", () => {
    if (withoutEntry() === list) showEntry(currentEntry());
    else visit(location.search || "?", { push: false });
  });
}

function withoutEntry() {
  const params = new URLSearchParams(location.search);
  params.delete("entry");
  params.delete("tab");
  return params.toString();
}

function refreshWhileGrowing() {
  let grown = false;
  document.addEventListener("log:grown", () => {
    grown = true;
  });
  setInterval(() => {
    if (grown && !document.hidden && !isInUse()) loadAround();
    grown = false;
  }, AROUND_EVERY);
}
