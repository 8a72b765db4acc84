// The frame of the page: which view the URL names, when it is loaded, keys, and live updates.

import { h, show } from "./dom.js";
import { ApiError, get } from "./api.js";
import { parameters, here, link } from "./state.js";
import { follow, isOld, pause } from "./live.js";
import { time } from "./format.js";
import { loginForm, showAccount } from "./session.js";

// Each view is a file with title(parameters), load(parameters, signal), render(data, parameters, again), and
// perhaps follows(parameters): the filters of the events after which it is loaded again; everyMs: it is loaded
// again after that time, too; leave(): another view is shown. again() loads the view again.
const VIEWS = {
  campaigns: "Campaigns",
  campaign: null,
  messages: "Messages",
  message: null,
  providers: "Providers",
  provider: null,
  optouts: "Opt-outs",
  number: null,
  nearmisses: "Near misses",
  alerts: "Alerts",
  events: "Live",
  health: "Health",
  setup: "Set-up",
  error: null,
  questions: null,
  question: null,
};

let shown = null; // {view, module, parameters, data}
let loading = null; // AbortController of the request in progress
let timer = 0; // of everyMs

const main = document.getElementById("main");

function fileOf(parameters) {
  const view = parameters.view ?? "campaigns";
  return Object.hasOwn(VIEWS, view) ? view : "campaigns";
}

function showNavigation(view) {
  show(document.querySelector("nav"), Object.entries(VIEWS).filter(([, title]) => title).map(([name, title]) =>
    h("a", { href: link(name), "aria-current": name === view && "page" }, title)));
}

function failure(error) {
  const lost = !(error instanceof ApiError);
  return h("div", { class: "error", role: "alert" }, h("p", {}, lost ? `The page has a fault: ${error.message}` : error.message),
    h("button", { type: "button", onclick: () => navigate(CHANGED) }, "Try again"));
}

// What the reader sees in place of a view.
function showInstead(view, error) {
  const locked = error.status === 401;
  show(document.getElementById("account"));
  if (locked) show(document.querySelector("nav"));
  else showNavigation(view);
  document.title = locked ? "Log in · dlrd" : "dlrd";
  show(main, h("h1", { tabindex: "-1" }, locked ? "Log in" : "dlrd"),
    locked ? loginForm(() => navigate(WENT)) : failure(error));
  main.querySelector("input[name=token]")?.focus();
}

// A parameter is wrong: the reader sees why, above what is still shown, and can change it.
function showRefusal(error, parameters) {
  const { module, data } = shown;
  show(main, h("h1", { tabindex: "-1" }, module.title(parameters)), failure(error), module.render(data, parameters, again));
}

const again = () => navigate(AGAIN);

function leave(view) {
  if (shown !== null && shown.view !== view) shown.module.leave?.();
}

// The next load of a view that does not wait for events; a page that is hidden waits.
function repeat(ms) {
  clearTimeout(timer);
  if (ms) timer = setTimeout(() => (document.hidden ? repeat(ms) : again()), ms);
}

function draw(moved) {
  const { module, parameters, data } = shown;
  const title = module.title(parameters);
  document.title = `${title} · dlrd`;
  show(main, h("h1", { tabindex: "-1" }, title), module.render(data, parameters, again));
  if (moved) main.querySelector("h1").focus({ preventScroll: true });
}

// The files of this page are gone if dlrd was replaced by another version meanwhile.
async function reloadOnce(error) {
  if (sessionStorage.getItem("reloaded") === location.href) throw error;
  await get("healthz"); // without an answer, the reader keeps this page and sees why
  sessionStorage.setItem("reloaded", location.href);
  location.reload();
  return new Promise(() => {});
}

const RETRY_MS = 10000;
const WENT = 1, CHANGED = 2, AGAIN = 3; // to another view; a filter of it; nothing, but there may be news

let waiting = false; // news came while a load was in progress

// Loads the view that the URL names. News wait for the load that is in progress, or a slow answer would
// never be shown.
async function navigate(why) {
  if (why === AGAIN && loading !== null) {
    waiting = true;
    return;
  }
  loading?.abort();
  loading = new AbortController();
  waiting = false;
  const { signal } = loading;
  const wanted = parameters(), view = fileOf(wanted);
  const stays = shown?.view === view;
  main.setAttribute("aria-busy", "true");
  try {
    const module = await import(`./${view}.js`).catch(reloadOnce);
    sessionStorage.removeItem("reloaded");
    const data = await module.load(wanted, signal);
    if (signal.aborted) return;
    leave(view);
    shown = { view, module, parameters: wanted, data };
    draw(why === WENT);
    showNavigation(view);
    if (why === WENT) showAccount(document.getElementById("account"), () => navigate(WENT)).catch(() => {});
    follow(module.follows?.(wanted) ?? null, again);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (stays && why === AGAIN && error.status !== 401) {
      pause();
    } else if (stays && why === CHANGED && [400, 404, 409].includes(error.status)) {
      showRefusal(error, wanted);
    } else {
      leave(null);
      shown = null;
      follow(null);
      showInstead(view, error);
    }
  } finally {
    if (!signal.aborted) {
      loading = null;
      main.removeAttribute("aria-busy");
      repeat(shown?.module.everyMs ?? (isOld() ? RETRY_MS : 0));
      if (waiting) again();
    }
  }
}

let typing = 0; // the timer of a filter that is being typed

function go(target, replace = false) {
  clearTimeout(typing);
  history[replace ? "replaceState" : "pushState"](null, "", target);
  if (!replace) scrollTo(0, 0);
  navigate(replace ? CHANGED : WENT);
}

// --- links and forms ---

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const target = anchor.getAttribute("href");
  if (!target?.startsWith("?") || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(target);
});

// An empty field is no filter.
function changesOf(form, button = null) {
  const fields = [...new FormData(form, button)].map(([name, value]) => [name, value === "" ? null : value]);
  return { ...Object.fromEntries(fields), next: null };
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form.filters");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => go(here(changesOf(form)), true), event.target.localName === "select" ? 0 : 250);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.filters")) return;
  event.preventDefault();
  clearTimeout(typing);
  go(here(changesOf(event.target, event.submitter)), true);
});

addEventListener("popstate", () => {
  clearTimeout(typing);
  navigate(WENT);
});

// --- keys ---

function help() {
  const dialog = document.getElementById("help");
  show(dialog, h("h2", { id: "help-title" }, "Keys"), h("dl", {},
    [["/", "to the search"], ["↑ ↓", "from row to row"], ["Enter", "open the row"], ["?", "this help"]].map(([name, does]) =>
      [h("dt", {}, h("kbd", {}, name)), h("dd", {}, does)])),
  h("p", {}, h("a", { href: "?view=questions", onclick: () => dialog.close() }, "All questions")),
  h("form", { method: "dialog" }, h("button", {}, "Close")));
  dialog.showModal();
}

function step(by) {
  const rows = [...main.querySelectorAll("a.row")];
  if (rows.length === 0) return false;
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog") || event.metaKey || event.ctrlKey || event.altKey) return;
  const done = {
    "/": () => { const field = main.querySelector("form.filters input"); field?.focus(); return field; },
    "?": () => { help(); return true; },
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
  }[event.key]?.();
  if (done) event.preventDefault();
});

// "3 min ago" becomes 4.
setInterval(() => {
  if (document.hidden) return;
  for (const shown of document.querySelectorAll("time:not(.exact)")) show(shown, time(shown.dateTime).firstChild);
}, 30000);

navigate(WENT);
