// All questions of the api; each has a page (question.js), also one that no other view asks.

import { h } from "./dom.js";
import { get } from "./api.js";
import { link } from "./state.js";
import { table } from "./table.js";

export const title = () => "All questions";

export function load(parameters, signal) {
  return get("v1/questions", {}, signal);
}

export function render({ questions }) {
  return table({ caption: "Questions", rows: questions, key: (row) => row.path, to: (row) => link("question", { path: row.path }),
    columns: [{ name: "title", kind: "text", label: "Question" }, { name: "path", kind: "text", show: (row) => h("code", {}, row.path) },
      { name: "command", kind: "text", show: (row) => (row.command === null ? "–" : h("code", {}, `dlrd ${row.command}`)) }] });
}
