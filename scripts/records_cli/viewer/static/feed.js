// Reads the list, page by page, and follows what arrives.

import { call } from "./api.js";
import { announce } from "./dialogs.js";
import { button, byId, h, show } from "./dom.js";
import { addPage, emptyRows, mergeNewest, updateRow } from "./rows.js";
import { hasFilters, listQuery } from "./state.js";
import { emptyBox, errorBox, skeleton } from "./states.js";
import { count } from "./text.js";

const FIRST_PAGE = 100;
const NEXT_PAGES = 500;
const NEWEST_PAGE = 50; // read at each poll
const POLL = 5000; // milliseconds
const SLOWEST_POLL = 60_000;
const SLOW = 3000; // milliseconds until the page says that it still waits

/**
 * Return the feed of `list`. `state()` returns what the URL says, `refresh()` reads the open record
 * again, `drawAround()` draws what depends on the rows, `clearFilters` and `create` are for empty
 * lists.
 */
export function createFeed(list, { state, refresh, drawAround, clearFilters, create }) {
  let rows = emptyRows();
  let query = listQuery(state()); // of the rows; pages of one list must have the same query
  let controller = new AbortController();
  let isReading = false; // the first or a further page
  let failures = 0; // polls in a row
  let timer = 0;
  let unseen = 0; // records that arrived above the rows in sight

  async function load() {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller;
    clearTimeout(timer);
    rows = emptyRows();
    query = listQuery(state());
    unseen = 0;
    list.clear();
    drawAround();
    show(byId("list-state"), skeleton(12));
    const slow = setTimeout(() => {
      show(
        byId("list-state"),
        h(
          "div",
          { class: "notice", role: "status" },
          h(
            "div",
            {},
            h("p", { class: "notice-title" }, "Still waiting for the API"),
            h("p", {}, "The first request after a pause takes longer. You can also start again."),
            button("Try again", load),
          ),
        ),
      );
    }, SLOW);
    isReading = true;
    try {
      const page = await readPage(FIRST_PAGE, undefined, signal);
      addPage(rows, page);
      failures = 0;
      showRows();
      connection("live");
    } catch (error) {
      if (signal.aborted) return;
      show(byId("list-state"), errorBox(error, load));
      connection(error.kind === "no-session" || error.kind === "stopped" ? "stopped" : "failed");
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) {
        isReading = false;
        schedulePoll();
      }
    }
    if (!signal.aborted && !rows.isComplete && rows.records.length < FIRST_PAGE / 2) readMore();
  }

  async function readPage(limit, cursor, signal) {
    const parameters = new URLSearchParams(query);
    parameters.set("limit", String(limit));
    if (cursor !== undefined) parameters.set("cursor", cursor);
    const { text } = await call("GET", "/api/records", { query: parameters, signal });
    return JSON.parse(text);
  }

  /** Read the next page, if there is one and none is being read. */
  async function readMore() {
    if (isReading || rows.next === undefined) return;
    isReading = true;
    const { signal } = controller;
    show(byId("list-foot"), h("span", { class: "faint", role: "status" }, "Loading more…"));
    try {
      addPage(rows, await readPage(NEXT_PAGES, rows.next, signal));
      isReading = false;
      showRows();
    } catch (error) {
      if (signal.aborted) return;
      isReading = false;
      const { next } = rows;
      rows.next = undefined; // scrolling does not repeat what failed
      show(
        byId("list-foot"),
        errorBox(error, () => {
          rows.next = next;
          readMore();
        }),
      );
    }
  }

  function showRows(options) {
    const isEmpty = rows.records.length === 0;
    show(
      byId("list-state"),
      !isEmpty
        ? null
        : !rows.isComplete
          ? skeleton(3)
          : hasFilters(state())
            ? emptyBox(
                "No records match",
                "Remove a filter, or wait: matching records appear here as they arrive.",
                button("Clear filters", clearFilters),
              )
            : emptyBox(
                "No records yet",
                "Records appear here as they arrive.",
                button("New record", create, { class: "button primary" }),
              ),
    );
    byId("list").hidden = isEmpty;
    list.set(rows.records, options);
    show(
      byId("list-foot"),
      isEmpty
        ? null
        : h(
            "span",
            { class: "faint" },
            rows.isComplete
              ? `${count(rows.records.length, "record")}, all loaded`
              : `${count(rows.records.length, "record")} loaded`,
          ),
    );
    drawAround();
  }

  function schedulePoll() {
    clearTimeout(timer);
    if (document.hidden) return;
    const delay = Math.min(SLOWEST_POLL, POLL * 2 ** Math.min(failures, 5));
    timer = setTimeout(poll, delay);
  }

  async function poll() {
    clearTimeout(timer);
    if (isReading || document.hidden) {
      schedulePoll();
      return;
    }
    const { signal } = controller;
    try {
      const page = await readPage(NEWEST_PAGE, undefined, signal);
      if (signal.aborted) return;
      if (!isReading) merge(page);
      await refresh();
      if (failures && !rows.records.length) return void load();
      failures = 0;
      connection("live");
    } catch (error) {
      if (signal.aborted) return;
      if (error.kind === "no-session") return void connection("stopped", error);
      failures += 1;
      connection("failed", error);
    }
    if (!signal.aborted) schedulePoll();
  }

  function merge(page) {
    const { added, isChanged, hasGap } = mergeNewest(rows, page);
    if (!isChanged) return;
    const wasAtTop = list.isAtTop();
    showRows({ fresh: added, keepPlace: !hasGap });
    if (!added.length) return;
    announce(`${count(added.length, "new record")}`);
    if (!wasAtTop) unseen += added.length;
    drawArrivals();
  }

  function drawArrivals() {
    byId("arrivals").hidden = unseen === 0;
    byId("arrivals").textContent = `${count(unseen, "new record")} above`;
  }

  function showNewest() {
    unseen = 0;
    drawArrivals();
    list.toTop();
  }

  /** Show whether the page follows what arrives: live, failed or stopped. */
  function connection(kind, error) {
    const text = { live: "Live", failed: "Not connected", stopped: "Ended" }[kind];
    byId("connection").dataset.state = kind;
    byId("connection").lastElementChild.textContent = text;
    const banner = byId("banner");
    banner.hidden = kind === "live" || !error;
    if (banner.hidden) return;
    const seconds = Math.round(Math.min(SLOWEST_POLL, POLL * 2 ** Math.min(failures, 5)) / 1000);
    show(
      banner,
      h("strong", {}, error.title),
      h(
        "span",
        {},
        kind === "stopped"
          ? error.remedy
          : `${error.kind === "stopped" ? error.remedy : "What you see may be out of date."} ` +
              `The next attempt is in ${seconds} s.`,
      ),
      kind === "stopped" ? null : button("Try now", poll, { class: "button" }),
    );
  }

  return {
    load,
    poll,
    readMore,
    showNewest,
    drawArrivals,
    pause: () => clearTimeout(timer),
    records: () => rows.records,
    query: () => new URLSearchParams(query),
    signal: () => controller.signal,
    /** Put the current state of a record into its row. Returns whether it has one. */
    update(record) {
      const isListed = updateRow(rows, record);
      if (isListed) list.set(rows.records);
      return isListed;
    },
    /** Return the values of a field in the loaded records, and how often each occurs. */
    seen(field) {
      const totals = new Map();
      for (const record of rows.records)
        totals.set(record[field], (totals.get(record[field]) ?? 0) + 1);
      return [...totals].sort((one, other) => other[1] - one[1]);
    },
  };
}
