// Tables, made from the columns of a question. A row is a link if it leads somewhere: the whole row is
// the target, and the arrow keys go from one to the next (main.js).

import { h } from "./dom.js";
import { query } from "./api.js";
import { here } from "./state.js";
import * as format from "./format.js";

const RIGHT = new Set(["integer", "number", "share"]);

export function plain(column, value) {
  if (value === null || value === undefined) return "–";
  switch (column.kind) {
    case "integer": return format.number(value);
    case "number": return column.name.endsWith("seconds") ? format.seconds(value) : format.number(value);
    case "share": return format.percent(value);
    case "time": return format.time(value);
    case "day": return value.slice(0, 10);
    case "boolean": return value ? "yes" : "no";
    case "list":
    case "lines": return value.map((part) => (typeof part === "object" ? JSON.stringify(part) : part)).join(", ");
    case "numbers": return value.join(" ");
    case "object": return JSON.stringify(value);
    default: return value === "" ? column.if_empty ?? "" : value;
  }
}

function heading(column) {
  return h("th", { scope: "col", class: RIGHT.has(column.kind) && "right", title: column.description },
    column.label ?? format.label(column.name));
}

function cell(column, row, target) {
  const shown = column.show ? column.show(row) : plain(column, row[column.name]);
  const name = column.label ?? format.label(column.name);
  // Several parts are one item of a phone's row.
  const content = target && column.leads ? h("a", { href: target, class: "row" }, shown)
    : Array.isArray(shown) ? h("div", {}, shown) : shown;
  return h("td", {
    class: [RIGHT.has(column.kind) && "right", column.class, column.kind === "text" && "text"].filter(Boolean).join(" ") || null,
    "data-label": name, "data-figure": RIGHT.has(column.kind),
  }, content);
}

// columns: those to show, from a question's or of one's own: {name, kind, label, show(row), class}.
// The first one leads to to(row), if that is given.
export function table({ caption, columns, rows, key, to, mark }) {
  const shown = columns.map((column, i) => ({ ...column, leads: i === 0 }));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, shown.map(heading))),
      h("tbody", {}, rows.map((row) => h("tr", { "data-key": key?.(row), class: mark?.(row) },
        shown.map((column) => cell(column, row, to?.(row))))))));
}

// The question's columns that a terminal shows, too, or those named; overrides has changes by name.
export function columnsOf(question, names, overrides = {}) {
  const chosen = names ? names.map((name) => question.columns.find((column) => column.name === name))
    : question.columns.filter((column) => column.shown);
  return chosen.filter(Boolean).map((column) => ({ ...column, ...overrides[column.name] }));
}

// Links to the first page and the next one.
export function pages(next, parameters) {
  if (!parameters.next && !next) return null;
  return h("nav", { class: "pages", "aria-label": "Pages of the list" },
    parameters.next && h("a", { href: here({ next: null }) }, "First page"),
    next && h("a", { href: here({ next }), rel: "next" }, "Next page"));
}

// A link to the whole list as CSV.
export function csv(path, parameters, text = "CSV") {
  const { next, limit, ...rest } = parameters;
  return h("a", { href: path + query({ ...rest, format: "csv" }), download: "" }, text);
}

// A SID in few characters; a name that is not a SID stays.
export function short(text) {
  return /^[A-Z]{2}[0-9a-f]{32}$/.test(text) ? h("span", { class: "sid", title: text }, `${text.slice(0, 6)}…${text.slice(-4)}`) : text;
}

// What is missing, and the one next step.
export function empty(text, ...more) {
  return h("div", { class: "empty" }, h("p", {}, text), more);
}

// A command or URL that is ready to be copied.
export function copyable(text) {
  const copy = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousSibling);
      button.textContent = "Selected: copy it";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  return h("div", { class: "copyable" }, h("code", {}, text), h("button", { type: "button", onclick: copy }, "Copy"));
}

// A form whose fields are parameters of the URL. Each change shows the view again.
export function filters(...fields) {
  return h("form", { class: "filters", role: "search" }, h("button", { type: "submit", class: "hidden" }, "Show"), fields);
}

export function textField(name, title, parameters, attributes = {}) {
  return h("label", {}, title, h("input", { name, value: parameters[name] ?? "", autocomplete: "off", spellcheck: "false", ...attributes }));
}

// A campaign may have an empty name, which an empty field does not mean.
export function campaignField(parameters) {
  if (parameters.campaign !== "") return textField("campaign", "Campaign", parameters);
  return h("p", { class: "chosen" }, "Campaign (untagged) ", h("a", { href: here({ campaign: null, next: null }) }, "any"));
}

// options: {value: shown}
export function choice(name, title, options, parameters) {
  const chosen = parameters[name] ?? "";
  return h("label", {}, title, h("select", { name }, Object.entries(options).map(([value, shown]) =>
    h("option", { value, selected: value === chosen }, shown))));
}
