// Replies that sound like an opt-out and are not one. A person has to read them.

import { h } from "./dom.js";
import { ask, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { consent } from "./number.js";
import { table, columnsOf, pages, csv, empty, filters, textField, campaignField, choice } from "./table.js";

const PATH = "v1/near-misses";

export const title = () => "Near misses";
export const follows = ({ campaign, workspace }) => ({ type: "Replied", campaign, workspace });

function asked(parameters) {
  const { campaign, workspace, next } = parameters;
  return { ...span(parameters), campaign, workspace, next, limit: 20 };
}

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/near-misses"), ask(PATH, asked(parameters), signal)]);
  return { described, ...answer };
}

const OVERRIDES = {
  body: { label: "Text", class: "long", show: (row) => h("span", { class: "clamp" }, row.body ?? "(no text)") },
  near_miss: { label: "Sounds like an opt-out" },
  number: { label: "From", class: "tel",
    show: (row) => (row.number === null ? "–" : h("a", { href: link("number", { number: row.number }) }, row.number)) },
  state: { label: "In the ledger", show: (row) => consent(row.state) },
};

function list({ described, refused, near_misses: rows, next }, parameters) {
  const all = h("a", { href: "?view=nearmisses" }, "Show all near misses");
  if (refused) return empty(refused, all);
  if (rows.length === 0) {
    return ["campaign", "workspace", "range", "from", "to", "next"].some((name) => parameters[name] !== undefined)
      ? empty("No reply is like that.", all) : empty("No reply sounds like an opt-out without being one. There is nothing to do.");
  }
  return [
    h("p", {}, "Twilio does not treat these replies as opt-outs, so the number can still be texted. Read each one. "
      + "If the person wants no more messages, take the number off your list."),
    table({ caption: "Near misses", rows, columns: columnsOf(described, ["body", "near_miss", "number", "to", "state", "time"], OVERRIDES),
      key: (row) => String(row.seq), to: (row) => row.message && link("message", { sid: row.message }) }),
    h("footer", {}, pages(next, parameters), csv(PATH, asked(parameters))),
  ];
}

export function render(data, parameters) {
  return [
    filters(campaignField(parameters), textField("workspace", "Workspace", parameters), choice("range", "Time", RANGES, parameters),
      textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" })),
    list(data, parameters),
  ];
}
