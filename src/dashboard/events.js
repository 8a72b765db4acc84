// The events as they arrive: the newest of them, drawn at most twice a second. The page keeps no
// more than it shows, however many arrive.

import { h, show } from "./dom.js";
import { ApiError, get, query, question } from "./api.js";
import { link } from "./state.js";
import { TYPES } from "./live.js";
import { table, columnsOf, empty, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const KEPT = 200;
const DRAW_MS = 500;
const RETRY_MS = 10000;
const TEXT_MAX = 200; // characters of a body
const LATEST = [200, 2000, 20000, 200000, 2000000]; // see newest()
const PAGE = 1000;

// {wanted, described, source, rows (oldest first), shown, seen, held, paused, lost, timer, retry}
let feed = null;

export const title = () => "Live";

const wantedOf = ({ type, campaign, workspace, variant }) => ({ type, campaign, workspace, variant });

// The api lists events from the oldest on, so it is asked for the latest ones of all: for more of them until
// enough pass the filter, but not more than one page.
async function newest(wanted, signal) {
  let rows = [];
  for (const latest of LATEST) {
    const { events } = await get("v1/events", { ...wanted, latest, limit: PAGE }, signal);
    if (events.length < PAGE || rows.length === 0) rows = events;
    if (events.length >= KEPT) break;
  }
  return rows.slice(-KEPT);
}

// A name that no event has had yet is a filter all the same.
function recent(wanted, signal) {
  return newest(wanted, signal).catch((error) => {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  });
}

export async function load(parameters, signal) {
  const wanted = wantedOf(parameters);
  if (feed?.source && query(feed.wanted) === query(wanted)) return null; // only paused or resumed
  const [described, rows] = await Promise.all([question("/v1/events"), recent(wanted, signal)]);
  return { wanted, described, rows };
}

// --- the stream ---

function draw() {
  const place = document.getElementById("feed");
  if (place && feed) show(place, content());
}

function soon() {
  const of = feed;
  of.timer ||= setTimeout(() => {
    of.timer = 0;
    if (of === feed) draw();
  }, DRAW_MS);
}

function take(event) {
  feed.rows.push(JSON.parse(event.data));
  feed.seen++;
  if (feed.paused) feed.held++;
  if (feed.rows.length >= 2 * KEPT) feed.rows.splice(0, feed.rows.length - KEPT);
  soon();
}

// Without a row there is no seq to continue from, so events may arrive before the stream begins.
async function fillGap(of) {
  const rows = await recent(of.wanted).catch(() => []);
  if (of !== feed || of.seen > 0) return;
  of.rows = rows;
  of.seen = rows.length;
  soon();
}

function open() {
  const of = feed, source = new EventSource("v1/events/stream" + query({ ...of.wanted, after: of.rows.at(-1)?.seq }));
  of.source = source;
  source.onopen = () => {
    of.lost = null;
    if (of.seen === 0) fillGap(of);
    draw();
  };
  source.onerror = () => {
    of.lost ??= new Date().toISOString();
    if (source.readyState === EventSource.CLOSED) of.retry = setTimeout(retry, RETRY_MS);
    draw();
  };
  for (const type of TYPES) source.addEventListener(type, take);
}

// A session that has ended must begin again first; the view asks for that when it is loaded.
async function retry() {
  const of = feed;
  const ended = await get("session").then(({ role }) => role === null, () => false);
  if (of !== feed || document.hidden) return;
  if (ended) {
    close();
    again();
  } else {
    open();
  }
}

function close() {
  feed?.source?.close();
  clearTimeout(feed?.timer);
  clearTimeout(feed?.retry);
  feed = null;
}

export const leave = close;

// A hidden page has no stream. When it is shown, it begins with what is recent, or if it is paused,
// continues.
let again = null;
document.addEventListener("visibilitychange", () => {
  if (feed === null) return;
  if (document.hidden) {
    feed.source?.close();
    clearTimeout(feed.retry);
    feed.source = null;
    feed.lost ??= new Date().toISOString();
  } else if (feed.paused) {
    open();
  } else {
    again();
  }
});

// --- the page ---

function cut(text) {
  const letters = [...(text ?? "–").slice(0, 2 * TEXT_MAX)]; // a letter is one or two units of the text
  return letters.length > TEXT_MAX ? `${letters.slice(0, TEXT_MAX).join("")}…` : letters.join("");
}

const COLUMNS = ["time", "type", "campaign", "message", "from", "to", "error_code", "body"];
const OVERRIDES = {
  time: { show: (row) => format.clockTime(row.time) },
  campaign: { show: (row) => [format.campaignName(row.campaign),
    row.workspace && h("span", { class: "sub" }, [row.workspace, row.variant].filter(Boolean).join(" · "))] },
  message: { show: (row) => row.message && h("span", { class: "sid", title: row.message },
    `${row.message.slice(0, 4)}…${row.message.slice(-6)}`) },
  error_code: { kind: "text", show: (row) => (row.error_code === null ? "–"
    : h("a", { href: link("error", { code: row.error_code }) }, String(row.error_code))) },
  body: { class: "body", show: (row) => cut(row.body) },
};

function state() {
  const dropped = feed.seen - Math.min(feed.seen, KEPT);
  const more = dropped > 0 && ` · ${format.number(dropped)} older ones were dropped from this page, not from the store`;
  if (feed.paused) return [h("strong", {}, "Paused"), ` · ${format.number(feed.held)} arrived meanwhile`];
  if (feed.lost !== null) return [h("strong", {}, "Not live"), " since ", format.time(feed.lost), more];
  return [h("strong", {}, feed.source?.readyState === EventSource.OPEN ? "Live" : "Connecting"),
    ` · ${format.counted(Math.min(feed.seen, KEPT), "event")}`, more];
}

function content() {
  if (!feed.paused || feed.shown === null) feed.shown = feed.rows.slice(-KEPT).reverse();
  return [
    h("p", { class: "state" }, state()),
    feed.shown.length === 0
      ? empty("No event like that is among the latest ones. The next one appears here by itself.",
        h("a", { href: link("setup") }, "Check the set-up"))
      : table({ caption: "Events", rows: feed.shown, key: (row) => String(row.seq),
        columns: columnsOf(feed.described, COLUMNS, OVERRIDES), to: (row) => row.message && link("message", { sid: row.message }) }),
  ];
}

export function render(data, parameters, reload) {
  const paused = parameters.paused === "1";
  again = reload;
  if (data !== null) {
    close();
    feed = { ...data, source: null, shown: null, seen: data.rows.length, held: 0, paused, lost: null, timer: 0, retry: 0 };
    if (!document.hidden) open();
  } else if (paused !== feed.paused) {
    feed.paused = paused;
    feed.held = 0;
  }
  return [
    filters(choice("type", "Type", { "": "All", ...Object.fromEntries(TYPES.map((type) => [type, type])) }, parameters),
      textField("campaign", "Campaign", parameters), textField("workspace", "Workspace", parameters),
      textField("variant", "Variant", parameters),
      h("button", { type: "submit", name: "paused", value: paused ? "" : "1" }, paused ? "Resume" : "Pause")),
    h("div", { id: "feed" }, content()),
  ];
}
