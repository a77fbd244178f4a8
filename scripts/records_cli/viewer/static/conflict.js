// What a person sees when someone else has changed a record first.

import { h } from "./dom.js";
import { ago, person, safe } from "./text.js";
import { inline } from "./value.js";

/** The fields that callers write. */
export const FIELDS = ["type", "status", "message", "attributes"];

/** Return the fields of a record that callers write. */
export function content(record) {
  return Object.fromEntries(
    FIELDS.filter((name) => record[name] !== undefined).map((name) => [name, record[name]]),
  );
}

/** Return a notice with who was faster; `record` is undefined if it was deleted. */
export function conflictNotice(record, text, ...more) {
  const what = record
    ? [
        h("strong", {}, safe(person(record.updatedBy))),
        ` changed this record ${ago(record.updatedAt)}: it is now version ${record.version}. `,
      ]
    : "Someone has deleted this record. ";
  return h(
    "div",
    { class: "notice warn", role: "alert" },
    h(
      "div",
      {},
      h("p", { class: "notice-title" }, "Someone else was faster"),
      h("p", {}, what, text),
      more,
    ),
  );
}

/** Return a table of two lists of differences to the same record. */
export function conflictTable(theirs, own) {
  const paths = [...new Set([...theirs, ...own].map((each) => each.path))];
  const cell = (found) =>
    h("td", {}, found ? inline(found.after) : h("span", { class: "faint" }, "unchanged"));
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Field", "Before", "Theirs", "Yours"].map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h(
      "tbody",
      {},
      paths.map((path) => {
        const [one, other] = [theirs, own].map((list) => list.find((each) => each.path === path));
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, safe(path)),
          h("td", {}, inline((one ?? other).before)),
          cell(one),
          cell(other),
        );
      }),
    ),
  );
}
