// Dragging over the timeline zooms to that stretch of time; a click on a bar does so without scripts.

import { visit } from "./visit.js";

const LEAST = 6; // pixels that make a drag of a click
let from = null;

const chart = (event) => event.target.closest?.(".bars");

export function startTimeline() {
  document.addEventListener("pointerdown", (event) => {
    const bars = chart(event);
    if (!bars || event.button) return;
    from = { bars, x: event.clientX };
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (from) draw(stretch(event));
  });
  document.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [left, right] = stretch(event);
    const dragged = Math.abs(event.clientX - from.x) >= LEAST;
    if (dragged) {
      zoom(from.bars.closest(".timeline").dataset, left, right);
      document.addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    }
    draw([0, 0]);
    from = null;
  });
}

function stretch(event) {
  const box = from.bars.getBoundingClientRect();
  const places = [from.x, event.clientX].map((x) => Math.min(1, Math.max(0, (x - box.left) / box.width)));
  return places.sort((a, b) => a - b);
}

function draw([left, right]) {
  const brush = document.getElementById("brush");
  brush?.setAttribute("x", left * 1000);
  brush?.setAttribute("width", (right - left) * 1000);
}

function zoom({ since, till }, left, right) {
  const start = Date.parse(since);
  const length = Date.parse(till) - start;
  const params = new URLSearchParams(location.search);
  for (const name of ["range", "cursor", "entry", "tab"]) params.delete(name);
  params.set("since", new Date(start + left * length).toISOString());
  params.set("till", new Date(start + right * length).toISOString());
  visit(`?${params}`);
}
