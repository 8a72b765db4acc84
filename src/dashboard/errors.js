// The table of errors: which codes, how many, who must act and what to do.

import { h } from "./dom.js";
import { get } from "./api.js";
import { link, parameters, span } from "./state.js";
import { table, csv } from "./table.js";
import * as format from "./format.js";

// Whom the kind of an error leaves the next step to (the catalogue's kinds).
export const WHO = { account: "the owner of the Twilio account", config: "whoever set up sender or campaign",
  content: "the author of the text", webhook: "the operator of dlrd", rate: "whoever sends: slow down",
  handset: "whoever keeps the list of numbers", channel: "whoever set up the channel", carrier: "the carrier: try again later",
  unknown: "Twilio's support", consent: "nobody: they opted out" };

const known = new Map();

// The catalogue's row of a code, or null. The catalogue is long, so it is asked for one code at a time: for
// the first one after the code before it.
export function codeRow(code) {
  if (!known.has(code)) {
    const answer = get("v1/errors", { next: code - 1, limit: 1 }).then(({ errors: [row] }) => (row?.code === code ? row : null));
    answer.catch(() => known.delete(code));
    known.set(code, answer);
  }
  return known.get(code);
}

// Names by code, of those that the catalogue has.
export async function codeNames(codes) {
  const rows = await Promise.all([...new Set(codes)].filter((code) => code !== null).map(codeRow));
  return new Map(rows.filter((row) => row !== null).map((row) => [row.code, row.name]));
}

function trend(row) {
  if (row.recent === 0 && row.previous === 0) return "none in 48 h";
  if (row.previous === 0) return `new: ${format.number(row.recent)} in 24 h`;
  const sign = row.trend > 0 ? "+" : "";
  return `${sign}${format.percent(row.trend, 0)} in 24 h`;
}

const codeName = (row) => (row.code === null ? "no code" : String(row.code));

// scope: the campaign, workspace, variant or provider whose errors they are.
export function errorTable(rows, scope) {
  const behind = (row) => ({ workspace: null, ...scope, state: "failed", error_code: row.code ?? "none" });
  const twilio = (code) => h("a", { rel: "noreferrer", target: "_blank",
    href: `https://www.twilio.com/docs/api/errors/${Number(code)}` }, "Twilio");
  const columns = [
    { name: "code", kind: "text", label: "Code", class: "code",
      show: (row) => [codeName(row), " ", h("strong", {}, row.name ?? "unknown code")] },
    { name: "count", kind: "integer", label: "Messages", show: (row) => format.number(row.count) },
    { name: "share", kind: "share", label: "Share" },
    { name: "kind", kind: "text", label: "Who must act", show: (row) => WHO[row.kind] ?? row.kind ?? "not known yet" },
    { name: "action", kind: "text", label: "What to do", class: "advice", show: (row) => [
      h("p", {}, row.action ?? "dlrd's catalogue does not have this code. Twilio's page may explain it."),
      h("p", { class: "links" }, h("a", { href: link("messages", behind(row)) }, "Messages"),
        row.code !== null && h("a", { href: link("error", { code: row.code }) }, "Steps"),
        row.code !== null && twilio(row.code),
        csv("v1/messages", { ...behind(row), ...span(parameters()) }))] },
    { name: "trend", kind: "text", label: "Trend", show: trend },
    { name: "first", kind: "time", label: "First and last", show: (row) => [format.time(row.first), "\u00a0– ", format.time(row.last)] },
    { name: "samples", kind: "list", label: "Samples", show: (row) => row.samples.map((sid) =>
      [h("a", { href: link("message", { sid }), class: "sid", title: sid }, `${sid.slice(0, 4)}…${sid.slice(-4)}`), " "]) },
  ];
  return table({ caption: "Errors", rows, columns, to: (row) => link("messages", behind(row)), key: (row) => `code-${row.code}`,
    mark: (row) => row.name === null && "unknown" });
}
