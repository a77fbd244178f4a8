// Keyboard shortcuts. Single keys can be turned off (WCAG 2.1.4).

export const SHORTCUTS = [
  ["j ↓", "Next record"],
  ["k ↑", "Previous record"],
  ["g Home", "Newest record"],
  ["Enter", "Open the record"],
  ["Esc", "Close the record, a filter or a dialog"],
  ["h", "History of the open record, and back"],
  ["e", "Edit the open record"],
  ["n", "New record"],
  ["f", "Filter"],
  ["c", "Copy as curl"],
  ["x", "Export the list as CSV"],
  ["r", "Look for new records now"],
  ["?", "This list"],
];
const SETTING = "records-shortcuts";
const KEYS = {
  j: "next",
  k: "previous",
  g: "newest",
  h: "history",
  e: "edit",
  n: "create",
  f: "filter",
  c: "copyCurl",
  x: "exportCsv",
  r: "refresh",
  "?": "help",
};
const ROW_KEYS = {
  ArrowDown: "next",
  ArrowUp: "previous",
  Home: "newest",
  Enter: "open",
  " ": "open",
};

export function shortcutsAreOn() {
  return localStorage.getItem(SETTING) !== "off";
}

export function turnShortcuts(on) {
  if (on) localStorage.removeItem(SETTING);
  else localStorage.setItem(SETTING, "off");
}

/** Call the function in `actions` that a key stands for. Keys typed into a field are text. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      actions.dialog.open
    )
      return;
    const { target, key } = event;
    if (target.closest("input, textarea, select, [contenteditable]")) return;
    const isRow = Boolean(target.closest("[role=row]"));
    const name =
      (isRow && ROW_KEYS[key]) ||
      (key === "Escape" && "close") ||
      (target === document.body && ["ArrowDown", "ArrowUp"].includes(key) && ROW_KEYS[key]) ||
      (shortcutsAreOn() && KEYS[key]);
    if (!name) return;
    event.preventDefault();
    actions[name]();
  });
}
