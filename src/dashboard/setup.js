// The URLs to paste into Twilio, and whether the first callback has arrived.

import { h } from "./dom.js";
import { get, part, segment } from "./api.js";
import { link } from "./state.js";
import { copyable, empty, filters, textField, choice } from "./table.js";
import { parse, sum } from "./metrics.js";
import * as format from "./format.js";

// As 'dlrd url' names them. A URL that is tagged names the campaign of a message.
const PURPOSES = [
  { kind: "status", name: "Status of messages", tagged: true,
    place: "StatusCallback of each message that you send, or the messaging service's status callback URL" },
  { kind: "inbound", name: "Incoming messages",
    place: "“A message comes in” of the number, or the incoming-message webhook of the messaging service" },
  { kind: "debugger", name: "Errors and warnings (optional)", place: "the debugger webhook of the account" },
  { kind: "click", name: "Clicks (optional)", place: "callback URL of the domain that shortens links" },
  { kind: "events", name: "Event Streams (optional)", place: "destination of a webhook sink of Event Streams" },
];
const TAGS = { campaign: "Campaign", workspace: "Workspace", variant: "Variant" };
const SAMPLES = { campaign: "spring-sale", workspace: "", variant: "" };

export const title = () => "Set-up";
export const follows = () => ({});
export const everyMs = 5000; // refused requests are not events

export async function load(parameters, signal) {
  const [setup, text, first, last] = await Promise.all([get("v1/setup", {}, signal), get("metrics", {}, signal),
    part(get("v1/events", { limit: 1 }, signal)), part(get("v1/campaigns", { sort: "last", limit: 1 }, signal))]);
  const metrics = parse(text);
  const counted = (outcome) => sum(metrics, "dlrd_callbacks_total", { outcome });
  return { setup, first: first.events?.[0]?.time ?? null, last: last.campaigns?.[0]?.last ?? null, error: first.error,
    kept: counted("kept"), refused: counted("unverified"), astray: counted("no_route") };
}

// --- the URLs ---

const tagOf = (name, parameters) => parameters[`tag_${name}`] ?? SAMPLES[name];

// The parameter that a template reads whole, such as "{campaign}"; null: it reads others.
function parameterOf(template) {
  const names = (template ?? "").split("|").map((part) => /^\s*\{([^{}.]+)\}\s*$/.exec(part)?.[1]);
  return names.find(Boolean) ?? null;
}

// null: the route's templates need values that only 'dlrd url' works out.
function urlOf(base, route, purpose, overrides, parameters) {
  const pairs = {};
  for (const name of purpose.tagged ? Object.keys(TAGS) : []) {
    const value = tagOf(name, parameters), parameter = parameterOf(route[name]);
    if (value !== "" && parameter === null) return null;
    if (value !== "") pairs[parameter] = value;
  }
  // In this order a proxy or a library that sorts the query changes nothing.
  const text = Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${segment(name)}=${segment(value)}`).join("&");
  return `${base}${route.path}${text && `?${text}`}#${overrides}`;
}

// An argument of a shell.
const quoted = (text) => (/^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function commandOf(route, parameters) {
  const tags = Object.keys(TAGS).map((name) => [name, tagOf(name, parameters)]).filter(([, value]) => value !== "");
  return `dlrd url --route ${quoted(route.path)}${tags.map(([name, value]) => ` --${name} ${quoted(value)}`).join("")}`;
}

function urls(setup, base, parameters) {
  return PURPOSES.map((purpose) => {
    const [route, ...others] = setup.routes.filter(({ kind }) => kind === "auto" || kind === purpose.kind);
    const shown = (one) => {
      const url = urlOf(base, one, purpose, setup.overrides, parameters);
      return url !== null ? copyable(url)
        : [h("p", {}, `The route ${one.path} reads the tags from other parameters. This command prints its URL:`),
          copyable(commandOf(one, parameters))];
    };
    return h("section", { "data-key": purpose.kind, "aria-label": purpose.name }, h("h2", {}, purpose.name),
      h("p", { class: "sub" }, "Belongs in: ", purpose.place),
      route === undefined ? [h("p", {}, "No route takes them. A section of dlrd.ini adds one:"),
        copyable(`[callback /sms/${purpose.kind}]\nkind = ${purpose.kind}`)] : shown(route),
      others.length > 0 && h("details", {},
        h("summary", {}, `${others.length} other ${others.length === 1 ? "path takes" : "paths take"} them, too`), others.map(shown)));
  });
}

function aboutBase({ public_urls: all, trusts_proxies: trusts }) {
  if (all.length === 1) return null;
  if (all.length > 1) return h("p", {}, "Several public URLs are configured. Twilio may call a URL below any of them; each is verified.");
  return h("div", { class: "error" }, h("p", {}, trusts
    ? "No public URL is configured. dlrd takes scheme and host from X-Forwarded-Proto and X-Forwarded-Host of the trusted proxies. "
    : "No public URL is configured. dlrd takes the host of each request, as it arrived. ",
  "Replace HOST below with the name that Twilio calls. To set it in dlrd.ini is safer:"), copyable("public_url = https://HOST"));
}

// --- the first callback ---

function arrived({ first, last, kept, refused, astray, error }) {
  const refusals = refused + astray > 0 && h("p", {},
    refused > 0 && `Refused for their signature: ${format.counted(refused, "request")}. `,
    astray > 0 && `For a path without a route: ${format.counted(astray, "request")}. `, h("a", { href: link("health") }, "See why"));
  if (error) return [h("p", {}, error), refusals];
  if (first === null) {
    return [empty("No callback has arrived yet. Paste the status URL into Twilio and send yourself a message. "
      + "This page changes by itself."), refusals];
  }
  return [h("p", { class: "big" }, "Callbacks arrive"),
    h("p", {}, "The first one arrived ", format.time(first), last && [", the last one ", format.time(last)],
      `. Stored since dlrd started: ${format.counted(kept, "callback")}. `, h("a", { href: link("campaigns") }, "Campaigns")), refusals];
}

export function render(data, parameters) {
  const { setup } = data, bases = setup.public_urls.length > 0 ? setup.public_urls : ["https://HOST"];
  const base = bases.includes(parameters.base) ? parameters.base : bases[0];
  const test = `dlrd simulate --count 10 --campaign ${quoted(tagOf("campaign", parameters) || "test")} --ledger test-run`;
  return [
    h("section", { id: "arrived", "aria-label": "First callback" }, arrived(data)),
    aboutBase(setup),
    filters(bases.length > 1 && choice("base", "Public URL", Object.fromEntries(bases.map((one) => [one, one])), { base }),
      Object.entries(TAGS).map(([name, shown]) =>
        textField(`tag_${name}`, shown, parameters, { placeholder: SAMPLES[name] || "none" }))),
    urls(setup, base, parameters),
    h("p", {}, `Keep the part after #. Without #${setup.overrides} Twilio does not try again after an answer 5xx.`),
    h("h2", {}, "Without Twilio"),
    h("p", {}, "Signed test traffic. It is counted like real callbacks; the second command removes it."),
    copyable(test), copyable("dlrd simulate --undo test-run"),
    h("p", {}, h("a", { href: link("campaign", { campaign: tagOf("campaign", parameters) }) }, "The campaign's page")),
  ];
}
