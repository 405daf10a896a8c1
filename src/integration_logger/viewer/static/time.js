// Times as people read them: ages that grow, local moments with their zone, durations.

const UNITS = [[86400, "d"], [3600, "h"], [60, "m"]];

export function age(moment, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - moment) / 1000));
  for (const [size, unit] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return seconds ? `${seconds} s` : "now";
}

export function span(seconds) {
  if (seconds === null) return "";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const two = (number) => String(number).padStart(2, "0");
  return minutes < 60 ? `${minutes} m ${two(whole % 60)} s` : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

const exact = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
});
const short = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function localise(root = document) {
  for (const element of root.querySelectorAll("time.moment, time.short")) {
    const format = element.classList.contains("short") ? short : exact;
    element.textContent = format.format(new Date(element.dateTime));
  }
}

export function growOlder(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time.age")) {
    const text = age(Date.parse(element.dateTime), now);
    if (element.textContent !== text) element.textContent = text;
    const ago = element.nextElementSibling;
    if (ago?.classList.contains("ago")) ago.hidden = text === "now";
  }
}

// The value of an <input type="datetime-local"> is local and without a zone; addresses hold UTC.
export function toUtc(local) {
  return new Date(local).toISOString();
}

export function toLocal(utc) {
  const moment = new Date(utc);
  return new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}
