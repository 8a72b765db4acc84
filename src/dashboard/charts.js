// Charts as SVG: they can be selected, printed, coloured by style.css and read aloud.

import { h, svg } from "./dom.js";
import { interval, number, percent } from "./format.js";

const PARTS = ["delivered", "pending", "failed"];

function sumOf(figures) {
  return PARTS.reduce((sum, part) => sum + (figures[part] ?? 0), 0);
}

function words(figures) {
  const sum = sumOf(figures);
  if (sum === 0) return "nothing sent";
  return PARTS.map((part) => `${part} ${number(figures[part])} (${percent(figures[part] / sum)})`).join(", ");
}

// One line: delivered, pending and failed as parts of what was sent.
export function bar(figures) {
  const sum = sumOf(figures);
  let x = 0;
  const parts = PARTS.filter((part) => figures[part] > 0).map((part) => {
    const width = figures[part] / sum * 100;
    const rect = svg("rect", { class: part, x: `${x}%`, width: `${width}%`, height: "100%" },
      svg("title", {}, `${part}: ${number(figures[part])}, ${percent(figures[part] / sum)}`));
    x += width;
    return rect;
  });
  return svg("svg", { class: "bar", role: "img", "aria-label": words(figures) }, parts);
}

// The labels of a bar, below it.
export function legend(figures) {
  const sum = sumOf(figures);
  return h("ul", { class: "legend" }, PARTS.map((part) => h("li", { class: part },
    svg("svg", { class: "swatch", "aria-hidden": "true" }, svg("rect", { class: part, width: "100%", height: "100%" })),
    sum > 0 ? `${part} ${percent(figures[part] / sum)}` : part)));
}

// The rate with its interval, its bar and the labels.
export function rate(figures) {
  return h("div", { class: "rate" }, h("p", { class: "big", "data-figure": true }, interval(figures.delivery_rate_low, figures.delivery_rate_high),
    h("span", { class: "sub" }, " delivered")), bar(figures), legend(figures));
}

export function tile(name, value, more) {
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", { "data-figure": true }, value), more && h("dd", { class: "sub" }, more));
}

const OUTCOMES = { delivered: "delivered", read: "delivered", failed: "failed", undelivered: "failed", sent: "pending", pending: "pending",
  queued: "pending", sending: "pending", accepted: "pending", scheduled: "pending", waiting: "pending" };

// A state's word, with the pattern of what it means.
export function state(word) {
  const part = Object.hasOwn(OUTCOMES, word ?? "") && OUTCOMES[word];
  return h("span", { class: "state" }, part && svg("svg", { class: "swatch", "aria-hidden": "true" },
    svg("rect", { class: part, width: "100%", height: "100%" })), h("bdi", {}, word));
}

// The messages of each of the last hours, the current one last.
export function spark(numbers) {
  const most = Math.max(...numbers, 1);
  const total = numbers.reduce((sum, value) => sum + value, 0);
  const said = total === 0 ? "no messages in the last 24 hours"
    : `${number(total)} messages in the last 24 hours, at most ${number(most)} in one`;
  return svg("svg", { class: "spark", viewBox: `0 0 ${numbers.length * 4} 20`, role: "img", "aria-label": said },
    svg("title", {}, said),
    svg("line", { x1: 0, x2: numbers.length * 4, y1: 19.5, y2: 19.5 }),
    numbers.map((value, i) => value > 0 && svg("rect", {
      x: i * 4, width: 3, y: 19 - Math.max(1, value / most * 18), height: Math.max(1, value / most * 18) })));
}

// Bars by hour or day, each in its three parts, with the most on the left and times below.
export function timeline(points, nameOf) {
  const most = Math.max(...points.map(sumOf), 1);
  const step = 100 / Math.max(points.length, 1);
  const bars = points.map((point, i) => {
    let y = 100;
    return svg("g", {}, svg("title", {}, `${nameOf(point)}: ${words(point)}`),
      svg("rect", { class: "ground", x: `${i * step}%`, width: `${step}%`, height: "100%" }),
      PARTS.filter((part) => point[part] > 0).map((part) => {
        const height = point[part] / most * 100;
        y -= height;
        return svg("rect", { class: part, x: `${i * step + step * 0.05}%`, width: `${step * 0.9}%`, y: `${y}%`, height: `${height}%` });
      }));
  });
  return h("figure", { class: "timeline" },
    h("span", { class: "most" }, number(most)),
    svg("svg", { role: "img", "aria-label": `${points.length} bars from ${nameOf(points[0])} to ${nameOf(points.at(-1))}; the same in the table below` }, bars),
    h("figcaption", {}, h("span", {}, nameOf(points[0])), h("span", {}, nameOf(points.at(-1)))));
}
