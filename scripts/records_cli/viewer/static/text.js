// Shows text that others wrote. What a reader could not see, or what reorders the text around it,
// appears as its code point, so that no record looks like something that it is not.

import { h } from "./dom.js";

// Controls (but tab, line feed and carriage return), bidirectional controls, blanks without width,
// tags, and halves of a surrogate pair. Joiners stay where scripts and emoji need them.
const HIDDEN = new RegExp(
  "[\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F\\u00AD\\u034F\\u061C" +
    "\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F\\u200B\\u200E" +
    "\\u200F\\u2028-\\u202E\\u2060-\\u206F" +
    "\\u3164\\uFEFF\\uFFA0\\uFFF9-\\uFFFB\\uD800-\\uDFFF\\u{E0000}-\\u{E0FFF}]" +
    "|(?<!\\p{Script=Arabic})\\u200C|(?<![\\p{ExtPict}\\p{EMod}\\uFE0F])\\u200D",
  "gu",
);
const NAMES = {
  0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding",
  0x202d: "left-to-right override",
  0x202e: "right-to-left override",
  0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate",
  0x200b: "zero-width space",
  0xfeff: "byte order mark",
  0x0000: "null",
};

function code(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Return text as an element that isolates its direction. */
export function safe(text, className = "") {
  const box = h("bdi", { class: className || null });
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    box.append(text.slice(end, match.index));
    const name = NAMES[match[0].codePointAt(0)] ?? "invisible character";
    box.append(h("span", { class: "hidden-character", title: name }, code(match[0])));
    end = match.index + match[0].length;
  }
  box.append(end === 0 ? text : text.slice(end));
  return box;
}

/** Return text for an attribute such as a title. */
export function plain(text) {
  return text.replace(HIDDEN, (each) => `<${code(each)}>`);
}

/** Return a long text as an element that shows its beginning, and the rest on demand. */
export function clipped(text, limit = 600) {
  if (text.length <= limit * 1.25) return safe(text, "value");
  const box = h("span", { class: "value" }, safe(clip(text, limit)), "… ");
  const more = h(
    "button",
    {
      type: "button",
      class: "link",
      onclick: () => box.replaceChildren(safe(text)),
    },
    `Show all ${text.length.toLocaleString("en-US")} characters`,
  );
  box.append(more);
  return box;
}

/** Return the first characters of a text, without half of a surrogate pair at the end. */
export function clip(text, limit) {
  return text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "");
}

/** Return who a caller is, in short: the end of an ARN, or the subject of a token. */
export function person(caller) {
  if (!caller) return "unknown";
  const arn = /^arn:[^:]*:(?:iam|sts)::\d*:(?:user|assumed-role|federated-user|role)\/(.+)$/.exec(
    caller,
  );
  if (arn) return arn[1];
  const token = /^https?:\/\/[^#]*#(.+)$/.exec(caller);
  return token ? token[1] : caller;
}

const SAME_DAY = new Intl.DateTimeFormat("en-US", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const OTHER_DAY = new Intl.DateTimeFormat("en-US", {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const OTHER_YEAR = new Intl.DateTimeFormat("en-US", {
  year: "numeric",
  month: "short",
  day: "numeric",
});
const EXACT = new Intl.DateTimeFormat("en-US", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** Return a time of the list: short, in local time. */
export function shortTime(timestamp, now = new Date()) {
  const time = new Date(timestamp);
  if (Number.isNaN(time.valueOf())) return plain(String(timestamp));
  if (time.toDateString() === now.toDateString()) return SAME_DAY.format(time);
  return (time.getFullYear() === now.getFullYear() ? OTHER_DAY : OTHER_YEAR).format(time);
}

/** Return a time to the second, in local time. */
export function exactTime(timestamp) {
  const time = new Date(timestamp);
  return Number.isNaN(time.valueOf()) ? plain(String(timestamp)) : EXACT.format(time);
}

const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const RELATIVE = new Intl.RelativeTimeFormat("en-US", { numeric: "auto" });

/** Return how long ago a time is. */
export function ago(timestamp, now = Date.now()) {
  const seconds = (new Date(timestamp) - now) / 1000;
  if (Number.isNaN(seconds)) return "";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}

/** Return a number with separators, and a noun in its number. */
export function count(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
