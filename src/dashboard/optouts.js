// Numbers that must not be texted, and a field to look for one.

import { h } from "./dom.js";
import { ask, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import * as one from "./number.js";
import { table, columnsOf, pages, csv, empty, filters, textField, choice } from "./table.js";

const PATH = "v1/optouts";
const STATES = { "": "Opted out", in: "Opted in again", any: "Both" };

export const title = () => "Opt-outs";
export const follows = () => ({});

function asked(parameters) {
  const { state, scope, next } = parameters;
  return { ...span(parameters), state, scope, next, limit: 20 };
}

export async function load(parameters, signal) {
  if (parameters.number) return { found: await one.load(parameters, signal) };
  const [described, answer] = await Promise.all([question("/v1/optouts"), ask(PATH, asked(parameters), signal)]);
  return { described, ...answer };
}

function list({ described, refused, optouts, next }, parameters) {
  if (refused) return empty(refused, h("a", { href: "?view=optouts" }, "Show all opt-outs"));
  if (optouts.length === 0) {
    return ["state", "scope", "range", "from", "to", "next"].some((name) => parameters[name])
      ? empty("No number is like that.", h("a", { href: "?view=optouts" }, "Show all opt-outs"))
      : empty("Nobody has opted out yet. Replies arrive if the webhook for inbound messages in Twilio is a URL of this dlrd.");
  }
  const names = ["number", "scope", "state", "since", "cause", "message", "campaign", ...(optouts.some((row) => row.note) ? ["note"] : [])];
  return [
    table({ caption: "Opt-outs", rows: optouts, columns: columnsOf(described, names, { ...one.COLUMNS, number: { class: "tel" },
      campaign: { class: "name", show: (row) => [row.campaign || "(untagged)", h("span", { class: "sub" }, row.workspace)] } }),
      key: (row) => `${row.number} ${row.scope}`, to: (row) => link("number", { number: row.number }) }),
    h("footer", {}, pages(next, parameters), csv(PATH, asked(parameters))),
  ];
}

export function render(data, parameters) {
  return [
    filters(textField("number", "Number, any spelling", parameters, { type: "search", inputmode: "tel" }),
      !data.found && [choice("state", "State", STATES, parameters), textField("scope", "Scope", parameters,
        { title: "A messaging service or a sender" }), choice("range", "Since", RANGES, parameters),
      textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" })]),
    data.found?.number && h("h2", {}, h("a", { href: link("number", { number: data.found.number }) }, data.found.number)),
    data.found ? one.render(data.found, parameters) : list(data, parameters),
  ];
}
