// The dialog that restores a version.

import { call, recordPath } from "./api.js";
import { conflictNotice, content } from "./conflict.js";
import { showDialog } from "./dialogs.js";
import { button, h, show } from "./dom.js";
import { parse, recordDifferences } from "./json.js";
import { errorBox } from "./states.js";
import { differenceList } from "./value.js";

/** Open a dialog to restore the version of an entry; `shown` is null for a deleted record. */
export function openRestore(context, entry, shown) {
  const { dialog, done } = context;
  const id = entry.recordID;
  const box = h("div", {});
  const status = h("div", {});
  let current = shown;
  const submit = button("Restore", send, { class: "button primary" });
  const close = () => dialog.close();

  function draw() {
    const changes = recordDifferences(content(current?.record ?? {}), content(entry.record));
    show(
      box,
      h(
        "p",
        {},
        current
          ? `Version ${entry.version} becomes version ${Number(current.record.version) + 1}. ` +
              "This changes:"
          : `The record is deleted. It comes back with the content of version ${entry.version}:`,
      ),
      differenceList(changes),
    );
  }

  async function send() {
    submit.disabled = true;
    const headers = current ? { "If-Match": current.etag } : { "If-None-Match": "*" };
    try {
      const answer = await call("POST", recordPath(id, "/restore"), {
        body: JSON.stringify({ version: Number(entry.version) }),
        headers,
      });
      dialog.close();
      done(
        { record: parse(answer.text), etag: answer.etag },
        `Version ${entry.version} was restored`,
      );
    } catch (error) {
      if (error.status === 412) await conflict();
      else show(status, errorBox(error));
    } finally {
      submit.disabled = false;
    }
  }

  async function conflict() {
    try {
      const answer = await call("GET", recordPath(id));
      current = { record: parse(answer.text), etag: answer.etag };
    } catch (error) {
      if (error.kind !== "record-not-found") {
        show(status, errorBox(error));
        return;
      }
      current = null;
    }
    const text = "Nothing was restored. Look at the changes again.";
    show(status, conflictNotice(current?.record, text));
    submit.textContent = "Restore anyway";
    draw();
  }

  draw();
  show(
    dialog,
    h(
      "div",
      { class: "dialog-form" },
      h("h2", { id: "dialog-title" }, `Restore version ${entry.version}`),
      box,
      status,
      h(
        "footer",
        { class: "dialog-foot" },
        h("div", { class: "spacer" }),
        button("Cancel", close),
        submit,
      ),
    ),
  );
  showDialog(dialog, close);
  submit.focus();
}
