// Figures by who sent: senders, messaging services, accounts or nicknames.

import { h } from "./dom.js";
import { ask, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { bar, legend } from "./charts.js";
import { table, columnsOf, pages, csv, empty, short, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const PATH = "v1/providers";
const BY = { "": "Sender", service: "Messaging service", account: "Account", provider: "Nickname" };

export const title = () => "Providers";
export const follows = () => ({});

const wordOf = ({ by }) => (Object.hasOwn(BY, by ?? "") && by ? by : "sender");

function asked(parameters) {
  const { provider, next } = parameters;
  return { ...span(parameters), by: wordOf(parameters), provider, next, limit: 20 };
}

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/providers"), ask(PATH, asked(parameters), signal)]);
  return { described, ...answer };
}

const NAMES = { sender: {}, service: { label: "Messaging service", show: ({ service, account }) =>
  [service === null ? "–" : short(service), account && h("span", { class: "sub" }, short(account))] },
  account: { show: ({ account }) => (account === null ? "–" : short(account)) }, provider: { label: "Nickname" }, kind: {}, note: {} };
const FIGURES = {
  messages: {},
  delivery_rate: { label: "Delivery", class: "delivery",
    show: (row) => [bar(row), format.interval(row.delivery_rate_low, row.delivery_rate_high)] },
  failed: {}, pending: {}, replied: {}, opted_out: { label: "Opt-outs" },
};

// One row for each of by, which leads to its page. Names that no row has are left out.
export function providerTable(described, rows, by, caption) {
  const named = Object.keys(NAMES).filter((name) => name !== by && rows.some((row) => row[name] !== null))
    .filter((name, _, shown) => name !== "account" || !shown.includes("service")); // below the service
  const names = [by, ...named.filter((name) => name !== "note"), ...Object.keys(FIGURES), ...named.filter((name) => name === "note")];
  const lead = { class: "tel", show: (row) => row[by] ?? (by === "provider" ? "(no nickname)" : "(not known)") };
  const kind = { show: (row) => row.kind?.replaceAll("_", " ") ?? "–" };
  return table({ caption, columns: columnsOf(described, names, { ...NAMES, ...FIGURES, kind, [by]: { ...NAMES[by], ...lead } }), rows,
    key: (row) => [row.account, row.service, row.sender, row.provider].join("\n"),
    to: (row) => row[by] && link("provider", { provider: row[by] }) });
}

export function render({ described, refused, providers, next }, parameters) {
  const all = h("a", { href: "?view=providers" }, "Show all providers");
  return [
    filters(choice("by", "By", BY, parameters),
      textField("provider", "Provider", parameters, { type: "search", title: "A nickname, an account, a messaging service or a sender" }),
      choice("range", "Time", RANGES, parameters),
      textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" })),
    refused ? empty(refused, all) : providers.length === 0
      ? empty("No message was sent in this time.", all) : [
        providerTable(described, providers, wordOf(parameters), "Providers"),
        h("footer", {}, legend({}), pages(next, parameters), csv(PATH, asked(parameters)))],
  ];
}
