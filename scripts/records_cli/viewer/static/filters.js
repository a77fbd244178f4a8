// The chips above the list: one for each filter, with a small panel to choose its value.

import { h, icon, ICONS, show } from "./dom.js";
import { exactTime, person, plain, safe } from "./text.js";
import { FIELDS, PERIODS } from "./state.js";

const SUGGESTIONS = 8;

/** Draw the chips. `seen(field)` returns values with numbers; `change(part)` applies filters. */
export function drawFilters(box, state, { seen, change, clear }) {
  const open = box.querySelector("details[open]")?.dataset.name;
  if (open) return; // someone is choosing
  const focused = document.activeElement.closest("[data-name]")?.dataset.name;
  const chips = Object.entries(FIELDS).map(([name, label]) =>
    fieldChip(name, label, state, seen, change),
  );
  const isFiltered =
    Object.keys(FIELDS).some((name) => state[name]) ||
    state.since ||
    state.createdAfter ||
    state.createdBefore;
  show(
    box,
    chips,
    timeChip(state, change),
    isFiltered
      ? h("button", { type: "button", class: "link", onclick: clear }, "Clear filters")
      : null,
  );
  if (focused) box.querySelector(`[data-name="${focused}"] summary`)?.focus();
}

/** Close the panels when the user clicks elsewhere or presses Escape. */
export function closeOnOutside(box) {
  document.addEventListener("pointerdown", (event) => {
    for (const each of box.querySelectorAll("details[open]")) {
      if (!each.contains(event.target)) each.open = false;
    }
  });
  box.addEventListener("keydown", (event) => {
    const chip = event.target.closest("details[open]");
    if (event.key !== "Escape" || !chip) return;
    event.stopPropagation();
    chip.open = false;
    chip.querySelector("summary").focus();
  });
}

function chip(name, label, value, title, remove, panel) {
  const details = h(
    "details",
    { class: value ? "chip active" : "chip", "data-name": name, name: "filters" },
    h("summary", { title: title || null }, value ? [`${label}: `, value] : label),
    h("div", { class: "chip-panel" }),
  );
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    show(details.querySelector(".chip-panel"), panel());
    details.querySelector("input")?.focus();
  });
  if (!value) return details;
  const button = h(
    "button",
    {
      type: "button",
      class: "chip-remove",
      "data-name": name,
      "aria-label": `Remove the filter ${label.toLowerCase()}`,
      onclick: remove,
    },
    icon(ICONS.close),
  );
  return h("span", { class: "chip-group" }, details, button);
}

function fieldChip(name, label, state, seen, change) {
  const short = (value) => (name === "submittedBy" ? person(value) : value);
  const value = state[name] && safe(short(state[name]), "chip-value");
  return chip(
    name,
    label,
    value,
    state[name] && plain(state[name]),
    () => change({ [name]: undefined }),
    () => {
      const input = h("input", {
        type: "text",
        name: "value",
        autocomplete: "off",
        spellcheck: "false",
        "aria-label": label,
        placeholder: `Exact ${label.toLowerCase()}`,
      });
      input.value = state[name] ?? "";
      const values = seen(name).slice(0, SUGGESTIONS);
      const apply = (text) => change({ [name]: text || undefined });
      return [
        h(
          "form",
          {
            class: "chip-form",
            onsubmit: (event) => {
              event.preventDefault();
              apply(input.value);
            },
          },
          input,
          h("button", { class: "button primary" }, "Apply"),
        ),
        values.length
          ? h(
              "div",
              { class: "suggestions" },
              h("p", { class: "hint" }, "In the loaded records"),
              values.map(([each, number]) =>
                h(
                  "button",
                  {
                    type: "button",
                    class: "suggestion",
                    title: plain(each),
                    onclick: () => apply(each),
                  },
                  safe(short(each), "suggestion-name"),
                  h("span", { class: "number" }, number.toLocaleString("en-US")),
                ),
              ),
            )
          : null,
      ];
    },
  );
}

function timeChip(state, change) {
  const period = PERIODS.find(([name]) => name === state.since);
  const { createdAfter: after, createdBefore: before } = state;
  const range =
    after && before
      ? `${exactTime(after)} to ${exactTime(before)}`
      : after
        ? `after ${exactTime(after)}`
        : before
          ? `before ${exactTime(before)}`
          : "";
  const text = period ? period[1].toLowerCase() : range;
  const none = { since: undefined, createdAfter: undefined, createdBefore: undefined };
  return chip(
    "time",
    "Time",
    text,
    text,
    () => change(none),
    () => {
      const field = (label, value) => {
        const input = h("input", { type: "datetime-local", step: "1" });
        if (value) input.value = local(value);
        return { input, row: h("label", { class: "field" }, h("span", {}, label), input) };
      };
      const from = field("After", after);
      const to = field("Before", before);
      const error = h("p", { class: "field-error", role: "alert" });
      return [
        h(
          "div",
          { class: "suggestions" },
          PERIODS.map(([name, label]) =>
            h(
              "button",
              {
                type: "button",
                class: "suggestion",
                "aria-pressed": String(name === state.since),
                onclick: () => change({ ...none, since: name }),
              },
              label,
            ),
          ),
        ),
        h(
          "form",
          {
            class: "chip-form column",
            onsubmit: (event) => {
              event.preventDefault();
              const [one, other] = [moment(from.input.value), moment(to.input.value)];
              if (one && other && one >= other) {
                error.textContent = "“After” must be earlier than “Before”.";
                return;
              }
              change({ ...none, createdAfter: one, createdBefore: other });
            },
          },
          from.row,
          to.row,
          error,
          h("button", { class: "button primary" }, "Apply"),
        ),
      ];
    },
  );
}

function moment(value) {
  return value ? new Date(value).toISOString() : undefined;
}

function local(timestamp) {
  const time = new Date(timestamp);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
