// The address bar holds the whole state of the page.

export function entryHref(id, tab = currentTab()) {
  const params = new URLSearchParams(location.search);
  params.set("entry", id);
  if (tab && tab !== "overview") params.set("tab", tab);
  else params.delete("tab");
  return `?${params}`;
}

export function listHref() {
  const params = new URLSearchParams(location.search);
  params.delete("entry");
  params.delete("tab");
  return `?${params}`;
}

export function currentTab() {
  return new URLSearchParams(location.search).get("tab") ?? "overview";
}

export function currentEntry() {
  return new URLSearchParams(location.search).get("entry");
}
