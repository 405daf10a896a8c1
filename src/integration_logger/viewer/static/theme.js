// Runs before the first paint, so that a chosen theme does not flash.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("integration-log.theme");
    if (theme) root.dataset.theme = theme;
    const density = localStorage.getItem("integration-log.density");
    if (density) root.dataset.density = density;
  } catch {
    // Storage may be forbidden in a frame; the page works without it.
  }
})();
