// JSON values for people: attributes as a tree, and differences between two versions.

import { h } from "./dom.js";
import { isObject, isRaw, stringify } from "./json.js";
import { clipped, count, safe } from "./text.js";

const OPEN_DEPTH = 2; // deeper objects are folded
const MANY = 100; // members shown at first

/** Return a value as elements. */
export function tree(value, depth = 0) {
  if (Array.isArray(value) && value.length && value.length <= MANY && value.every(isScalar)) {
    return h(
      "ul",
      { class: "scalars" },
      value.map((each) => h("li", {}, scalar(each))),
    );
  }
  if (Array.isArray(value))
    return group(
      value.map((each, index) => [String(index), each]),
      "element",
      depth,
    );
  if (isObject(value))
    return group(
      Object.keys(value).map((name) => [name, value[name]]),
      "attribute",
      depth,
    );
  return scalar(value);
}

function group(entries, noun, depth) {
  if (!entries.length)
    return h("span", { class: "faint" }, noun === "element" ? "empty list" : "empty object");
  const list = h("dl", { class: "tree" });
  const add = (some) => {
    for (const [name, value] of some) {
      list.append(h("div", {}, h("dt", {}, safe(name)), h("dd", {}, tree(value, depth + 1))));
    }
  };
  add(entries.slice(0, MANY));
  const rest = entries.slice(MANY);
  const more = rest.length
    ? h(
        "button",
        {
          type: "button",
          class: "link",
          onclick: (event) => {
            event.target.remove();
            add(rest);
          },
        },
        `Show ${count(rest.length, `more ${noun}`)}`,
      )
    : null;
  if (depth === 0) return h("div", {}, list, more);
  return h(
    "details",
    { class: "fold", open: depth <= OPEN_DEPTH && entries.length <= 20 },
    h("summary", {}, count(entries.length, noun)),
    list,
    more,
  );
}

function isScalar(value) {
  return !Array.isArray(value) && !isObject(value);
}

function scalar(value) {
  if (value === null) return h("span", { class: "json-null" }, "null");
  if (typeof value === "string") {
    return value === "" ? h("span", { class: "faint" }, "empty text") : clipped(value);
  }
  if (typeof value === "boolean") return h("span", { class: "json-boolean" }, String(value));
  return h("span", { class: "json-number" }, isRaw(value) ? value.rawJSON : String(value));
}

/** Return a list of differences as elements. */
export function differenceList(differences) {
  if (!differences.length) return h("p", { class: "faint" }, "The content is the same.");
  const side = (tag, label, value) =>
    value === undefined
      ? null
      : h(tag, { class: "side" }, h("span", { class: "visually-hidden" }, label), inline(value));
  return h(
    "ul",
    { class: "differences" },
    differences.map(({ path, before, after }) =>
      h(
        "li",
        {},
        h("span", { class: "path" }, safe(path)),
        h(
          "div",
          { class: "sides" },
          side("del", "before: ", before),
          side("ins", "after: ", after),
        ),
      ),
    ),
  );
}

/** Return a value on few lines. */
export function inline(value) {
  if (value === undefined) return h("span", { class: "faint" }, "absent");
  return clipped(typeof value === "string" ? value : stringify(value), 300);
}
