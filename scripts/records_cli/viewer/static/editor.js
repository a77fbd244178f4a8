// The dialog that creates and edits records.

import { call, recordPath } from "./api.js";
import { conflictNotice, conflictTable, content, FIELDS } from "./conflict.js";
import { showDialog } from "./dialogs.js";
import { button, h, show } from "./dom.js";
import {
  applyPatch,
  differences,
  equal,
  isObject,
  mergePatch,
  parse,
  recordDifferences,
  stringify,
} from "./json.js";
import { errorBox } from "./states.js";

/** Open a dialog for a new record. `done(result)` gets `{record, etag}`. */
export function openCreate(context) {
  // One for the dialog: sending it again creates no second record.
  const key = crypto.randomUUID();
  openForm(context, {
    title: "New record",
    action: "Create",
    original: { type: "", status: "", message: "", attributes: {} },
    request: (wanted) => {
      const body = Object.fromEntries(
        FIELDS.filter((name) => wanted[name] !== undefined).map((name) => [name, wanted[name]]),
      );
      return {
        method: "POST",
        path: "/api/records",
        body: stringify(body),
        headers: { "Idempotency-Key": key },
      };
    },
    finish: "The record was created",
  });
}

/** Open a dialog to edit a record: `shown` is `{record, etag}`. */
export function openEdit(context, shown) {
  const id = shown.record.recordID;
  openForm(context, {
    title: "Edit record",
    action: "Save",
    original: shown.record,
    etag: shown.etag,
    request: (wanted, etag) => {
      const before = content(shown.record);
      const patch = mergePatch(before, wanted);
      if (!patch) throw new Invalid("status", "Nothing has changed.");
      const result = applyPatch(before, patch);
      if (!equal(result, wanted)) {
        const [lost] = differences(result, wanted);
        throw new Invalid(
          "attributes",
          `An update can't store null in ${lost.path}: null removes it. Use another value.`,
        );
      }
      return {
        method: "PATCH",
        path: recordPath(id),
        body: stringify(patch),
        headers: { "If-Match": etag },
      };
    },
    finish: "The change was saved",
  });
}

class Invalid extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

function openForm(context, { title, action, original, etag, request, finish }) {
  const { dialog, suggestions, done, copyCurl } = context;
  const controls = {};
  const errors = {};
  const status = h("div", {});
  let currentTag = etag;
  let isSending = false;
  let closeAnyway = false;

  const field = (name, label, hint) => {
    const control = controls[name];
    const error = h("p", { class: "field-error", id: `error-${name}`, role: "alert" });
    control.id = `field-${name}`;
    control.setAttribute("aria-describedby", `error-${name}`);
    control.addEventListener("input", () => {
      complain(name, "");
      closeAnyway = false;
      warning.textContent = "";
    });
    errors[name] = error;
    return h(
      "div",
      { class: "field" },
      h("label", { for: control.id }, label),
      control,
      hint ? h("p", { class: "hint" }, hint) : null,
      error,
    );
  };
  const choice = (name, values) => {
    const list = h(
      "datalist",
      { id: `known-${name}` },
      values.map((value) => h("option", { value })),
    );
    const input = h("input", {
      type: "text",
      required: true,
      autocomplete: "off",
      list: list.id,
    });
    input.value = original[name];
    return [input, list];
  };
  const [type, types] = choice("type", suggestions("type"));
  const [state, states] = choice("status", suggestions("status"));
  const message = h("textarea", { rows: "3" });
  message.value = original.message ?? "";
  const attributes = h("textarea", { rows: "9", class: "code", spellcheck: "false" });
  attributes.value = Object.keys(original.attributes ?? {}).length
    ? stringify(original.attributes, 2)
    : "{}";
  Object.assign(controls, { type, status: state, message, attributes });
  // Controls change line breaks, so an untouched one stands for what the record has.
  const initial = Object.fromEntries(FIELDS.map((name) => [name, controls[name].value]));
  const isTouched = (name) => controls[name].value !== initial[name];
  const isDirty = () => FIELDS.some(isTouched);

  function complain(name, text) {
    errors[name].textContent = text;
    controls[name].setAttribute("aria-invalid", String(Boolean(text)));
  }

  function wanted() {
    const record = content(original);
    if (isTouched("type")) record.type = type.value;
    if (isTouched("status")) record.status = state.value;
    if (isTouched("message") || !message.value) record.message = message.value || undefined;
    if (record.message === undefined) delete record.message;
    if (!isTouched("attributes")) return record;
    try {
      record.attributes = parse(attributes.value || "{}");
    } catch (error) {
      throw new Invalid("attributes", `This is not JSON: ${error.message}`);
    }
    if (!isObject(record.attributes))
      throw new Invalid("attributes", 'Attributes are a JSON object, such as {"host": "db-07"}.');
    return record;
  }

  function prepared() {
    try {
      return request(wanted(), currentTag);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      complain(error.field, error.message);
      controls[error.field].focus();
      return null;
    }
  }

  async function send(event) {
    event?.preventDefault();
    if (isSending) return;
    for (const name of FIELDS) complain(name, "");
    const ready = prepared();
    if (!ready) return;
    isSending = true;
    submit.disabled = true;
    submit.textContent = "Sending…";
    show(status);
    try {
      const answer = await call(ready.method, ready.path, ready);
      finishWith({ record: parse(answer.text), etag: answer.etag }, finish);
    } catch (error) {
      await fail(error, ready);
    } finally {
      isSending = false;
      submit.disabled = false;
      submit.textContent = action;
    }
  }

  function finishWith(result, text) {
    closeAnyway = true;
    dialog.close();
    done(result, text);
  }

  async function fail(error, ready) {
    if (error.status === 412 && ready.method === "PATCH") {
      await conflict(ready);
      return;
    }
    const unplaced = error.errors?.filter((each) => {
      const name = FIELDS.find(
        (known) => each.pointer === `/${known}` || each.pointer?.startsWith(`/${known}/`),
      );
      if (name)
        complain(
          name,
          [errors[name].textContent, `${each.pointer.slice(name.length + 1)} ${each.detail}`.trim()]
            .filter(Boolean)
            .join("; "),
        );
      return !name;
    });
    show(status, errorBox(Object.assign(error, { errors: unplaced ?? [] })));
    status.scrollIntoView({ block: "nearest" });
  }

  async function conflict(ready) {
    let answer;
    try {
      answer = await call("GET", ready.path);
    } catch (error) {
      show(status, errorBox(error));
      return;
    }
    const current = { record: parse(answer.text), etag: answer.etag };
    const mine = wanted();
    if (equal(content(current.record), mine)) {
      // An earlier attempt got no response.
      finishWith(current, "The record already has this content");
      return;
    }
    const theirs = recordDifferences(content(original), content(current.record));
    const own = recordDifferences(content(original), mine);
    currentTag = current.etag;
    const both = { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Both" };
    const notice = conflictNotice(
      current.record,
      "Nothing of yours was saved.",
      h("div", both, conflictTable(theirs, own)),
      h(
        "div",
        { class: "actions" },
        button("Save my changes on top", () => send(), { class: "button primary" }),
        button("Discard mine", () => finishWith(current, "Your changes were discarded")),
      ),
    );
    show(status, notice);
    status.scrollIntoView({ block: "nearest" });
  }

  const submit = h("button", { class: "button primary" }, action);
  const warning = h("p", { class: "hint", role: "status" });
  const close = () => {
    if (isDirty() && !closeAnyway) {
      closeAnyway = true;
      warning.textContent =
        "Your changes are not saved. Press Esc or Cancel again to discard them.";
    } else dialog.close();
  };
  show(
    dialog,
    h(
      "form",
      { class: "dialog-form", onsubmit: send },
      h("h2", { id: "dialog-title" }, title),
      h("div", { class: "pair" }, field("type", "Type"), field("status", "Status")),
      types,
      states,
      field("message", "Message"),
      field("attributes", "Attributes", "A JSON object. Numbers keep every digit."),
      status,
      h(
        "footer",
        { class: "dialog-foot" },
        button(
          "Copy as curl",
          () => {
            const ready = prepared();
            if (ready) copyCurl(ready);
          },
          { class: "button quiet" },
        ),
        warning,
        h("div", { class: "spacer" }),
        button("Cancel", close),
        submit,
      ),
    ),
  );
  showDialog(dialog, close);
  (original.type ? state : type).focus();
}
