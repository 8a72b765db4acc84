// One sender, messaging service, account or nickname: how well, and what went wrong.

import { h } from "./dom.js";
import { get, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { rate, tile } from "./charts.js";
import { errorTable } from "./errors.js";
import { providerTable } from "./providers.js";
import { csv, empty, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const SENDERS = 100;

export const title = ({ provider = "" }) => provider;
export const follows = () => ({});

const asked = (parameters) => ({ ...span(parameters), provider: parameters.provider });

export async function load(parameters, signal) {
  const wanted = asked(parameters);
  const [described, sum, senders, failures] = await Promise.all([question("/v1/providers"),
    get("v1/providers", { ...wanted, by: "provider" }, signal), get("v1/providers", { ...wanted, limit: SENDERS }, signal),
    get("v1/failures", wanted, signal)]);
  return { described, sums: sum.providers, senders: senders.providers, more: senders.next, failures };
}

function figures(row, provider) {
  const list = (state, value) => h("a", { href: link("messages", { workspace: null, provider, state }) }, format.number(value));
  return h("section", { class: "figures", "aria-label": "Figures" }, rate(row), h("dl", { class: "tiles" },
    tile("Messages", format.number(row.messages)), tile("Sent", list("sent", row.sent)),
    tile("Delivered", list("delivered", row.delivered)),
    tile("Failed", list("failed", row.failed), row.conflicts > 0 && `${format.number(row.conflicts)} with two final states`),
    tile("Pending", list("pending", row.pending)), tile("Read", list("read", row.read)), tile("Replied", format.number(row.replied)),
    tile("Clicked", format.number(row.clicked), row.click_rate !== null && `${format.percent(row.click_rate)} of the delivered`),
    tile("Opted out", format.number(row.opted_out)), tile("Canceled", list("canceled", row.canceled))),
  row.provider !== null && row.provider !== provider && h("p", { class: "sub" }, "Nickname ", h("bdi", {}, row.provider)),
  row.note && h("p", {}, `Its messages ${row.note}.`));
}

export function render({ described, sums, senders, more, failures }, parameters) {
  const { provider } = parameters;
  const wanted = asked(parameters);
  return [
    filters(choice("range", "Time", RANGES, parameters), textField("from", "From", parameters, { type: "date" }),
      textField("to", "Before", parameters, { type: "date" })),
    sums.length === 0 ? empty("It sent no message in this time.", h("a", { href: link("providers") }, "All providers")) : [
      sums.length === 1 ? figures(sums[0], provider) : providerTable(described, sums, "provider", "Nicknames"),
      h("h2", {}, "Errors"),
      failures.errors.length === 0
        ? empty("No message failed.", h("a", { href: link("messages", { workspace: null, provider }) }, "Its messages")) : [
        h("p", {}, `${format.counted(failures.failed, "message")} failed. `,
          csv("v1/suppressed", wanted, "Numbers to take off the list (CSV)")),
        errorTable(failures.errors, { provider }),
        h("footer", {}, csv("v1/failures", wanted))],
      (senders.length > 1 || senders[0]?.sender !== provider) && [
        h("h2", {}, "Senders"), providerTable(described, senders, "sender", "Senders"),
        h("footer", {}, more !== null && h("a", { href: link("providers", { provider }) }, "All senders"), csv("v1/providers", wanted))]],
  ];
}
