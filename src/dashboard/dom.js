// Elements. A text becomes a text node and never markup, so nothing from outside needs escaping.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// h("a", {href: "?", class: "row", onclick: f}, "text", node, [more])
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

const key = (node) => node.dataset?.key ?? node.id ?? "";

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

function copyAttributes(from, to) {
  for (const { name } of [...to.attributes]) {
    if (!from.hasAttribute(name) && !(name === "open" && to.localName === "details")) to.removeAttribute(name);
  }
  for (const { name, value } of from.attributes) {
    if (to.getAttribute(name) !== value) to.setAttribute(name, value);
  }
  for (const handler of ["onclick", "onchange", "oninput", "onsubmit", "ontoggle"]) {
    if (to[handler] !== from[handler]) to[handler] = from[handler];
  }
  // A field that is being edited keeps its text.
  if ("value" in from && to !== document.activeElement && to.value !== from.value) to.value = from.value;
}

function changed(node) {
  const figure = node.parentElement?.closest("[data-figure]");
  if (!figure) return;
  figure.classList.remove("changed");
  void figure.offsetWidth; // restarts the fade
  figure.classList.add("changed");
}

function change(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data === fresh.data) return;
    old.data = fresh.data;
    changed(old);
    return;
  }
  copyAttributes(fresh, old);
  show(old, ...fresh.childNodes);
}

// Makes the children of element those given. Nodes that are alike stay, so focus, selection and opened
// details survive a refresh.
export function show(element, ...children) {
  const wanted = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
  let old = element.firstChild;
  for (const fresh of wanted) {
    let found = old;
    if (key(fresh)) {
      while (found && !alike(found, fresh)) found = found.nextSibling;
    }
    if (found && alike(found, fresh)) {
      while (old !== found) {
        const next = old.nextSibling;
        old.remove();
        old = next;
      }
      old = found.nextSibling;
      change(found, fresh);
    } else {
      element.insertBefore(fresh, old);
    }
  }
  while (old) {
    const next = old.nextSibling;
    old.remove();
    old = next;
  }
}
