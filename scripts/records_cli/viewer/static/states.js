// What stands in for content: loading, nothing there, and errors.

import { button, h, icon, ICONS } from "./dom.js";
import { safe } from "./text.js";

/** Return gray lines in place of content that is being read. */
export function skeleton(lines) {
  return h(
    "div",
    { class: "skeleton", role: "status" },
    h("span", { class: "visually-hidden" }, "Loading"),
    Array.from({ length: lines }, () => h("div", { class: "skeleton-line" })),
  );
}

/** Return an error with its remedy; `retry` adds a button. */
export function errorBox(problem, retry) {
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("div", { class: "notice-icon" }, icon(ICONS.warning)),
    h(
      "div",
      {},
      h("p", { class: "notice-title" }, problem.title ?? "Something failed in this page"),
      problem.detail
        ? h("p", {}, safe(problem.detail))
        : problem.title
          ? null
          : h("p", {}, safe(String(problem.message))),
      problem.remedy ? h("p", {}, problem.remedy) : null,
      problem.errors?.length
        ? h(
            "ul",
            {},
            problem.errors
              .slice(0, 10)
              .map((each) =>
                h(
                  "li",
                  {},
                  safe(`${each.pointer ?? each.parameter ?? each.header ?? ""} ${each.detail}`),
                ),
              ),
          )
        : null,
      problem.requestId
        ? h("p", { class: "faint small" }, "Request ", h("code", {}, safe(problem.requestId)))
        : null,
      retry ? button("Try again", retry) : null,
    ),
  );
}

/** Return what to do when a list is empty. */
export function emptyBox(title, text, ...actions) {
  return h(
    "div",
    { class: "empty", role: "status" },
    h("p", { class: "empty-title" }, title),
    h("p", {}, text),
    h("div", { class: "actions" }, actions),
  );
}
