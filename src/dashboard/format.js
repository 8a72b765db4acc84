// Numbers and times as the reader's language writes them. A time has its UTC value at hand.

import { h } from "./dom.js";

const whole = new Intl.NumberFormat();
const shareOf = new Map();
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

// null is not measured, and is not 0.
export function number(value) {
  return value === null || value === undefined ? "–" : whole.format(value);
}

// "1 message", "2 messages"
export function counted(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function percent(value, digits = 1) {
  if (value === null || value === undefined) return "–";
  if (!shareOf.has(digits)) {
    shareOf.set(digits, new Intl.NumberFormat(undefined, {
      style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
    }));
  }
  return shareOf.get(digits).format(value);
}

// "96.2–97.8 %": the rate if all that is pending failed, and if it were delivered.
export function interval(low, high) {
  if (low === null || low === undefined) return "–";
  return high - low < 0.0005 ? percent(low) : `${percent(low)} – ${percent(high)}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${whole.format(Math.round(value * 1000))} ms`;
  if (value < 120) return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(value)} s`;
  if (value < 7200) return `${whole.format(Math.round(value / 60))} min`;
  return `${whole.format(Math.round(value / 3600))} h`;
}

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: unit ? 1 : 0 }).format(value)} ${units[unit]}`;
}

function ago(date) {
  const past = (Date.now() - date) / 1000;
  if (past < -60 || past >= 86400) return absolute.format(date);
  if (past < 60) return relative.format(-Math.max(0, Math.round(past)), "second");
  if (past < 3600) return relative.format(-Math.round(past / 60), "minute");
  return relative.format(-Math.round(past / 3600), "hour");
}

// Relative up to a day, then absolute; UTC when the pointer is on it.
export function time(text) {
  if (!text) return "–";
  const date = new Date(text);
  return h("time", { datetime: text, title: `${date.toISOString().replace("T", " ").slice(0, 19)} UTC` }, ago(date));
}

export function exactTime(text, style = exact) {
  if (!text) return "–";
  const date = new Date(text);
  const utc = `${date.toISOString().replace("T", " ").slice(0, 23)} UTC`;
  return h("time", { datetime: text, class: "exact", title: utc }, style.format(date));
}

// The time of a day is enough today.
export function clockTime(text) {
  return exactTime(text, new Date(text).toDateString() === new Date().toDateString() ? clock : exact);
}

export const campaignName = (name) => (name === "" ? "(untagged)" : name);

// "delivery_rate": "Delivery rate"
export function label(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
