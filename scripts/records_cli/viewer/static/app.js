// The page: reads the list, follows what arrives, and connects list, panel, chart and dialogs.

import { call } from "./api.js";
import { drawChart } from "./chart.js";
import { curl, queryString } from "./curl.js";
import { header, line } from "./csv.js";
import { createPanel } from "./detail.js";
import { button, byId, h, show } from "./dom.js";
import { openCreate, openEdit, openRestore, showDialog } from "./editor.js";
import { closeOnOutside, drawFilters } from "./filters.js";
import { isExact, parse, stringify } from "./json.js";
import { listenToKeys, SHORTCUTS, shortcutsAreOn, turnShortcuts } from "./keys.js";
import { createList } from "./list.js";
import { addPage, emptyRows, mergeNewest, updateRow } from "./rows.js";
import { hasFilters, listQuery, readState, sameList, withoutFilters, writeState } from "./state.js";
import { emptyBox, errorBox, skeleton } from "./states.js";
import { count } from "./text.js";

const FIRST_PAGE = 100;
const NEXT_PAGES = 500;
const NEWEST_PAGE = 50; // read at each poll
const EXPORT_PAGE = 1000;
const POLL = 5000; // milliseconds
const SLOWEST_POLL = 60_000;
const SLOW = 3000; // milliseconds until the page says that it still waits

let session = null;
let state = readState(location.search);
let rows = emptyRows();
let query = listQuery(state); // of the rows; pages of one list must have the same query
let controller = new AbortController();
let isReading = false; // the first or a further page
let failures = 0; // polls in a row
let timer = 0;
let unseen = 0; // records that arrived above the rows in sight

const dialog = byId("dialog");
const list = createList(byId("list-pane"), byId("list-body"), { open: openRecord, reachEnd: readMore });
const panel = createPanel(byId("panel"), {
  close: closeRecord,
  edit: (shown) => openEdit(writing(), shown),
  restore: (entry, shown) => openRestore(writing(), entry, shown),
  copyCurl: copyRecordCurl,
  copy,
  changed: recordChanged,
  setView: (view) => navigate({ view: view === "record" ? undefined : view }, { replace: true }),
});

// --- reading the list ---

async function load() {
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  clearTimeout(timer);
  rows = emptyRows();
  query = listQuery(state);
  unseen = 0;
  list.clear();
  drawAround();
  show(byId("list-state"), skeleton(12));
  const slow = setTimeout(() => {
    show(byId("list-state"), h("div", { class: "notice", role: "status" }, h("div", {},
      h("p", { class: "notice-title" }, "Still waiting for the API"),
      h("p", {}, "The first request after a pause takes longer. You can also start again."), button("Try again", load))));
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
    show(byId("list-foot"), errorBox(error, () => {
      rows.next = next;
      readMore();
    }));
  }
}

function showRows(options) {
  const isEmpty = rows.records.length === 0;
  show(byId("list-state"), !isEmpty ? null : !rows.isComplete ? skeleton(3) : hasFilters(state)
    ? emptyBox("No records match", "Remove a filter, or wait: matching records appear here as they arrive.", button("Clear filters", () => navigate(withoutFilters(state), { whole: true })))
    : emptyBox("No records yet", "Records appear here as they arrive.", button("New record", create, { class: "button primary" })));
  byId("list").hidden = isEmpty;
  list.set(rows.records, options);
  show(byId("list-foot"), isEmpty ? null : h("span", { class: "faint" },
    rows.isComplete ? `${count(rows.records.length, "record")}, all loaded` : `${count(rows.records.length, "record")} loaded`));
  drawAround();
}

// --- live arrival ---

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
    await panel.refresh();
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
  show(banner, h("strong", {}, error.title), h("span", {}, kind === "stopped" ? error.remedy
    : `${error.kind === "stopped" ? error.remedy : "What you see may be out of date."} The next attempt is in ${seconds} s.`),
  kind === "stopped" ? null : button("Try now", poll, { class: "button" }));
}

// --- chips, chart, and the state in the URL ---

function seen(field) {
  const totals = new Map();
  for (const record of rows.records) totals.set(record[field], (totals.get(record[field]) ?? 0) + 1);
  return [...totals].sort((one, other) => other[1] - one[1]);
}

function drawAround() {
  drawFilters(byId("filters"), state, {
    seen,
    change: (part) => {
      for (const each of byId("filters").querySelectorAll("details[open]")) each.open = false;
      navigate(part);
    },
    clear: () => navigate(withoutFilters(state), { whole: true }),
  });
  const by = state.by === "status" ? "status" : "type";
  for (const each of byId("chart-by").children) each.setAttribute("aria-pressed", String(each.value === by));
  byId("chart-box").hidden = rows.records.length === 0;
  drawChart(byId("chart"), byId("chart-legend"), rows.records, by, {
    filter: (value) => navigate({ [by]: value }),
    period: (from, to) => navigate({ since: undefined, createdAfter: new Date(from - 1).toISOString(), createdBefore: new Date(to).toISOString() }),
  });
  byId("export").disabled = rows.records.length === 0;
  drawArrivals();
}

/** Change a part of the state, or with `whole` all of it, and show the result. */
function navigate(part, { replace = false, whole = false } = {}) {
  const next = whole ? part : { ...state, ...part };
  history[replace ? "replaceState" : "pushState"](null, "", writeState(next));
  apply(readState(writeState(next)));
}

function apply(next) {
  const isSame = sameList(state, next);
  const hadBy = state.by;
  state = next;
  document.body.classList.toggle("has-panel", Boolean(state.record));
  panel.open(state.record ?? null, state.view);
  list.select(state.record ?? null);
  if (!isSame) load();
  else if (hadBy !== state.by) drawAround();
}

function openRecord(id) {
  navigate({ record: id }, { replace: Boolean(state.record) });
  if (matchMedia("(max-width: 899px)").matches) panel.focus();
}

function closeRecord() {
  const { record } = state;
  navigate({ record: undefined, view: undefined });
  list.focus(record);
}

// --- writing ---

function writing() {
  return {
    dialog,
    suggestions: (field) => seen(field).slice(0, 20).map(([value]) => value),
    copyCurl: ({ method, path, body, headers }) => copy(curl(session, method, apiUrl(path), { headers, body }), "The curl command was copied"),
    done: (result, text) => {
      if (state.record === result.record.recordID) panel.set(result);
      recordChanged(result.record);
      toast(text);
      if (!state.record && !updateRow(rows, result.record)) openRecord(result.record.recordID);
      poll();
    },
  };
}

function create() {
  openCreate(writing());
}

function recordChanged(record, where) {
  if (updateRow(rows, record)) list.set(rows.records);
  if (where === "elsewhere") toast(`Someone changed this record: it is now version ${record.version}`);
}

// --- copy and export ---

function apiUrl(path, parameters) {
  const text = parameters ? queryString(parameters) : "";
  return `${session.url}${path.replace(/^\/api\/records/, "")}${text ? `?${text}` : ""}`;
}

function copyListCurl() {
  const parameters = new URLSearchParams(query);
  parameters.set("limit", String(FIRST_PAGE));
  copy(curl(session, "GET", apiUrl("/api/records", parameters)), "The curl command was copied");
}

function copyRecordCurl(id, view) {
  const rest = view === "history" ? "/history" : "";
  copy(curl(session, "GET", apiUrl(`/api/records/${encodeURIComponent(id)}${rest}`)), "The curl command was copied");
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    show(dialog, h("div", { class: "dialog-form" }, h("h2", { id: "dialog-title" }, "Copy this"),
      h("pre", { class: "json", tabindex: "0" }, text), h("footer", { class: "dialog-foot" }, button("Close", () => dialog.close()))));
    showDialog(dialog, () => dialog.close());
  }
}

/** Read what the list shows once more, with attributes, and save it as CSV. */
async function exportCsv() {
  const last = rows.records.at(-1);
  if (!last) return;
  const { signal } = controller;
  const parts = [header()];
  byId("export").disabled = true;
  try {
    let cursor;
    let number = 0;
    let isDone = false;
    while (!isDone) {
      const parameters = new URLSearchParams(query);
      parameters.set("limit", String(EXPORT_PAGE));
      if (cursor) parameters.set("cursor", cursor);
      const page = parse((await call("GET", "/api/records", { query: parameters, signal })).text);
      for (const record of page.records) {
        const isBeyond = record.createdAt < last.createdAt ||
          (record.createdAt === last.createdAt && record.recordID < last.recordID);
        if (isBeyond) isDone = true;
        else {
          parts.push(line(record, stringify));
          number += 1;
        }
      }
      cursor = page.next;
      isDone ||= cursor === undefined;
      if (!isDone) toast(`Exporting: ${count(number, "record")}`);
    }
    download(new Blob(parts, { type: "text/csv" }), `records-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`);
    toast(`Exported ${count(number, "record")}`);
  } catch (error) {
    if (!signal.aborted) toast(`Nothing was exported. ${error.title}. ${error.remedy}`);
  } finally {
    byId("export").disabled = rows.records.length === 0;
  }
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// --- messages, help and keys ---

let toastTimer = 0;

function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), 5000);
}

function announce(text) {
  byId("announcer").textContent = text;
}

function help() {
  const check = h("input", { type: "checkbox", id: "shortcuts-on", onchange: () => turnShortcuts(check.checked) });
  check.checked = shortcutsAreOn();
  show(dialog, h("div", { class: "dialog-form" }, h("h2", { id: "dialog-title" }, "Keyboard"),
    h("dl", { class: "keys" }, SHORTCUTS.map(([keys, text]) =>
      h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, text)))),
    h("label", { class: "check" }, check, "Use single keys as shortcuts"),
    h("footer", { class: "dialog-foot" }, h("span", { class: "faint small" }, `records ${session?.version ?? ""}`),
      h("div", { class: "spacer" }), button("Close", () => dialog.close(), { class: "button primary" }))));
  showDialog(dialog, () => dialog.close());
}

function moveInList(step) {
  const id = list.move(step);
  if (id && state.record && !matchMedia("(max-width: 899px)").matches) openRecord(id);
}

function start() {
  byId("create").addEventListener("click", create);
  byId("export").addEventListener("click", exportCsv);
  byId("copy-curl").addEventListener("click", copyListCurl);
  byId("help").addEventListener("click", help);
  byId("arrivals").addEventListener("click", showNewest);
  byId("chart-by").addEventListener("click", (event) => {
    if (event.target.value) navigate({ by: event.target.value === "type" ? undefined : event.target.value }, { replace: true });
  });
  closeOnOutside(byId("filters"));
  listenToKeys({
    dialog,
    help,
    create,
    next: () => moveInList(1),
    previous: () => moveInList(-1),
    newest: () => {
      showNewest();
      list.move(-Infinity);
    },
    open: () => list.current() && openRecord(list.current()),
    close: () => state.record && closeRecord(),
    edit: () => panel.current() && openEdit(writing(), panel.current()),
    history: () => state.record && navigate({ view: state.view === "history" ? undefined : "history" }, { replace: true }),
    copyCurl: () => (state.record ? copyRecordCurl(state.record, state.view) : copyListCurl()),
    filter: () => byId("filters").querySelector("summary")?.click(),
    exportCsv,
    refresh: poll,
  });
  addEventListener("popstate", () => {
    dialog.close();
    apply(readState(location.search));
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
  addEventListener("online", poll);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    drawAround();
  }).observe(byId("chart"));
}

async function main() {
  if (!isExact) {
    show(byId("list-state"), emptyBox("This browser is too old", "It rounds long numbers. Use Chrome 114, Firefox 135, Safari 18.4 or later."));
    return;
  }
  start();
  document.body.classList.toggle("has-panel", Boolean(state.record));
  panel.open(state.record ?? null, state.view);
  list.select(state.record ?? null);
  call("GET", "/viewer/session").then(({ text }) => {
    session = JSON.parse(text);
    byId("service").textContent = new URL(session.url).host;
    byId("service").title = session.url;
    document.title = `Records · ${new URL(session.url).host}`;
  }, () => {});
  await load();
}

main();
