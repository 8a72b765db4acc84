// One campaign. Its first screen says how many, how well, what went wrong, and who must act.

import { h } from "./dom.js";
import { get, question, segment } from "./api.js";
import { here, link, span, RANGES } from "./state.js";
import { bar, legend, timeline } from "./charts.js";
import { table, columnsOf, csv, empty, filters, textField, choice } from "./table.js";
import * as format from "./format.js";

const TABS = { errors: "Errors", timeline: "Timeline", variants: "Variants", replies: "Replies", pending: "Pending" };

// What to check, by the words of Twilio's guide to messages that stay "sent".
const PENDING_ADVICE = [
  "Most carriers report within seconds, some within 72 hours, and a few never do.",
  "A phone that is switched off or abroad gets its messages later; younger ones mostly solve themselves.",
  "If whole countries or carriers stay pending, ask Twilio whether that route reports deliveries at all.",
  "If everything stays pending since a certain time, see on the page Health whether callbacks are refused.",
];

export const title = ({ campaign = "" }) => format.campaignName(campaign);
export const follows = ({ campaign = "", workspace }) => ({ campaign, workspace });

function tabOf({ tab }) {
  return Object.hasOwn(TABS, tab ?? "") ? tab : "errors";
}

function asked(parameters) {
  const { workspace, variant } = parameters;
  return { ...span(parameters), workspace, variant };
}

const pathOf = ({ campaign = "" }) => `v1/campaigns/${segment(campaign)}`;
const interval = (parameters) => (parameters.interval === "hour" || parameters.range === "24h" || parameters.range === "1h" ? "hour" : "day");

const LOADS = {
  errors: (parameters, signal) => get(`${pathOf(parameters)}/errors`, asked(parameters), signal),
  timeline: (parameters, signal) => get(`${pathOf(parameters)}/series`,
    { ...asked(parameters), tz: parameters.tz ?? format.zone, interval: interval(parameters) }, signal),
  variants: async (parameters, signal) => {
    const { variant, ...rest } = asked(parameters);
    const [described, answer] = await Promise.all([question("/v1/campaigns/{campaign}/variants"),
      get(`${pathOf(parameters)}/variants`, rest, signal)]);
    return { described, ...answer };
  },
  replies: async (parameters, signal) => {
    const { campaign, workspace, next } = parameters;
    const [described, answer] = await Promise.all([question("/v1/replies"),
      get("v1/replies", { campaign, workspace, next, limit: 20 }, signal)]);
    return { described, ...answer };
  },
  pending: async () => ({}),
};

export async function load(parameters, signal) {
  const tab = tabOf(parameters);
  const [figures, detail] = await Promise.all([get(pathOf(parameters), asked(parameters), signal), LOADS[tab](parameters, signal)]);
  return { tab, figures, detail };
}

function tile(name, value, more) {
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", { "data-figure": true }, value), more && h("dd", { class: "sub" }, more));
}

function tiles(row, parameters) {
  const list = (state, value) => h("a", { href: link("messages", { campaign: row.campaign, workspace: row.workspace, state }) }, format.number(value));
  return [
    h("div", { class: "rate" }, h("p", { class: "big", "data-figure": true }, format.interval(row.delivery_rate_low, row.delivery_rate_high),
      h("span", { class: "sub" }, " delivered")), bar(row), legend(row)),
    h("dl", { class: "tiles" },
      tile("Messages", format.number(row.messages), row.duplicates > 0 && `${format.number(row.duplicates)} duplicate receipts`),
      tile("Sent", list("sent", row.sent)),
      tile("Delivered", list("delivered", row.delivered), row.median_seconds !== null && `half within ${format.seconds(row.median_seconds)}`),
      tile("Failed", list("failed", row.failed), row.conflicts > 0 && `${format.number(row.conflicts)} with two final states`),
      tile("Pending", list("pending", row.pending)),
      tile("Read", list("read", row.read)),
      tile("Replied", format.number(row.replied)),
      tile("Clicked", format.number(row.clicked), row.click_rate !== null && `${format.percent(row.click_rate)} of the delivered`),
      tile("Opted out", format.number(row.opted_out)),
      tile("Time to delivery", format.seconds(row.median_seconds), row.p95_seconds !== null && `95 % within ${format.seconds(row.p95_seconds)}`)),
    h("p", { class: "sub" }, "From ", format.time(row.first), " to ", format.time(row.last), row.workspace && ` · workspace ${row.workspace}`,
      parameters.variant && ` · variant ${parameters.variant}`),
  ];
}

// --- errors ---

// Whom the kind of an error leaves the next step to (the catalogue's kinds).
const WHO = { account: "the owner of the Twilio account", config: "whoever set up sender or campaign", content: "the author of the text",
  webhook: "the operator of dlrd", rate: "whoever sends: slow down", handset: "whoever keeps the list of numbers",
  channel: "whoever set up the channel", carrier: "the carrier: try again later", unknown: "Twilio's support", consent: "nobody: they opted out" };

function trend(row) {
  if (row.recent === 0 && row.previous === 0) return "none in 48 h";
  if (row.previous === 0) return `new: ${format.number(row.recent)} in 24 h`;
  const sign = row.trend > 0 ? "+" : "";
  return `${sign}${format.percent(row.trend, 0)} in 24 h`;
}

const codeName = (row) => (row.code === null ? "no code" : String(row.code));

function errorRows(parameters) {
  const { campaign = "", workspace, variant } = parameters;
  const behind = (row) => ({ campaign, workspace, variant, state: "failed", error_code: row.code ?? "none" });
  return {
    columns: [
      { name: "code", kind: "text", label: "Code", show: (row) => [codeName(row), " ", h("strong", {}, row.name ?? "unknown code")], class: "code" },
      { name: "count", kind: "integer", label: "Messages", show: (row) => format.number(row.count) },
      { name: "share", kind: "share", label: "Share" },
      { name: "kind", kind: "text", label: "Who must act", show: (row) => WHO[row.kind] ?? row.kind ?? "not known yet" },
      { name: "action", kind: "text", label: "What to do", class: "advice", show: (row) => [
        h("p", {}, row.action ?? "dlrd's catalogue does not have this code. Twilio's page may explain it."),
        h("p", { class: "links" }, h("a", { href: link("messages", behind(row)) }, "Messages"),
          row.code !== null && h("a", { href: link("error", { code: row.code }) }, "Steps"),
          row.code !== null && h("a", { href: `https://www.twilio.com/docs/api/errors/${Number(row.code)}`, rel: "noreferrer", target: "_blank" }, "Twilio"),
          csv("v1/messages", behind(row)))] },
      { name: "trend", kind: "text", label: "Trend", show: trend },
      { name: "first", kind: "time", label: "First and last", show: (row) => [format.time(row.first), " – ", format.time(row.last)] },
      { name: "samples", kind: "list", label: "Samples", show: (row) => row.samples.map((sid) =>
        h("a", { href: link("message", { sid }), class: "sid", title: sid }, `${sid.slice(0, 4)}…${sid.slice(-4)}`)) },
    ],
    to: (row) => link("messages", behind(row)),
  };
}

function errors({ failed, errors: rows }, parameters) {
  if (rows.length === 0) return empty("No message of this campaign failed.", h("a", { href: link("messages", { campaign: parameters.campaign ?? "", workspace: parameters.workspace }) }, "Its messages"));
  const { campaign = "", workspace, variant } = parameters;
  return [
    h("p", {}, `${format.number(failed)} messages failed. `, h("a", { href: `v1/suppressed?${new URLSearchParams({ campaign, ...(workspace && { workspace }), ...(variant && { variant }), format: "csv" })}`, download: "" },
      "Numbers to take off the list (CSV)")),
    table({ caption: "Errors", rows, ...errorRows(parameters), key: (row) => `code-${row.code}`, mark: (row) => row.name === null && "unknown" }),
    h("footer", {}, csv(`${pathOf(parameters)}/errors`, asked(parameters))),
  ];
}

// --- the other tabs ---

function series({ points, interval: each, time_zone: zone }, parameters) {
  if (points.length === 0) return empty("Nothing happened in this time.");
  const options = each === "day" ? { dateStyle: "medium", timeZone: zone } : { dateStyle: "short", timeStyle: "short", timeZone: zone };
  const shown = new Intl.DateTimeFormat(undefined, options);
  const nameOf = (point) => shown.format(new Date(point.time));
  const figures = ["messages", "sent", "delivered", "failed", "pending", "replied", "opted_out"];
  return [
    h("p", {}, `By ${each}, ${zone}. `, h("a", { href: here({ interval: each === "day" ? "hour" : "day" }) }, each === "day" ? "By hour" : "By day")),
    timeline(points.slice(-400), nameOf),
    h("details", {}, h("summary", {}, "The same as a table"), table({ caption: "Timeline", rows: points.toReversed(), key: (row) => row.time,
      columns: [{ name: "time", kind: "text", label: each === "day" ? "Day" : "Hour", show: nameOf }, ...figures.map((name) => ({ name, kind: "integer" }))] })),
    h("footer", {}, csv(`${pathOf(parameters)}/series`, { ...asked(parameters), interval: each })),
  ];
}

function variants({ described, variants: rows }, parameters) {
  return rows.length === 0 ? empty("No variant has any figure.") : [
    table({ caption: "Variants", rows, key: (row) => row.variant, to: (row) => here({ variant: row.variant, tab: "errors" }),
      columns: columnsOf(described, null, { delivery_rate: { show: (row) => [bar(row), format.percent(row.delivery_rate)], class: "delivery" } }) }),
    h("footer", {}, csv(`${pathOf(parameters)}/variants`, asked(parameters)))];
}

function replies({ described, replies: rows, next }, parameters) {
  const { campaign = "", workspace } = parameters;
  return rows.length === 0 ? empty("Nobody has replied to this campaign yet.") : [
    table({ caption: "Replies", rows, key: (row) => String(row.seq), to: (row) => link("message", { sid: row.message }),
      columns: columnsOf(described, ["time", "from", "body", "keyword", "rule", "candidates"]) }),
    h("footer", {}, next !== null && h("a", { href: here({ next }), rel: "next" }, "Next page"), csv("v1/replies", { campaign, workspace }))];
}

const AGES = { under_1h: "under 1 hour", under_6h: "1 to 6 hours", under_24h: "6 to 24 hours", under_72h: "1 to 3 days", older: "older" };

function pending(figures) {
  const ages = figures.pending_ages;
  if (figures.pending === 0) return empty("Every message that was sent has a final state.");
  return [
    table({ caption: "Pending by age", rows: Object.entries(AGES).map(([name, shown]) => ({ name, shown, count: ages[name] })), key: (row) => row.name,
      columns: [{ name: "shown", kind: "text", label: "Sent, without a final state, for" }, { name: "count", kind: "integer", label: "Messages" }] }),
    h("p", {}, h("a", { href: link("messages", { campaign: figures.campaign, workspace: figures.workspace, state: "pending" }) }, "The messages")),
    h("h2", {}, "Sent, but not delivered?"), h("ul", { class: "advice" }, PENDING_ADVICE.map((line) => h("li", {}, line)))];
}

export function render({ tab, figures, detail }, parameters) {
  return [
    filters(choice("range", "Time", RANGES, parameters), textField("from", "From", parameters, { type: "date" }),
      textField("to", "Before", parameters, { type: "date" }), textField("variant", "Variant", parameters)),
    h("section", { class: "figures", "aria-label": "Figures" }, tiles(figures, parameters)),
    h("nav", { class: "tabs", "aria-label": "Parts of the campaign" }, Object.entries(TABS).map(([name, shown]) =>
      h("a", { href: here({ tab: name === "errors" ? null : name, next: null }), "aria-current": name === tab && "true" }, shown))),
    h("section", { "data-key": tab, "aria-label": TABS[tab] }, { errors, timeline: series, variants, replies,
      pending: () => pending(figures) }[tab](detail, parameters)),
  ];
}
