// Login with a token, and requests that act: they carry a text that only this page was given.

import { h, show } from "./dom.js";
import { ApiError, get, post } from "./api.js";

export function session() {
  return get("session");
}

// A POST that changes something.
export async function act(path) {
  const { csrf } = await session();
  return post(path, { "X-Dlrd-Csrf": csrf });
}

// The form, in place of a view; again() shows the view.
export function loginForm(again) {
  const line = h("p", { role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    const field = event.target.elements.token, token = field.value.trim();
    try {
      if (!/^[\x21-\x7e]+$/.test(token)) throw new ApiError(401, "no token has such letters");
      await post("session", { Authorization: `Bearer ${token}` });
      field.value = "";
      again();
    } catch (error) {
      show(line, error.status === 401 ? "This is not the token." : error.message);
      field.select();
    }
  };
  return h("form", { class: "login", onsubmit: submit },
    h("label", {}, "Token", h("input", { name: "token", type: "password", autocomplete: "current-password", required: true })),
    h("button", { type: "submit" }, "Log in"), line,
    h("p", { class: "sub" }, "The token is in the file that [api] token_file or reader_token_file of dlrd's configuration names."));
}

// Who is logged in, and the way out.
export async function showAccount(place, again) {
  const { token_needed: needed, role, masked } = await session();
  const leave = async () => {
    await act("session/end").catch((error) => {
      if (error.status !== 401) throw error; // it has ended by itself
    });
    again();
  };
  show(place, needed && role && [role === "reader" ? `Reader${masked ? ", numbers masked" : ""}` : "Operator",
    h("button", { type: "button", onclick: leave }, "Log out")]);
}
