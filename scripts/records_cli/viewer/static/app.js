// The page: connects list, panel, chart, dialogs and keys with the state in the URL.

import { call } from "./api.js";
import { drawChart } from "./chart.js";
import { curl, queryString } from "./curl.js";
import { createPanel } from "./detail.js";
import { copy, openHelp, toast } from "./dialogs.js";
import { byId, show } from "./dom.js";
import { openCreate, openEdit } from "./editor.js";
import { exportCsv } from "./export.js";
import { createFeed } from "./feed.js";
import { closeOnOutside, drawFilters } from "./filters.js";
import { isExact } from "./json.js";
import { listenToKeys } from "./keys.js";
import { createList } from "./list.js";
import { openRestore } from "./restore.js";
import { readState, sameList, withoutFilters, writeState } from "./state.js";
import { emptyBox } from "./states.js";

const NARROW = matchMedia("(max-width: 899px)"); // the panel covers the list

let session = null; // what the server tells of the caller
let state = readState(location.search);

const dialog = byId("dialog");
const list = createList(byId("list-pane"), byId("list-body"), {
  open: openRecord,
  reachEnd: () => feed.readMore(),
});
const panel = createPanel(byId("panel"), {
  close: closeRecord,
  edit: (shown) => openEdit(writing(), shown),
  restore: (entry, shown) => openRestore(writing(), entry, shown),
  copyCurl: copyRecordCurl,
  copy,
  changed: (record) => {
    feed.update(record);
    toast(`Someone changed this record: it is now version ${record.version}`);
  },
  setView: (view) => navigate({ view: view === "record" ? undefined : view }, { replace: true }),
});
const feed = createFeed(list, {
  state: () => state,
  refresh: panel.refresh,
  drawAround,
  clearFilters,
  create,
});

function clearFilters() {
  navigate(withoutFilters(state), { whole: true });
}

function drawAround() {
  drawFilters(byId("filters"), state, {
    seen: feed.seen,
    change: (part) => {
      for (const each of byId("filters").querySelectorAll("details[open]")) each.open = false;
      navigate(part);
    },
    clear: clearFilters,
  });
  const by = state.by === "status" ? "status" : "type";
  for (const each of byId("chart-by").children)
    each.setAttribute("aria-pressed", String(each.value === by));
  const records = feed.records();
  byId("chart-box").hidden = records.length === 0;
  drawChart(byId("chart"), byId("chart-legend"), records, by, {
    filter: (value) => navigate({ [by]: value }),
    period: (from, to) =>
      navigate({
        since: undefined,
        createdAfter: new Date(from - 1).toISOString(),
        createdBefore: new Date(to).toISOString(),
      }),
  });
  byId("export").disabled = records.length === 0;
  feed.drawArrivals();
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
  if (!isSame) feed.load();
  else if (hadBy !== state.by) drawAround();
}

function openRecord(id) {
  navigate({ record: id }, { replace: Boolean(state.record) });
  if (NARROW.matches) panel.focus();
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
    suggestions: (field) =>
      feed
        .seen(field)
        .slice(0, 20)
        .map(([value]) => value),
    copyCurl: ({ method, path, body, headers }) => copyCurl(method, path, { headers, body }),
    done: (result, text) => {
      if (state.record === result.record.recordID) panel.set(result);
      const isListed = feed.update(result.record);
      toast(text);
      if (!state.record && !isListed) openRecord(result.record.recordID);
      feed.poll();
    },
  };
}

function create() {
  openCreate(writing());
}

// --- copy and export ---

function apiUrl(path, parameters) {
  const text = parameters ? queryString(parameters) : "";
  return `${session.url}${path.replace(/^\/api\/records/, "")}${text ? `?${text}` : ""}`;
}

async function copyCurl(method, path, { parameters, ...request } = {}) {
  try {
    if (!session) await readSession();
  } catch (error) {
    return toast(`Nothing was copied. ${error.title}. ${error.remedy}`);
  }
  const command = curl(session, method, apiUrl(path, parameters), request);
  return copy(command, "The curl command was copied");
}

function copyListCurl() {
  const parameters = feed.query();
  parameters.set("limit", "100");
  copyCurl("GET", "/api/records", { parameters });
}

function copyRecordCurl(id, view) {
  const rest = view === "history" ? "/history" : "";
  copyCurl("GET", `/api/records/${encodeURIComponent(id)}${rest}`);
}

async function saveCsv() {
  const last = feed.records().at(-1);
  if (!last) return;
  byId("export").disabled = true;
  await exportCsv(feed.query(), last, feed.signal());
  byId("export").disabled = feed.records().length === 0;
}

// --- keys and buttons ---

function help() {
  openHelp(session?.version);
}

function moveInList(step) {
  const id = list.move(step);
  if (id && state.record && !NARROW.matches) openRecord(id);
}

function start() {
  byId("create").addEventListener("click", create);
  byId("export").addEventListener("click", saveCsv);
  byId("copy-curl").addEventListener("click", copyListCurl);
  byId("help").addEventListener("click", help);
  byId("arrivals").addEventListener("click", feed.showNewest);
  byId("chart-by").addEventListener("click", (event) => {
    if (event.target.value)
      navigate(
        { by: event.target.value === "type" ? undefined : event.target.value },
        { replace: true },
      );
  });
  closeOnOutside(byId("filters"));
  listenToKeys({
    dialog,
    help,
    create,
    next: () => moveInList(1),
    previous: () => moveInList(-1),
    newest: () => {
      feed.showNewest();
      list.move(-Infinity);
    },
    open: () => list.current() && openRecord(list.current()),
    close: () => state.record && closeRecord(),
    edit: () => panel.current() && openEdit(writing(), panel.current()),
    history: () =>
      state.record &&
      navigate({ view: state.view === "history" ? undefined : "history" }, { replace: true }),
    copyCurl: () => (state.record ? copyRecordCurl(state.record, state.view) : copyListCurl()),
    filter: () => byId("filters").querySelector("summary")?.click(),
    exportCsv: saveCsv,
    refresh: feed.poll,
  });
  addEventListener("popstate", () => {
    dialog.close();
    apply(readState(location.search));
  });
  document.addEventListener("visibilitychange", () =>
    document.hidden ? feed.pause() : feed.poll(),
  );
  addEventListener("online", feed.poll);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    drawAround();
  }).observe(byId("chart"));
}

async function readSession() {
  session = JSON.parse((await call("GET", "/viewer/session")).text);
  byId("service").textContent = new URL(session.url).host;
  byId("service").title = session.url;
  document.title = `Records · ${new URL(session.url).host}`;
}

async function main() {
  if (!isExact) {
    show(
      byId("list-state"),
      emptyBox(
        "This browser is too old",
        "It rounds long numbers. Use Chrome 114, Firefox 135, Safari 18.4 or later.",
      ),
    );
    return;
  }
  start();
  document.body.classList.toggle("has-panel", Boolean(state.record));
  panel.open(state.record ?? null, state.view);
  list.select(state.record ?? null);
  readSession().catch(() => {}); // the list shows why; what needs it reads it again
  await feed.load();
}

main();
