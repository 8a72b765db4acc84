// One error code: what it means, who must act, and the steps.

import { h } from "./dom.js";
import { ApiError, get } from "./api.js";
import { codeRow } from "./errors.js";
import { link } from "./state.js";
import { csv, empty, filters, table, textField } from "./table.js";
import * as format from "./format.js";

const SAMPLES = 3; // samples that Twilio's support asks for

export const title = ({ code }) => (code ? `Error ${code}` : "Error codes");
export const follows = () => ({});

const isCode = (code) => /^\d{1,9}$/.test(code ?? "");

// Failures of the last 24 hours; null: no message ever failed with it.
async function lately(code, signal) {
  try {
    return await get(`v1/failures/${Number(code)}/support`, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export async function load({ code }, signal) {
  if (!isCode(code)) return { row: null, recent: null };
  const [row, recent] = await Promise.all([codeRow(Number(code)), lately(code, signal)]);
  return { row, recent };
}

const twilio = (code) => h("a", { href: `https://www.twilio.com/docs/api/errors/${Number(code)}`, rel: "noreferrer",
  target: "_blank" }, "Twilio's page");

function described(row) {
  return [
    h("p", { class: "big" }, row.name),
    h("p", {}, row.action),
    row.cause !== null && [h("h2", {}, "Cause"), h("p", {}, row.cause)],
    row.steps.length > 0 && [h("h2", {}, "Steps"), h("ol", { class: "steps" }, row.steps.map((step) => h("li", {}, step)))],
    h("dl", { class: "pairs" }, h("dt", {}, "Kind"), h("dd", {}, row.kind), h("dt", {}, "Permanence"), h("dd", {}, row.permanence)),
  ];
}

function failures(code, recent) {
  if (recent === null || recent.failed === 0) return h("p", {}, "No message failed with it in the last 24 hours.");
  return [
    h("p", {}, `${format.counted(recent.failed, "message")} failed with it since `, format.exactTime(recent.since), "."),
    table({ caption: "Messages", rows: recent.messages, key: (row) => row.sid, to: (row) => link("message", { sid: row.sid }),
      columns: [{ name: "sid", kind: "text", label: "Message", class: "sid" }, { name: "time", kind: "time" },
        { name: "from", kind: "text" }, { name: "to", kind: "text" }] }),
    h("footer", {}, recent.messages.length >= SAMPLES && h("span", {}, "These are enough for Twilio's support."),
      csv(`v1/failures/${Number(code)}/support`, {})),
  ];
}

export function render({ row, recent }, { code }) {
  const field = filters(textField("code", "Code", { code }, { inputmode: "numeric", pattern: "[0-9]*" }));
  if (!isCode(code)) {
    return [field, empty(code ? "An error code is a number of up to 9 digits, such as 30007." : "Type an error code, such as 30007.",
      h("a", { href: link("question", { path: "/v1/errors" }) }, "All codes"))];
  }
  return [
    field,
    row !== null ? described(row) : empty("dlrd's catalogue does not have this code. Twilio's page may explain it. "
      + "The file of [store] error_codes_site can add it to the catalogue."),
    h("p", { class: "links" }, twilio(code),
      h("a", { href: link("messages", { state: "failed", error_code: Number(code) }) }, "All its messages")),
    h("h2", {}, "Lately"), failures(code, recent),
  ];
}
