// Messages with their final state, by any filter.

import { h } from "./dom.js";
import { ask, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { state } from "./charts.js";
import { codeNames, WHO } from "./errors.js";
import { table, columnsOf, pages, csv, empty, copyable, filters, textField, campaignField, choice } from "./table.js";
import * as format from "./format.js";

const PATH = "v1/messages";
const NAMES = ["state", "error_code", "kind", "permanence", "campaign", "workspace", "variant", "provider", "number"];
const SPECIAL = ["error_code", "kind", "permanence", "variant", "provider"]; // not used often
const STATES = { waiting: "not known to have left", clicked_messages: "clicked", conflicts: "with two final states" };

export const title = () => "Messages";
export const follows = ({ campaign, workspace, variant }) => ({ campaign, workspace, variant });

const pick = (parameters, names) => Object.fromEntries(names.map((name) => [name, parameters[name]]));
const asked = (parameters) => ({ ...span(parameters), ...pick(parameters, NAMES), next: parameters.next, limit: 20 });

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/messages"), ask(PATH, asked(parameters), signal)]);
  const names = await codeNames(answer.messages?.map((row) => row.error_code) ?? []);
  return { described, names, ...answer };
}

function columns(described, names) {
  const code = (row) => (row.error_code === null ? "–" : [h("a", { href: link("error", { code: row.error_code }) }, row.error_code), " ",
    h("strong", {}, names.get(row.error_code) ?? "unknown code")]);
  return columnsOf(described, ["to", "from", "campaign", "state", "error_code", "first", "sent", "final", "seconds"], {
    to: { class: "tel" }, from: { class: "tel" },
    campaign: { class: "name", show: (row) => [format.campaignName(row.campaign),
      h("span", { class: "sub" }, h("bdi", {}, row.workspace), row.variant && [" · ", h("bdi", {}, row.variant)])] },
    state: { show: (row) => state(row.state) },
    error_code: { label: "Error", kind: "text", show: code, class: "code" },
    first: { label: "First" }, final: { label: "Final" }, seconds: { label: "Took" },
  });
}

function form(described, parameters) {
  const words = described.parameters.find(({ name }) => name === "state").words;
  const options = (list, shown = {}) => ({ "": "Any", ...Object.fromEntries(list.map((word) => [word, shown[word] ?? word])) });
  return filters(textField("number", "To number", parameters, { type: "search" }),
    choice("state", "State", options(words, STATES), parameters),
    campaignField(parameters), textField("workspace", "Workspace", parameters), choice("range", "Time", RANGES, parameters),
    textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" }),
    h("details", { open: SPECIAL.some((name) => parameters[name]) }, h("summary", {}, "More filters"), h("div", {},
      textField("error_code", "Error code", parameters, { inputmode: "numeric" }),
      choice("kind", "Who must act", options(Object.keys(WHO), WHO), parameters),
      choice("permanence", "Error is", options(["permanent", "transient", "unknown"]), parameters),
      textField("variant", "Variant", parameters),
      textField("provider", "Provider", parameters, { title: "A nickname, an account, a messaging service or a sender" }))));
}

function nothing(parameters) {
  if ([...NAMES, "range", "from", "to", "next"].some((name) => parameters[name] !== undefined)) {
    return empty("No message is like that.", h("a", { href: "?view=messages" }, "Show all messages"));
  }
  return empty("No receipt has arrived yet. Send a message whose status callback is a URL of this dlrd; "
    + "or send signed test traffic to it:", copyable("dlrd simulate --count 100 --campaign spring-sale"));
}

export function render({ described, names, refused, messages, next }, parameters) {
  const { limit, ...list } = asked(parameters);
  const suppressed = { ...span(parameters), ...pick(parameters, ["campaign", "workspace", "variant", "provider"]) };
  return [
    form(described, parameters),
    refused ? empty(refused, h("a", { href: "?view=messages" }, "Show all messages"))
      : messages.length === 0 ? nothing(parameters) : [
        table({ caption: "Messages", columns: columns(described, names), rows: messages, key: (row) => row.sid,
          to: (row) => link("message", { sid: row.sid }) }),
        h("footer", {}, pages(next, parameters), csv(PATH, list), csv("v1/suppressed", suppressed, "Numbers to take off the list (CSV)"))],
  ];
}
