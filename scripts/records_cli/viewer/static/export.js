// Saves what the list shows as CSV.

import { call } from "./api.js";
import { header, line } from "./csv.js";
import { toast } from "./dialogs.js";
import { h } from "./dom.js";
import { parse, stringify } from "./json.js";
import { count } from "./text.js";

const PAGE = 1000;

/** Read a list once more, with attributes, up to its record `last`, and save it as CSV. */
export async function exportCsv(query, last, signal) {
  const parts = [header()];
  try {
    let cursor;
    let number = 0;
    let isDone = false;
    while (!isDone) {
      const parameters = new URLSearchParams(query);
      parameters.set("limit", String(PAGE));
      if (cursor) parameters.set("cursor", cursor);
      const page = parse((await call("GET", "/api/records", { query: parameters, signal })).text);
      for (const record of page.records) {
        const isBeyond =
          record.createdAt < last.createdAt ||
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
    download(
      new Blob(parts, { type: "text/csv" }),
      `records-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`,
    );
    toast(`Exported ${count(number, "record")}`);
  } catch (error) {
    const reason = signal.aborted
      ? "The list changed meanwhile."
      : `${error.title ?? error.message}. ${error.remedy ?? ""}`;
    toast(`Nothing was exported. ${reason}`);
  }
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
