// The colors of statuses and of the chart's series. A color never stands without its text.

const TONES = {
  good: "ok done success succeeded passed complete completed approved resolved healthy closed",
  bad: "failed failure error critical rejected down broken denied",
  warn: "warning warn degraded blocked timeout cancelled canceled skipped expired",
  busy: "pending running started scheduled queued open waiting in-progress active",
};
const BY_WORD = new Map(
  Object.entries(TONES).flatMap(([tone, words]) => words.split(" ").map((word) => [word, tone])),
);
const PREFERRED = { good: 1, bad: 4, warn: 2, busy: 0 };
export const SERIES = 5;

/** Return the tone of a status: good, bad, warn, busy or plain. */
export function tone(status) {
  return BY_WORD.get(status.toLowerCase().replaceAll(/[ _]/g, "-")) ?? "plain";
}

/** Return the number of the color for each value, by rank; statuses with a tone get its color. */
export function colors(values) {
  const taken = new Map();
  const free = new Set([0, 1, 2, 3, 4]);
  for (const value of values) {
    const preferred = PREFERRED[tone(value)];
    if (free.delete(preferred)) taken.set(value, preferred);
  }
  for (const value of values) {
    if (taken.has(value)) continue;
    const [next] = free;
    free.delete(next);
    taken.set(value, next);
  }
  return taken;
}
