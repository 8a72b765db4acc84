// Alerts: errors and warnings of Twilio's debugger, and wrong settings in Twilio.

import { h } from "./dom.js";
import { get, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { table, columnsOf, pages, csv, empty, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const PATH = "v1/alerts";

export const title = () => "Alerts";
export const everyMs = 10000; // alerts are not in the stream

function asked(parameters) {
  const { ours, next } = parameters;
  return { ...span(parameters), ours, next, limit: 50 };
}

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/alerts"), get(PATH, asked(parameters), signal)]);
  return { described, ...answer };
}

const isMessage = (sid) => /^(SM|MM)[0-9a-f]{32}$/.test(sid ?? "");

const OVERRIDES = {
  time: { show: (row) => [format.time(row.time), h("span", { class: "sub" }, row.level)] },
  error_code: { kind: "text", label: "Alert", class: "code", show: (row) => [
    row.error_code === null ? "no code" : [String(row.error_code), " ", h("strong", {}, row.name ?? "unknown code")],
    row.text !== null && h("span", { class: "sub" }, row.text)] },
  action: { label: "What to do", class: "advice", show: (row) => [h("p", {}, row.action ?? "–"), h("p", { class: "links" },
    row.error_code !== null && h("a", { href: link("error", { code: row.error_code }) }, "Steps"),
    isMessage(row.resource) && h("a", { href: link("message", { sid: row.resource }) }, "Message"))] },
  ours: { label: "To dlrd" },
  request_url: { label: "Request", class: "body", show: (row) => [row.request_url ?? "–",
    row.response_status !== null && h("span", { class: "sub" }, `answered ${row.response_status}`)] },
};

function nothing(parameters) {
  if (parameters.ours || parameters.range || parameters.from || parameters.to) {
    return empty("No alert is like that.", h("a", { href: "?view=alerts" }, "Show all alerts"));
  }
  return empty("No alert has arrived. Twilio reports errors if the account's debugger webhook is a URL of this dlrd.",
    h("a", { href: link("setup") }, "The URL to paste"));
}

export function render({ described, alerts, next }, parameters) {
  return [
    filters(choice("ours", "Requests", { "": "All", yes: "To dlrd" }, parameters), choice("range", "Time", RANGES, parameters),
      textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" })),
    alerts.length === 0 ? nothing(parameters) : [
      table({ caption: "Alerts", rows: alerts, key: (row) => String(row.seq),
        to: (row) => link("question", { path: "/v1/events/{seq}", seq: row.seq }),
        columns: columnsOf(described, ["time", "error_code", "action", "ours", "request_url"], OVERRIDES) }),
      h("footer", {}, pages(next, parameters), csv(PATH, asked(parameters)))],
  ];
}
