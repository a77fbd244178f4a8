// A record's history: who changed what and when, newest first, and whether the chain is intact.

import { button, h, icon, ICONS, show } from "./dom.js";
import { call, recordPath } from "./api.js";
import { parse, recordDifferences } from "./json.js";
import { ago, count, exactTime, person, plain, safe } from "./text.js";
import { errorBox, skeleton } from "./states.js";
import { differenceList } from "./value.js";

const PAGE = "50";
const VERBS = {
  create: "created by",
  update: "updated by",
  delete: "deleted by",
  restore: "restored by",
  adopt: "found as another program left it",
  redact: "content removed by",
};

/** Return the timeline of a record; `restore(entry)` is called for a version to restore. */
export function createTimeline(id, { restore }) {
  const element = h("div", { class: "history" });
  const chain = h("div", { class: "chain", role: "status" });
  const list = h("ol", { class: "timeline" });
  const foot = h("div", {});
  let entries = []; // newest first
  let next;
  let findings = new Map(); // version -> findings

  async function load() {
    show(element, skeleton(4));
    try {
      const page = await read();
      entries = page.history;
      next = page.next;
      show(element, chain, list, foot);
      draw();
      if (entries.length) await verify();
    } catch (error) {
      show(element, errorBox(withRemedy(error), load));
    }
  }

  async function read(cursor) {
    const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    return parse((await call("GET", recordPath(id, "/history"), { query })).text);
  }

  async function more() {
    show(foot, skeleton(1));
    try {
      const page = await read(next);
      entries = [...entries, ...page.history];
      next = page.next;
      draw();
    } catch (error) {
      show(foot, errorBox(error, more));
    }
  }

  async function verify() {
    show(chain, h("span", { class: "faint" }, "Verifying the chain…"));
    try {
      const outcome = JSON.parse(
        (await call("POST", `/viewer/verify/${encodeURIComponent(id)}`)).text,
      );
      findings = Map.groupBy(outcome.findings, (each) => each.version);
      drawChain(outcome);
      draw();
    } catch (error) {
      show(chain, errorBox(error, verify));
    }
  }

  function drawChain({ intact, entries: number, findings: all }) {
    const unplaced = all.filter((each) => each.version === null);
    show(
      chain,
      h(
        "div",
        { class: intact ? "notice good" : "notice bad" },
        h("div", { class: "notice-icon" }, icon(intact ? ICONS.check : ICONS.warning)),
        h(
          "div",
          {},
          h("p", { class: "notice-title" }, intact ? "Chain intact" : "Chain damaged"),
          h(
            "p",
            {},
            intact
              ? `${count(number, "version")}: none was changed, removed or inserted, and ` +
                  "the record is what the last one says."
              : `${count(all.length, "finding")}, shown at the versions below. Keep the ` +
                  "tables as they are, and follow docs/evidence.md.",
          ),
          unplaced.map((each) => h("p", {}, safe(`${each.kind}: ${each.detail}`))),
          button("Verify again", verify, { class: "link" }),
        ),
      ),
    );
  }

  function draw() {
    if (!entries.length) {
      show(
        list,
        h(
          "li",
          { class: "faint" },
          "No history: the record was last written before the service kept one.",
        ),
      );
      return;
    }
    show(
      list,
      entries.map((entry, index) => item(entry, entries[index + 1], index === 0)),
    );
    show(foot, next ? button("Show older versions", more) : null);
  }

  function item(entry, previous, isNewest) {
    const found = findings.get(entry.version) ?? [];
    return h(
      "li",
      { class: "change", "data-change": entry.change, "data-damaged": found.length > 0 },
      h(
        "div",
        { class: "change-head" },
        h("span", { class: "version" }, `v${entry.version}`),
        h(
          "span",
          {},
          `${VERBS[entry.change] ?? entry.change} `,
          entry.changedBy
            ? h("strong", { title: plain(entry.changedBy) }, safe(person(entry.changedBy)))
            : null,
        ),
        h(
          "time",
          {
            class: "faint",
            datetime: entry.changedAt,
            title: exactTime(entry.changedAt),
          },
          ago(entry.changedAt),
        ),
      ),
      found.map((each) =>
        h("p", { class: "finding" }, icon(ICONS.warning), safe(`${each.kind}: ${each.detail}`)),
      ),
      content(entry, previous),
      h(
        "div",
        { class: "change-foot" },
        h(
          "span",
          { class: "faint small" },
          exactTime(entry.changedAt),
          " · request ",
          h("code", {}, safe(entry.requestId)),
        ),
        entry.record && !isNewest
          ? button("Restore this version", () => restore(entry), { class: "link" })
          : null,
      ),
    );
  }

  function content(entry, previous) {
    if (entry.redacted) return h("p", { class: "faint" }, "Its content was removed by operators.");
    if (entry.omitted) return h("p", { class: "faint" }, "The record is too large for an entry.");
    if (entry.change === "redact") return h("p", {}, safe(entry.reason ?? ""));
    if (!entry.record) return null;
    if (entry.version === 1 || entry.previousHash === null)
      return differenceList(firstContent(entry.record));
    if (!previous) return h("p", { class: "faint" }, "The version before is not loaded.");
    if (!previous.record) return differenceList(firstContent(entry.record));
    return differenceList(recordDifferences(previous.record, entry.record));
  }

  /** Return the fields of a first version, without those that are told elsewhere. */
  function firstContent(record) {
    const told = ["createdAt", "submittedBy"];
    return recordDifferences({ attributes: {} }, record).filter(
      (each) => !told.includes(each.path),
    );
  }

  load();
  return { element, refresh: load };
}

function withRemedy(error) {
  if (error.status === 403)
    error.remedy =
      "The history is for auditors: use credentials with the auditor policy, or a token with " +
      "the audit scope.";
  if (error.status === 404 && error.kind === "gateway")
    error.remedy = "This deployment does not enable the operation history.";
  return error;
}
