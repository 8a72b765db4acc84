// Any question of the api: its parameters as fields, its columns as a table.

import { h } from "./dom.js";
import { get, question, segment } from "./api.js";
import { here, link } from "./state.js";
import { table, columnsOf, pages, csv, empty, filters, textField, choice, plain } from "./table.js";
import * as format from "./format.js";

const LIMIT = 50;

export const title = ({ path }) => path ?? "Question";

const inPath = (described) => [...described.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

function pathOf(described, parameters) {
  return described.path.slice(1).replaceAll(/\{(\w+)\}/g, (_, name) => segment(parameters[name]));
}

// What the question knows of the URL's parameters. A list that is followed by after has its next there.
function asked(described, parameters) {
  const names = new Set(described.parameters.map(({ name }) => name));
  for (const name of inPath(described)) names.delete(name);
  const given = Object.fromEntries([...names].filter((name) => parameters[name] !== undefined).map((name) => [name, parameters[name]]));
  if (names.has("limit")) given.limit ??= LIMIT;
  if (names.has("after") && parameters.next) given.after = parameters.next;
  return given;
}

export async function load(parameters, signal) {
  const described = await question(parameters.path || "/");
  const missing = inPath(described).filter((name) => parameters[name] === undefined);
  const answer = missing.length > 0 ? null : await get(pathOf(described, parameters), asked(described, parameters), signal);
  return { described, missing, answer };
}

function field({ name, words, time, description }, parameters) {
  const shown = format.label(name);
  const options = { "": "Any", ...Object.fromEntries(words.map((word) => [word, word])) };
  if (words.length > 0) return choice(name, shown, options, parameters);
  return textField(name, shown, parameters, { title: description, placeholder: time && "2026-11-20" });
}

// One row, whole. Members that are rows of their own are tables.
function facts(columns, row) {
  return h("dl", { class: "facts" }, columns.filter(({ name }) => Object.hasOwn(row, name)).map((column) =>
    [h("dt", { title: column.description }, format.label(column.name)), h("dd", {}, plain(column, row[column.name]))]));
}

function columnOf([name, value]) {
  const kind = Array.isArray(value) ? "list" : typeof value === "object" ? "object" : typeof value === "number" ? "number" : "text";
  return { name, kind: value === null ? "text" : kind };
}

function behind(row) {
  const sid = [row.message, row.sid].find((text) => /^(SM|MM)[0-9a-zA-Z]{32}$/.test(text ?? ""));
  if (sid) return link("message", { sid });
  const isCampaign = typeof row.campaign === "string" && typeof row.messages === "number";
  return isCampaign ? link("campaign", { campaign: row.campaign, workspace: row.workspace }) : null;
}

function list(described, answer, parameters) {
  const { [described.list]: rows, next = null, ...rest } = answer;
  const shown = columnsOf(described), columns = shown.length > 0 ? shown : described.columns;
  const more = rows.length === 0 ? null : next; // a list that is followed always has a next
  return [
    Object.keys(rest).length > 0 && facts(Object.entries(rest).map(columnOf), rest),
    rows.length === 0
      ? empty("There is nothing like that.", h("a", { href: link("question", { path: described.path }) }, "Without filters"))
      : table({ caption: described.title, rows, columns, to: behind }),
    h("footer", {}, pages(more, parameters)),
  ];
}

export function render({ described, missing, answer }, parameters) {
  const fields = described.parameters.filter(({ page }) => !page);
  return [
    h("p", {}, described.title, " ", h("a", { href: link("questions") }, "All questions")),
    fields.length > 0 && filters(fields.map((one) => field(one, parameters))),
    answer === null ? empty(`Type ${missing.join(" and ")}.`,
      missing.includes("campaign") && h("a", { href: here({ campaign: "" }) }, "The untagged"))
      : [described.list === null ? facts(described.columns, answer) : list(described, answer, parameters),
        h("footer", {}, described.csv && csv(pathOf(described, parameters), asked(described, parameters)),
          described.command !== null && h("code", {}, `dlrd ${described.command}`))],
  ];
}
