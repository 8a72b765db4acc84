// One message or reply: its states in order, and its receipts with all that their requests said.

import { h } from "./dom.js";
import { get, question, segment } from "./api.js";
import { link } from "./state.js";
import { state } from "./charts.js";
import { codeNames } from "./errors.js";
import { csv, empty } from "./table.js";
import * as format from "./format.js";

const RULES = { none: "no message that it answers is known", original: "Twilio names the message", tags: "the tags in its URL",
  latest: "the latest message to that person", late: "a message whose first receipt arrived after it" };
const AT_THE_TOP = ["seq", "time", "type", "message", "status", "body"]; // of a receipt, or in its raw fields
const RAW = ["parameters", "raw_query", "raw_body"];

export const title = ({ sid = "" }) => `Message ${sid}`;
export const follows = () => ({});

const pathOf = ({ sid = "" }) => `v1/messages/${segment(sid)}`;

export async function load(parameters, signal) {
  const [described, message] = await Promise.all([question("/v1/messages/{sid}"), get(pathOf(parameters), {}, signal)]);
  return { described, message, names: await codeNames([message.error_code]) };
}

function fact(name, ...value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

const to = (view, name, value) => h("a", { href: link(view, { workspace: null, [name]: value }) }, value);
const empties = (value) => value === null || value === undefined || value === "" || value === false || value.length === 0;

function codeLink(code, names) {
  return [h("a", { href: link("error", { code }) }, code), " ", names?.get(code)];
}

function facts({ message, names }) {
  const { receipts } = message;
  const first = (name) => receipts.find((row) => row[name])?.[name];
  const inbound = receipts.some((row) => row.type === "Replied");
  const number = (value, person) => (value ? to(person ? "number" : "provider", person ? "number" : "provider", value) : "–");
  return h("dl", { class: "facts" },
    fact("State", message.status === null ? "unknown: its receipts could not be read" : state(message.status)),
    fact("To", number(first("to"), !inbound)),
    fact("From", number(first("from"), inbound)),
    message.campaign !== undefined && fact("Campaign", h("a", {
      href: link("campaign", { workspace: message.workspace, campaign: message.campaign }) }, format.campaignName(message.campaign))),
    message.workspace && fact("Workspace", message.workspace),
    message.variant && fact("Variant", message.variant),
    message.service && fact("Messaging service", to("provider", "provider", message.service)),
    message.account && fact("Account", to("provider", "provider", message.account)),
    message.error_code && fact("Error", codeLink(message.error_code, names)),
    message.conflict && fact("Conflict", "Two different final states were reported."));
}

// Each state, when it arrived, and how long after the first.
function states(receipts) {
  const start = new Date(receipts[0].time);
  return h("ol", { class: "states", "aria-label": "States" }, receipts.map((row) => h("li", { "data-key": String(row.seq) },
    state(row.type === "Clicked" ? "clicked" : row.status ?? row.type.toLowerCase()),
    h("span", { class: "sub" }, format.exactTime(row.time)),
    row.error_code !== null && h("span", { class: "sub" }, `error ${row.error_code}`),
    h("span", { class: "sub" }, row === receipts[0] ? "first" : `+${format.seconds((new Date(row.time) - start) / 1000)}`))));
}

function shown({ name, kind }, value) {
  switch (name) {
    case "error_code": return codeLink(value);
    case "answers": return to("message", "sid", value);
    case "rule": return `${value}: ${RULES[value] ?? "not known"}`;
    default: return kind === "list" ? h("ul", {}, value.map((part) => h("li", {}, part))) : kind === "boolean" ? "yes" : value;
  }
}

function receipt(row, message, described) {
  const { from, to: addressee } = message.receipts[0];
  const known = { ...message, from, to: addressee, error_code: null };
  const columns = described.columns.filter(({ name }) => !AT_THE_TOP.includes(name) && !RAW.includes(name) && !empties(row[name])
    && known[name] !== row[name]);
  const raw = RAW.filter((name) => !empties(row[name]) && (name !== "parameters" || Object.keys(row[name]).length > 0));
  return h("section", { class: "receipt", "data-key": String(row.seq), "aria-label": `${row.type} ${row.seq}` },
    h("h3", {}, row.type, row.status && [" · ", h("bdi", {}, row.status)], h("span", { class: "sub" }, format.exactTime(row.time))),
    row.body !== null && (row.body === "" ? h("p", { class: "sub" }, "A text without characters.") : h("pre", { tabindex: "0", class: "body" }, row.body)),
    columns.length > 0 && h("dl", { class: "facts" }, columns.map((column) =>
      fact(format.label(column.name), shown(column, row[column.name])))),
    raw.length > 0 && h("details", {}, h("summary", {}, "Raw fields"), raw.map((name) => [h("h4", {}, format.label(name)),
      h("pre", { tabindex: "0" }, typeof row[name] === "string" ? row[name] : JSON.stringify(row[name], null, 2))])));
}

export function render(data, parameters) {
  const { message, described } = data;
  return [
    facts(data),
    message.receipts.length === 0 ? empty("No receipt of this message is stored.") : [
      h("h2", {}, "States"), states(message.receipts),
      h("h2", {}, "Receipts"), message.receipts.map((row) => receipt(row, message, described)),
      h("footer", {}, csv(pathOf(parameters), {}))],
  ];
}
