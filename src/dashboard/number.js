// One number in the ledger of opt-outs: its state in each scope, and all evidence.

import { h } from "./dom.js";
import { ask, question, segment } from "./api.js";
import { link } from "./state.js";
import { table, columnsOf, csv, empty, short } from "./table.js";
import * as format from "./format.js";

export const title = ({ number = "" }) => number;
export const follows = () => ({});

const pathOf = ({ number = "" }) => `v1/optouts/${segment(number)}`;

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/optouts/{number}"), ask(pathOf(parameters), {}, signal)]);
  return { described, ...answer };
}

export const consent = (state) => ({ out: "opted out", in: "opted in" })[state] ?? "no entry";
const message = (sid) => (sid === null ? "–" : h("a", { href: link("message", { sid }) }, short(sid)));

function cause(text) {
  const code = /^error-(\d+)$/.exec(text)?.[1];
  return code ? h("a", { href: link("error", { code }) }, `error ${code}`) : text;
}

// Columns of opt-outs and evidence.
export const COLUMNS = {
  state: { show: (row) => consent(row.state) },
  scope: { show: (row) => short(row.scope) },
  cause: { show: (row) => cause(row.cause) },
  message: { show: (row) => message(row.message) },
  changed: { show: (row) => (row.changed ? "changed the state" : "same as before") },
  body: { label: "Text", class: "long", show: (row) => (row.body === null ? "–" : h("span", { class: "clamp" }, row.body)) },
};

function unknown({ refused, status, candidates }, number) {
  if (status === 404) {
    return empty("The ledger of opt-outs has no entry for this number: no callback has said that it opted out or in.",
      h("a", { href: link("messages", { workspace: null, number }) }, "Messages to it"));
  }
  return empty(refused, candidates.length > 0 && [h("p", {}, "These numbers end in its digits:"), h("ul", {}, candidates.map((row) =>
    h("li", {}, h("a", { href: link("number", { number: row.number }) }, row.number))))]);
}

export function render(data, parameters) {
  if (data.refused) return unknown(data, parameters.number ?? "");
  const { described, number, state, scopes, history } = data;
  const scopeColumns = [{ name: "scope", kind: "text" }, { name: "state", kind: "text" }, { name: "since", kind: "time" },
    { name: "cause", kind: "text" }, { name: "message", kind: "text" }].map((column) => ({ ...column, ...COLUMNS[column.name] }));
  return [
    h("p", { class: "big" }, state === "out" ? "Must not be texted" : "Opted in again"),
    state === "out" && h("p", {}, scopes.every((row) => row.state === "out") ? "It opted out of each scope below."
      : "It opted out of at least one scope below."),
    h("h2", {}, "Scopes"), table({ caption: "Scopes", rows: scopes, columns: scopeColumns, key: (row) => row.scope,
      to: (row) => link("provider", { provider: row.scope }) }),
    h("h2", {}, "History"), table({ caption: "History", rows: history, key: (row) => String(row.seq),
      columns: columnsOf(described, ["time", "state", "changed", "cause", "scope", "message", "body"],
        { ...COLUMNS, time: { show: (row) => format.exactTime(row.time) } }) }),
    h("footer", {}, h("a", { href: link("messages", { workspace: null, number }) }, "Messages to this number"),
      csv(pathOf({ number }), {}, "History (CSV)")),
  ];
}
