// One campaign. Its first screen says how many, how well, what went wrong, and who must act.

import { h } from "./dom.js";
import { get, question, segment } from "./api.js";
import { here, link, span, RANGES } from "./state.js";
import { bar, rate, tile, timeline } from "./charts.js";
import { errorTable } from "./errors.js";
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

function tiles(row, parameters) {
  const list = (state, value) => h("a", { href: link("messages", { campaign: row.campaign, workspace: row.workspace, state }) }, format.number(value));
  return [
    rate(row),
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

// --- the tabs ---

function errors({ failed, errors: rows }, parameters) {
  const { campaign = "", workspace, variant } = parameters;
  if (rows.length === 0) return empty("No message of this campaign failed.", h("a", { href: link("messages", { campaign, workspace }) }, "Its messages"));
  return [
    h("p", {}, `${format.counted(failed, "message")} failed. `, csv("v1/suppressed", { campaign, workspace, variant }, "Numbers to take off the list (CSV)")),
    errorTable(rows, { campaign, workspace, variant }),
    h("footer", {}, csv(`${pathOf(parameters)}/errors`, asked(parameters))),
  ];
}

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
    h("div", { "data-key": tab }, { errors, timeline: series, variants, replies,
      pending: () => pending(figures) }[tab](detail, parameters)),
  ];
}
