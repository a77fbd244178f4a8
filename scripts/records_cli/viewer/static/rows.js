// The records that the list has loaded: newest first, without their attributes, so that 100,000 of
// them fit into a page's memory. A record's panel reads the whole record.

import { clip } from "./text.js";

const MESSAGE = 240; // characters that the list keeps of a message

/** Return an empty store. `next` is the cursor of the next page, if there is one. */
export function emptyRows() {
  return { records: [], ids: new Set(), next: undefined, isComplete: false, texts: new Map() };
}

/** Add the next page. Records that arrived meanwhile at the top are not added twice. */
export function addPage(rows, page) {
  for (const record of page.records) {
    if (rows.ids.has(record.recordID)) continue;
    rows.ids.add(record.recordID);
    rows.records.push(slim(rows, record));
  }
  rows.next = page.next;
  rows.isComplete = page.next === undefined;
}

/**
 * Replace the newest records by a page that was just read. Returns `{added, isChanged, hasGap}`:
 * `added` are the IDs that are new; with a gap, the rest of the list was dropped, because more
 * records have arrived than the page holds.
 */
export function mergeNewest(rows, page) {
  const fresh = page.records.map((record) => slim(rows, record));
  const last = fresh.at(-1);
  const isWhole = page.next === undefined;
  const covered = isWhole
    ? rows.records.length
    : rows.records.findIndex((record) => isOlder(record, last));
  const size = covered === -1 ? rows.records.length : covered;
  const before = rows.records.slice(0, size);
  const hasGap = !isWhole && size === 0 && rows.records.length > 0;
  if (fresh.length === size && fresh.every((each, index) => isSame(each, before[index]))) {
    return { added: [], isChanged: false, hasGap: false };
  }
  const known = new Set(before.map((each) => each.recordID));
  const added = fresh.filter((each) => !known.has(each.recordID)).map((each) => each.recordID);
  if (hasGap || (size === rows.records.length && !isWhole)) {
    Object.assign(rows, { records: fresh, next: page.next, isComplete: false });
  } else {
    rows.records = fresh.concat(isWhole ? [] : rows.records.slice(size));
    if (isWhole) Object.assign(rows, { next: undefined, isComplete: true });
  }
  rows.ids = new Set(rows.records.map((each) => each.recordID));
  return { added, isChanged: true, hasGap };
}

/** Put the current state of a record into its row, if it has one. Returns whether it has. */
export function updateRow(rows, record) {
  if (!rows.ids.has(record.recordID)) return false;
  const index = rows.records.findIndex((each) => each.recordID === record.recordID);
  rows.records[index] = slim(rows, record);
  return true;
}

function isOlder(record, other) {
  return (
    record.createdAt < other.createdAt ||
    (record.createdAt === other.createdAt && record.recordID < other.recordID)
  );
}

function isSame(one, other) {
  return other !== undefined && one.recordID === other.recordID && one.version === other.version;
}

function slim(rows, record) {
  const message = record.message ?? "";
  return {
    recordID: record.recordID,
    createdAt: record.createdAt,
    at: Date.parse(record.createdAt),
    version: record.version,
    type: shared(rows, record.type),
    status: shared(rows, record.status),
    submittedBy: shared(rows, record.submittedBy),
    // A copy: a part of a string keeps the whole string in memory.
    message:
      message.length > MESSAGE ? JSON.parse(JSON.stringify(clip(message, MESSAGE))) : message,
  };
}

function shared(rows, value) {
  const text = String(value ?? "");
  if (!rows.texts.has(text)) rows.texts.set(text, text);
  return rows.texts.get(text);
}
