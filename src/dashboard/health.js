// The daemon: whether callbacks are stored and counted, how fast, and what was refused.

import { h } from "./dom.js";
import { ApiError, get, part, question } from "./api.js";
import { act } from "./session.js";
import { link } from "./state.js";
import { table, columnsOf, csv, empty, copyable, pages } from "./table.js";
import { parse, sum, buckets, quantile } from "./metrics.js";
import * as format from "./format.js";

const SAMPLE_MS = 1000; // a shorter interval is not compared
const POLL_MS = 500;

let earlier = null, latest = null; // {atMs, metrics} of two loads
let checked = null; // the state of the re-verification that this page asked for

export const title = () => "Health";
export const everyMs = 5000;

// Not ready is an answer, too.
async function readiness(signal) {
  try {
    return await get("readyz", {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 503 && typeof error.body?.ready === "boolean") return error.body;
    throw error;
  }
}

function compare(metrics) {
  const now = { atMs: performance.now(), metrics };
  if (latest !== null && now.atMs - latest.atMs >= SAMPLE_MS) earlier = latest;
  latest = now;
}

export async function load(parameters, signal) {
  const { next } = parameters;
  const [ready, text, failures, quarantine, aboutFailures, aboutQuarantine] = await Promise.all([
    readiness(signal), get("metrics", {}, signal), part(get("v1/signature-failures", {}, signal)),
    part(get("v1/quarantine", { limit: 20, next }, signal)), question("/v1/signature-failures"), question("/v1/quarantine")]);
  compare(parse(text));
  return { ready, failures, quarantine, aboutFailures, aboutQuarantine, metrics: latest.metrics };
}

// --- ready ---

const warning = (text, ...more) => h("div", { class: "error" }, h("p", {}, text), more);

function missing({ entries, first, last }) {
  return last === null ? `Journal entries are missing, from number ${first} on.`
    : `${format.number(entries)} journal entries are missing, from number ${first} to ${last}.`;
}

function trouble({ gap, migration, not_counted_since: since, not_counted_why: why }) {
  return [
    gap !== null && warning(`${missing(gap)} Their callbacks are lost, or in another copy of the journal.`, copyable("dlrd gap")),
    migration !== null && warning(`The store is computed again, since ${format.seconds(migration.seconds)}: ${
      format.number(migration.messages_done)} of ${format.number(migration.messages)} messages. Callbacks are counted afterwards.`),
    since !== null && migration === null
      && warning(["Callbacks since ", format.time(since), " are stored and not counted yet. ", why ?? ""]),
  ];
}

// --- figures ---

function tile(name, value, more) {
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", { "data-figure": true }, value), more && h("dd", { class: "sub" }, more));
}

function rate(name) {
  if (earlier === null) return null;
  const grown = sum(latest.metrics, name) - sum(earlier.metrics, name);
  return grown < 0 ? null : grown * 1000 / (latest.atMs - earlier.atMs);
}

// A daemon that was restarted counts from 0: then there is no earlier text to compare with.
function latency(share) {
  const name = "dlrd_journal_commit_seconds", count = `${name}_count`;
  const comparable = earlier !== null && sum(latest.metrics, count) >= sum(earlier.metrics, count);
  return [comparable ? quantile(share, buckets(latest.metrics, name, earlier.metrics)) : null,
    quantile(share, buckets(latest.metrics, name))];
}

function figures(metrics) {
  const value = (name, labels) => sum(metrics, name, labels);
  const bytes = (name) => (value(name) === null ? "–" : format.bytes(value(name)));
  const perSecond = rate("dlrd_callbacks_total");
  const span = earlier === null ? "measuring" : `of the last ${format.seconds(Math.round((latest.atMs - earlier.atMs) / 1000))}`;
  const [median, medianAll] = latency(0.5), [p99, p99All] = latency(0.99);
  const refused = value("dlrd_callbacks_total", { outcome: "unverified" });
  return h("dl", { class: "tiles" },
    tile("Callbacks a second", perSecond === null ? "–" : format.number(Math.round(perSecond * 10) / 10), span),
    tile("Callbacks stored", format.number(value("dlrd_callbacks_total", { outcome: "kept" })), "since dlrd started"),
    tile("Callbacks refused", format.number(refused), "since dlrd started"),
    tile("Commit, median", format.seconds(median), `${format.seconds(medianAll)} since the start`),
    tile("Commit, 99 %", format.seconds(p99), `${format.seconds(p99All)} since the start`),
    tile("Not counted yet", format.number(value("dlrd_projector_lag_entries")),
      `the oldest for ${format.seconds(value("dlrd_projector_lag_seconds"))}`),
    tile("Journal", bytes("dlrd_journal_bytes"), `log ${bytes("dlrd_journal_wal_bytes")}`),
    tile("Log of the store", bytes("dlrd_store_wal_bytes")),
    tile("Open connections", format.number(value("dlrd_connections"))),
    tile("In the quarantine", format.number(value("dlrd_quarantine_entries")), bytes("dlrd_quarantine_bytes")));
}

// --- refusals ---

function refusals({ failures, error }, about) {
  if (error) return empty(error);
  if (failures.length === 0) return empty("No request was refused for its signature since dlrd started.");
  const columns = columnsOf(about, ["causes", "advice", "count", "route", "last"], {
    causes: { label: "Cause", class: "code", show: (row) => [row.causes.replaceAll(",", ", "), h("span", { class: "sub" },
      row.proven ? "genuine: a configured token signed it" : "perhaps forged: no configured token signed it")] },
    advice: { label: "What to change", class: "advice", show: (row) => [row.advice,
      row.url !== null && h("span", { class: "sub" }, `Twilio signed ${row.url}`)] },
    count: { label: "Requests" },
    route: { class: "body", show: (row) => [row.route || "no route", h("span", { class: "sub" }, row.account ?? "no account")] },
  });
  return [table({ caption: "Refusals", rows: failures, columns,
    key: (row) => `${row.route}\n${row.account}\n${row.causes}\n${row.advice}` }),
    h("footer", {}, csv("v1/signature-failures", {}))];
}

// --- the quarantine ---

async function check(again) {
  const wait = () => new Promise((done) => { setTimeout(done, POLL_MS); });
  checked = { state: "running" };
  again();
  try {
    await act("v1/quarantine/reverify");
    do {
      await wait();
      checked = await get("v1/quarantine/reverify");
    } while (checked.state === "running");
  } catch (error) {
    checked = { state: "failed", error: error.message };
  }
  again();
}

function outcome() {
  switch (checked?.state) {
    case "running": return "Checking …";
    case "failed": return `It could not be checked: ${checked.error}`;
    case "done": return `Checked: ${format.counted(checked.tried, "request")}. Verified and counted: ${
      format.number(checked.kept)}. Still refused: ${format.number(checked.refused)}.`;
    default: return "Change the setting that the refusals name, reload, then check again: requests that verify are counted.";
  }
}

function quarantined({ quarantine, next, error }, about, parameters, again) {
  if (error) return empty(error);
  if (quarantine.length === 0 && checked === null) return empty("The quarantine is empty.");
  return [
    h("p", {}, h("button", { type: "button", id: "check", disabled: checked?.state === "running", onclick: () => check(again) },
      "Check the quarantine again"), " ", h("span", { role: "status", id: "checked" }, outcome())),
    quarantine.length === 0 ? empty("The quarantine is empty.") : table({ caption: "Quarantine", rows: quarantine,
      columns: columnsOf(about), key: (row) => `quarantined-${row.id}`,
      to: (row) => link("question", { path: "/v1/quarantine/{id}", id: row.id }) }),
    h("footer", {}, pages(next, parameters), csv("v1/quarantine", {}))];
}

// --- tokens ---

function tokens(metrics) {
  const rows = (metrics.get("dlrd_token_last_used_timestamp_seconds") ?? []).map(({ labels, value }) => ({ ...labels,
    last: value > 0 ? new Date(value * 1000).toISOString() : null, used: sum(metrics, "dlrd_token_used_total", labels) }));
  if (rows.length === 0) {
    return empty("No account has a token. Add a section for the account to dlrd.ini:",
      copyable("[account AC…]\nauth_token_file = auth_token"));
  }
  return table({ caption: "Tokens", rows, key: (row) => `${row.account}\n${row.token}`, columns: [
    { name: "account", kind: "text", class: "body" }, { name: "token", kind: "text" }, { name: "used", kind: "integer", label: "Requests" },
    { name: "last", kind: "time", label: "Last used", show: (row) => (row.last ? format.time(row.last) : "never") }] });
}

export function render({ ready, failures, quarantine, aboutFailures, aboutQuarantine, metrics }, parameters, again) {
  return [
    h("p", { class: "big", id: "ready" }, ready.ready ? "Ready" : "Not ready", h("span", { class: "sub" }, ` ${ready.why}`)),
    trouble(ready), figures(metrics),
    h("h2", {}, "Refusals"), refusals(failures, aboutFailures),
    h("h2", {}, "Quarantine"), quarantined(quarantine, aboutQuarantine, parameters, again),
    h("h2", {}, "Tokens in use"), tokens(metrics),
  ];
}
