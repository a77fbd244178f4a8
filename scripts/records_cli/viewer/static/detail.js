// The panel of one record: what it says, its attributes, and its history.

import { button, h, icon, ICONS, show } from "./dom.js";
import { call, recordPath } from "./api.js";
import { parse, stringify } from "./json.js";
import { ago, clipped, exactTime, person, plain, safe } from "./text.js";
import { errorBox, skeleton } from "./states.js";
import { createTimeline } from "./timeline.js";
import { tone } from "./tones.js";
import { tree } from "./value.js";

const TABS = [
  ["record", "Record"],
  ["history", "History"],
];

/** Return the panel. `actions`: close, edit, restore, copyCurl, copy, changed, setView. */
export function createPanel(element, actions) {
  let id = null;
  let shown = null; // {record, etag}, as the API returned it
  let view = "record";
  let controller = null;
  let timeline = null;
  let isRaw = false;

  async function load() {
    const wanted = id;
    controller?.abort();
    controller = new AbortController();
    shown = null;
    timeline = null;
    draw(skeleton(5));
    try {
      const answer = await call("GET", recordPath(wanted), { signal: controller.signal });
      if (wanted !== id) return;
      shown = { record: parse(answer.text), etag: answer.etag };
      draw();
    } catch (error) {
      if (error.name === "AbortError" || wanted !== id) return;
      draw(errorBox(error, load), error.kind === "record-not-found");
    }
  }

  /** Read the record again; show it if it has changed. Throws what `call` throws. */
  async function refresh() {
    if (!id || !shown) return;
    const wanted = id;
    const answer = await call("GET", recordPath(wanted), {
      headers: { "If-None-Match": shown.etag },
    });
    if (wanted !== id || answer.status === 304 || answer.etag === shown?.etag) return;
    set({ record: parse(answer.text), etag: answer.etag });
    actions.changed(shown.record, "elsewhere");
  }

  function set(next) {
    shown = next;
    const body = element.querySelector(".panel-body");
    const place = body?.scrollTop ?? 0;
    draw();
    timeline?.refresh();
    const again = element.querySelector(".panel-body");
    if (again) again.scrollTop = place;
  }

  function draw(replacement = null, hasHistory = true) {
    const record = shown?.record;
    show(
      element,
      h(
        "header",
        { class: "panel-head" },
        h(
          "div",
          { class: "panel-bar" },
          button(
            [icon(ICONS.close), h("span", { class: "visually-hidden" }, "Close the record")],
            actions.close,
            { class: "button quiet square", title: "Close (Esc)" },
          ),
          h("div", { class: "spacer" }),
          record
            ? button("Copy as curl", () => actions.copyCurl(id, view), {
                class: "button quiet",
                title: "Copy the request as a curl command (c)",
              })
            : null,
          record ? button("Edit", () => actions.edit(shown), { title: "Edit (e)" }) : null,
        ),
        record ? heading(record) : h("h2", { class: "title", tabindex: "-1" }, safe(id)),
        hasHistory ? tabs() : null,
      ),
      h(
        "div",
        {
          class: "panel-body",
          role: "tabpanel",
          id: "panel-body",
          "aria-labelledby": `tab-${view}`,
          tabindex: "0",
        },
        view === "history" && hasHistory ? historyView() : (replacement ?? recordView(record)),
      ),
    );
  }

  function heading(record) {
    return [
      h(
        "div",
        { class: "eyebrow" },
        safe(record.type),
        h("span", { class: "status", "data-tone": tone(record.status) }, safe(record.status)),
      ),
      h(
        "h2",
        { class: "title", tabindex: "-1" },
        record.message ? clipped(record.message, 280) : safe(record.type),
      ),
    ];
  }

  function tabs() {
    const choose = (name) => {
      actions.setView(name);
      element.querySelector(`#tab-${name}`)?.focus();
    };
    return h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Parts of the record" },
      TABS.map(([name, label]) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${name}`,
            class: "tab",
            "aria-selected": String(name === view),
            "aria-controls": "panel-body",
            tabindex: name === view ? "0" : "-1",
            onclick: () => choose(name),
            onkeydown: (event) => {
              if (event.key === "ArrowRight" || event.key === "ArrowLeft")
                choose(name === "record" ? "history" : "record");
            },
          },
          label,
        ),
      ),
    );
  }

  function recordView(record) {
    const attributes = record.attributes ?? {};
    const isEmpty = Object.keys(attributes).length === 0;
    const toggle = button(
      isRaw ? "Show as a tree" : "Show as JSON",
      () => {
        isRaw = !isRaw;
        draw();
      },
      { class: "link" },
    );
    return [
      h(
        "section",
        { "aria-label": "Attributes" },
        h(
          "div",
          { class: "section-head" },
          h("h3", {}, "Attributes"),
          isEmpty ? null : toggle,
          isEmpty
            ? null
            : button(
                "Copy",
                () => actions.copy(stringify(attributes, 2), "The attributes were copied"),
                { class: "link" },
              ),
        ),
        isEmpty
          ? h("p", { class: "faint" }, "None")
          : isRaw
            ? h("pre", { class: "json" }, clipped(stringify(attributes, 2), 8000))
            : tree(attributes),
      ),
      h("section", { "aria-label": "Origin" }, h("h3", {}, "Origin"), facts(record)),
    ];
  }

  function facts(record) {
    const row = (name, ...content) => h("div", {}, h("dt", {}, name), h("dd", {}, content));
    const when = (time) => [
      h("time", { datetime: plain(String(time)) }, exactTime(time)),
      h("span", { class: "faint" }, ` ${ago(time)}`),
    ];
    return h(
      "dl",
      { class: "facts" },
      row(
        "Record ID",
        h("code", {}, safe(record.recordID)),
        " ",
        button("Copy", () => actions.copy(record.recordID, "The ID was copied"), {
          class: "link",
        }),
      ),
      row("Created", when(record.createdAt)),
      row(
        "Submitted by",
        h("strong", {}, safe(person(record.submittedBy))),
        full(record.submittedBy),
      ),
      row("Updated", when(record.updatedAt)),
      record.updatedBy
        ? row("Updated by", h("strong", {}, safe(person(record.updatedBy))), full(record.updatedBy))
        : null,
      row("Version", String(record.version)),
    );
  }

  function full(caller) {
    return person(caller) === caller ? null : h("div", { class: "faint small" }, safe(caller));
  }

  function historyView() {
    timeline ??= createTimeline(id, { restore: (entry) => actions.restore(entry, shown) });
    return timeline.element;
  }

  return {
    /** Show a record; null closes the panel. */
    open(nextId, nextView) {
      const isSame = nextId === id;
      const wasView = view;
      id = nextId;
      view = nextView === "history" ? "history" : "record";
      element.hidden = id === null;
      if (id === null) {
        controller?.abort();
        shown = null;
        timeline = null;
        show(element);
      } else if (!isSame) load();
      else if (wasView !== view) draw(...(shown ? [] : [skeleton(3)]));
    },
    refresh,
    /** Show a record as the API has just returned it. */
    set,
    current: () => shown,
    id: () => id,
    focus: () => element.querySelector(".title")?.focus({ preventScroll: true }),
  };
}
