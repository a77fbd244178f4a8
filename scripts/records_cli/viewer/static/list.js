// The list: only the rows in sight are in the document, whatever the number of records.

import { h, show } from "./dom.js";
import { ago, exactTime, person, plain, safe, shortTime } from "./text.js";
import { tone } from "./tones.js";

const MARGIN = 8; // rows kept above and below those in sight
const NEAR_END = 60; // rows before the end at which the next page is read

/**
 * Return the list in `pane`, which scrolls. `open(id)` is called for a chosen record, `reachEnd()`
 * when the next page is needed.
 */
export function createList(pane, body, { open, reachEnd }) {
  const grid = body.parentElement;
  const mounted = new Map(); // ID -> {element, record, index}
  let records = [];
  let arrived = new Set();
  let selected = null; // the ID of the open record
  let current = null; // the ID of the row that Tab reaches
  let frame = 0;

  const height = () => parseFloat(getComputedStyle(body).getPropertyValue("--row-height")) || 44;

  function schedule() {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      render();
    });
  }

  function render() {
    const size = height();
    const head = body.offsetTop - grid.offsetTop;
    const top = Math.max(0, pane.scrollTop - head);
    const first = Math.max(0, Math.floor(top / size) - MARGIN);
    const last = Math.min(records.length, Math.ceil((top + pane.clientHeight) / size) + MARGIN);
    body.style.height = `${records.length * size}px`;
    grid.setAttribute("aria-rowcount", String(records.length + 1));
    const indices = new Set();
    for (let index = first; index < last; index += 1) indices.add(index);
    const kept = current === null ? -1 : indexOf(current);
    if (kept >= 0) indices.add(kept);
    else current = null;
    const wanted = new Set([...indices].map((index) => records[index].recordID));
    for (const [id, row] of mounted) {
      if (wanted.has(id)) continue;
      row.element.remove();
      mounted.delete(id);
    }
    const reachable =
      current ?? records[first + (first > 0 ? MARGIN : 0)]?.recordID ?? records[0]?.recordID;
    for (const index of [...indices].sort((one, other) => one - other)) {
      place(index, size, reachable);
    }
    if (last >= records.length - NEAR_END) reachEnd();
  }

  function place(index, size, reachable) {
    const record = records[index];
    let row = mounted.get(record.recordID);
    if (!row || row.record !== record) {
      const element = build(record);
      if (row) {
        const hadFocus = row.element === document.activeElement;
        row.element.replaceWith(element);
        if (hadFocus) element.focus({ preventScroll: true });
      } else body.append(element);
      row = { element, record };
      mounted.set(record.recordID, row);
    }
    const { element } = row;
    element.style.transform = `translateY(${index * size}px)`;
    element.setAttribute("aria-rowindex", String(index + 2));
    element.setAttribute("aria-selected", String(record.recordID === selected));
    element.tabIndex = record.recordID === reachable ? 0 : -1;
    element.classList.toggle("arrived", arrived.has(record.recordID));
  }

  function build(record) {
    const { recordID } = record;
    const status = h(
      "span",
      { class: "status", "data-tone": tone(record.status) },
      safe(record.status),
    );
    return h(
      "div",
      {
        role: "row",
        class: "row",
        "data-id": recordID,
        onclick: () => {
          current = recordID;
          open(recordID);
        },
        onfocus: () => {
          if (current !== recordID) {
            current = recordID;
            schedule();
          }
        },
      },
      h(
        "div",
        {
          role: "gridcell",
          class: "cell time",
          title: `${exactTime(record.createdAt)} (${ago(record.createdAt)})`,
        },
        h("time", { datetime: plain(String(record.createdAt)) }, shortTime(record.createdAt)),
      ),
      h("div", { role: "gridcell", class: "cell type" }, safe(record.type)),
      h("div", { role: "gridcell", class: "cell" }, status),
      h(
        "div",
        { role: "gridcell", class: "cell message" },
        record.message ? safe(record.message) : h("span", { class: "faint" }, "No message"),
      ),
      h(
        "div",
        { role: "gridcell", class: "cell submitter", title: plain(record.submittedBy) },
        safe(person(record.submittedBy)),
      ),
    );
  }

  function indexOf(id) {
    return records.findIndex((each) => each.recordID === id);
  }

  function scrollTo(index) {
    const size = height();
    const head = body.offsetTop - grid.offsetTop;
    const top = index * size;
    if (top < pane.scrollTop) pane.scrollTop = top;
    else if (top + size + head > pane.scrollTop + pane.clientHeight) {
      pane.scrollTop = top + size + head - pane.clientHeight;
    }
  }

  function focusRow(index) {
    const record = records[index];
    if (!record) return null;
    current = record.recordID;
    scrollTo(index);
    render();
    mounted.get(current)?.element.focus({ preventScroll: true });
    return record.recordID;
  }

  pane.addEventListener("scroll", schedule, { passive: true });
  new ResizeObserver(schedule).observe(pane);

  return {
    /** Show records; the rows in sight stay in place when others arrive above them. */
    set(next, { fresh = [], keepPlace = false } = {}) {
      body.style.height = `${next.length * height()}px`;
      if (keepPlace && pane.scrollTop > 0) pane.scrollTop += fresh.length * height();
      records = next;
      arrived = new Set(fresh);
      render();
    },
    /** Mark the open record. */
    select(id) {
      selected = id;
      schedule();
    },
    /** Move the focus by `step` rows, or to a row; return the ID of the record there. */
    move(step) {
      const index = current === null ? -1 : indexOf(current);
      return focusRow(Math.min(records.length - 1, Math.max(0, index + step)));
    },
    /** Focus the row of a record if it has one, otherwise the first row. */
    focus(id) {
      return focusRow(Math.max(0, indexOf(id)));
    },
    toTop() {
      pane.scrollTop = 0;
      arrived = new Set();
      render();
    },
    isAtTop: () => pane.scrollTop < height(),
    clear() {
      records = [];
      mounted.clear();
      show(body);
      body.style.height = "0";
      pane.scrollTop = 0;
    },
    current: () => current,
  };
}
