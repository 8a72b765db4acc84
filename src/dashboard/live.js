// Live updates: the stream of events says that something is new, and the view asks again, at most
// twice a second. Figures are never counted here.

import { h, show } from "./dom.js";
import { query } from "./api.js";
import { time } from "./format.js";

const REFRESH_MS = 500;
export const TYPES = ["Sent", "Delivered", "Failed", "Read", "Replied", "Clicked", "Progress", "Unrecognised"];
const QUIET_MS = 10000; // without a stream, the view asks this often

let filters = null; // of the events; null: the view does not change by itself
let refresh = null;
let source = null;
let timer = 0, poll = 0;
let lastMs = 0;
let since = null; // the time from which the data is old; null: it is live

function tell() {
  const line = document.getElementById("live");
  if (since !== null) show(line, h("span", { class: "lost" }, "Not live; as of "), time(since));
  else if (filters === null) show(line);
  else if (source === null) show(line, "Paused");
  else show(line, "Live");
}

function ask() {
  if (timer !== 0) return;
  const wait = Math.max(REFRESH_MS, lastMs + REFRESH_MS - Date.now());
  timer = setTimeout(() => {
    timer = 0;
    lastMs = Date.now();
    if (!document.hidden) refresh?.();
  }, wait);
}

function close() {
  source?.close();
  source = null;
  clearTimeout(timer);
  clearInterval(poll);
  timer = poll = 0;
}

function open() {
  close();
  if (filters === null || document.hidden) return;
  source = new EventSource("v1/events/stream" + query(filters));
  source.onopen = () => {
    if (since !== null) ask(); // what happened meanwhile
    since = null;
    clearInterval(poll);
    poll = 0;
    tell();
  };
  source.onerror = () => {
    since ??= new Date().toISOString();
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => { if (source?.readyState === EventSource.CLOSED) open(); }, QUIET_MS);
    if (poll === 0) poll = setInterval(() => { if (!document.hidden) refresh?.(); }, QUIET_MS);
    tell();
  };
  for (const type of TYPES) source.addEventListener(type, ask);
  source.onmessage = ask;
}

// Calls again() after events with these filters (null: never). The same filters as before keep the stream.
export function follow(wanted, again = null) {
  const same = filters !== null && wanted !== null && query(filters) === query(wanted);
  refresh = again;
  filters = wanted;
  since = same ? since : null;
  if (!same || (source === null && !document.hidden)) open();
  tell();
}

// Whether the figures are of some time ago.
export function isOld() {
  return since !== null;
}

// The view could not be loaded again: its data stands still.
export function pause() {
  since ??= new Date().toISOString();
  tell();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    close();
  } else if (filters !== null) {
    open();
    refresh?.();
  }
  tell();
});
