// Dialogs and messages that every part of the page uses.

import { button, byId, h, show } from "./dom.js";
import { SHORTCUTS, shortcutsAreOn, turnShortcuts } from "./keys.js";

/** Show a dialog; `close` is called when the user presses Escape. */
export function showDialog(dialog, close) {
  dialog.oncancel = (event) => {
    event.preventDefault();
    close();
  };
  if (!dialog.open) dialog.showModal();
}

let toastTimer = 0;

/** Show a short message for some seconds. */
export function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), 5000);
}

/** Tell screen readers what the page shows without a message. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Copy a text and say so with the message `done`; show the text if the browser refuses. */
export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    const dialog = byId("dialog");
    show(
      dialog,
      h(
        "div",
        { class: "dialog-form" },
        h("h2", { id: "dialog-title" }, "Copy this"),
        h("pre", { class: "json", tabindex: "0" }, text),
        h(
          "footer",
          { class: "dialog-foot" },
          button("Close", () => dialog.close()),
        ),
      ),
    );
    showDialog(dialog, () => dialog.close());
  }
}

/** Show the keyboard shortcuts; `version` is that of the command. */
export function openHelp(version) {
  const dialog = byId("dialog");
  const check = h("input", {
    type: "checkbox",
    id: "shortcuts-on",
    onchange: () => turnShortcuts(check.checked),
  });
  check.checked = shortcutsAreOn();
  show(
    dialog,
    h(
      "div",
      { class: "dialog-form" },
      h("h2", { id: "dialog-title" }, "Keyboard"),
      h(
        "dl",
        { class: "keys" },
        SHORTCUTS.map(([keys, text]) =>
          h(
            "div",
            {},
            h(
              "dt",
              {},
              keys.split(" ").map((key) => h("kbd", {}, key)),
            ),
            h("dd", {}, text),
          ),
        ),
      ),
      h("label", { class: "check" }, check, "Use single keys as shortcuts"),
      h(
        "footer",
        { class: "dialog-foot" },
        h("span", { class: "faint small" }, `records ${version ?? ""}`),
        h("div", { class: "spacer" }),
        button("Close", () => dialog.close(), { class: "button primary" }),
      ),
    ),
  );
  showDialog(dialog, () => dialog.close());
}
