// Builds elements. Text only ever becomes text: there is no way from a string to HTML here.

const SVG = "http://www.w3.org/2000/svg";

/** Return an HTML element. `props` are attributes; `on*` are listeners, false is left out. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Return an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Return an icon: a path in a box of 16 by 16. */
export function icon(path) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

export const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.500l3.200 3L13 4.500",
  warning: "M8 2.500L14.500 13.500H1.500zM8 6.500v3M8 11.400v.2",
};

/** Return a button. */
export function button(label, onclick, props = {}) {
  return h("button", { type: "button", class: "button", ...props, onclick }, label);
}

/** Replace the children of an element. */
export function show(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

export const byId = (id) => document.getElementById(id);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(3).filter((each) => each !== null && each !== undefined && each !== false);
}
