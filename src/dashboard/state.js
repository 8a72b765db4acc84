// The state of the page is its URL, so each view can be sent to a colleague.

import { query } from "./api.js";
import { zone } from "./format.js";

export const RANGES = { "": "All time", "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days" };
const HOURS = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };

export function parameters() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

// A link to a view. What is chosen for all views, workspace and time, stays.
export function link(view, more = {}) {
  const { workspace, range, from, to, tz } = parameters();
  return query({ view, workspace, range, from, to, tz, ...more }) || "?";
}

// The same view with other parameters; "" or null removes one.
export function here(changes) {
  return query({ ...parameters(), ...changes }) || "?";
}

// from, to and tz for the api: days of the reader's time zone, or the hours of a range.
export function span({ range, from, to, tz }) {
  if (HOURS[range]) {
    const start = Math.floor(Date.now() / 3600000) - HOURS[range] + 1;
    return { from: new Date(start * 3600000).toISOString().slice(0, 19) + "Z" };
  }
  return from || to ? { from, to, tz: tz ?? zone } : {};
}
