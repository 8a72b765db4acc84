// All campaigns: how many, how well, and what happened in the last 24 hours.

import { h } from "./dom.js";
import { get, question } from "./api.js";
import { link, span, RANGES } from "./state.js";
import { bar, legend, spark } from "./charts.js";
import { table, columnsOf, pages, csv, empty, copyable, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const PATH = "v1/campaigns";
const SORTS = { "": "Newest first", last: "Last active first", messages: "Most messages first",
  failed: "Most failures first", delivery_rate: "Worst delivery rate first", name: "By name" };

export const title = () => "Campaigns";
export const follows = ({ workspace }) => ({ workspace });

function asked(parameters) {
  const { workspace, search, sort, next } = parameters;
  return { ...span(parameters), workspace, search, sort, next, limit: 20 };
}

export async function load(parameters, signal) {
  const [described, answer] = await Promise.all([question("/v1/campaigns"), get(PATH, asked(parameters), signal)]);
  return { described, ...answer };
}

// The rate with its interval: a percentage of a handful of messages says little.
function rate(row) {
  return h("span", { title: `${format.percent(row.delivery_rate)} of those with a final state` },
    format.interval(row.delivery_rate_low, row.delivery_rate_high));
}

const OVERRIDES = {
  campaign: { show: (row) => [format.campaignName(row.campaign), h("span", { class: "sub" }, row.workspace)] },
  delivery_rate: { label: "Delivery", show: (row) => [bar(row), rate(row)], class: "delivery" },
  opted_out: { label: "Opt-outs" },
  click_rate: { kind: "share", label: "Clicks" },
  last_24_hours: { label: "Last 24 h", show: (row) => spark(row.last_24_hours) },
  last: { label: "Last receipt" },
};

function nothing(parameters) {
  if (parameters.search || parameters.workspace || parameters.range || parameters.from || parameters.to) {
    return empty("No campaign is like that.", h("a", { href: "?" }, "Show all campaigns"));
  }
  return empty("No receipt has arrived yet. Send a message whose status callback is a URL of this dlrd; "
    + "or send signed test traffic to it:", copyable("dlrd simulate --count 100 --campaign spring-sale"));
}

export function render({ described, campaigns, next }, parameters) {
  const names = ["campaign", "messages", "delivery_rate", "failed", "replied", "opted_out", "click_rate", "last_24_hours", "last"];
  return [
    filters(textField("search", "Search", parameters, { type: "search" }),
      textField("workspace", "Workspace", parameters),
      choice("range", "Time", RANGES, parameters),
      textField("from", "From", parameters, { type: "date" }), textField("to", "Before", parameters, { type: "date" }),
      choice("sort", "Order", SORTS, parameters)),
    campaigns.length === 0 ? nothing(parameters) : [
      table({ caption: "Campaigns", columns: columnsOf(described, names, OVERRIDES), rows: campaigns,
        key: (row) => `${row.workspace}\n${row.campaign}`,
        to: (row) => link("campaign", { workspace: row.workspace, campaign: row.campaign }) }),
      h("footer", {}, legend({}), pages(next, parameters), csv(PATH, asked(parameters))),
    ],
  ];
}
