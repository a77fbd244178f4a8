// Loaded records over time, by type or status, as stacked bars.

import { h, show, svg } from "./dom.js";
import { count, exactTime, plain, safe } from "./text.js";
import { colors, SERIES } from "./tones.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SIZES = [
  1000,
  5000,
  15_000,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
  365 * DAY,
];
const BARS = 60; // at most
const HEIGHT = 64;

/** Return `{start, size, bars, values}`: what the chart shows; null without records. */
function summarize(records, by) {
  let oldest = Infinity;
  let newest = -Infinity;
  const totals = new Map();
  for (const record of records) {
    if (Number.isNaN(record.at)) continue;
    if (record.at < oldest) oldest = record.at;
    if (record.at > newest) newest = record.at;
    totals.set(record[by], (totals.get(record[by]) ?? 0) + 1);
  }
  if (!totals.size) return null;
  const size =
    SIZES.find((each) => (newest - oldest) / each < BARS) ?? (newest - oldest) / (BARS - 1);
  const start = Math.floor(oldest / size) * size;
  const ranked = [...totals].sort((one, other) => other[1] - one[1]);
  const named = ranked.slice(0, SERIES).map(([value]) => value);
  const positions = new Map(named.map((value, index) => [value, index]));
  const length = Math.floor((newest - start) / size) + 1;
  const bars = Array.from({ length }, () => new Array(SERIES + 1).fill(0));
  for (const record of records) {
    if (Number.isNaN(record.at)) continue;
    bars[Math.floor((record.at - start) / size)][positions.get(record[by]) ?? SERIES] += 1;
  }
  const values = named.map((value, index) => ({ value, total: ranked[index][1] }));
  const rest = ranked.slice(SERIES).reduce((sum, [, total]) => sum + total, 0);
  return { start, size, bars, values, rest, others: ranked.length - named.length };
}

/** Draw the chart into `box`. `filter(value)` and `period(from, to)` are called for clicks. */
export function drawChart(box, legend, records, by, { filter, period }) {
  const summary = summarize(records, by);
  if (!summary) {
    show(box);
    show(legend);
    return;
  }
  const palette = colors(summary.values.map((each) => each.value));
  const series = (index) => (index === SERIES ? "other" : palette.get(summary.values[index].value));
  const width = Math.max(200, box.clientWidth);
  const step = width / summary.bars.length;
  const most = Math.max(...summary.bars.map((bar) => bar.reduce((sum, each) => sum + each, 0)));
  const thickness = Math.min(28, Math.max(1, step - 2));
  const groups = summary.bars.map((bar, position) => {
    const from = summary.start + position * summary.size;
    const total = bar.reduce((sum, each) => sum + each, 0);
    if (!total) return null;
    let y = HEIGHT;
    const parts = bar.map((value, index) => {
      if (!value) return null;
      const tall = Math.max(1, (value / most) * (HEIGHT - 4));
      y -= tall;
      return svg("rect", {
        x: position * step + (step - thickness) / 2,
        y,
        width: thickness,
        height: tall,
        class: `series-${series(index)}`,
      });
    });
    return svg(
      "g",
      { class: "bar", onclick: () => period(from, from + summary.size) },
      svg("title", {}, `${exactTime(from)}: ${count(total, "record")}`),
      svg("rect", { x: position * step, y: 0, width: step, height: HEIGHT, class: "hit" }),
      parts,
    );
  });
  const end = summary.start + summary.bars.length * summary.size;
  const described = summary.values.map((each) => `${plain(each.value)} ${each.total}`).join(", ");
  show(
    box,
    svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${HEIGHT}`,
        width,
        height: HEIGHT,
        role: "img",
        "aria-label":
          `${count(records.length, "loaded record")} from ${exactTime(summary.start)} ` +
          `to ${exactTime(end)}, by ${by}: ${described}`,
      },
      svg("line", { x1: 0, x2: width, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: "axis" }),
      groups,
    ),
    h(
      "div",
      { class: "chart-axis", "aria-hidden": "true" },
      h("span", {}, axisTime(summary.start, end - summary.start)),
      h("span", {}, `${count(records.length, "loaded record")}`),
      h("span", {}, axisTime(end, end - summary.start)),
    ),
  );
  show(
    legend,
    summary.values.map(({ value, total }, index) =>
      h(
        "button",
        {
          type: "button",
          class: "legend-item",
          title: `Show only ${by} ${plain(value)}`,
          onclick: () => filter(value),
        },
        h("span", { class: `swatch series-${series(index)}` }),
        safe(value, "legend-name"),
        h("span", { class: "number" }, total.toLocaleString("en-US")),
      ),
    ),
    summary.rest
      ? h(
          "span",
          { class: "legend-item" },
          h("span", { class: "swatch series-other" }),
          `${summary.others} more`,
          h("span", { class: "number" }, summary.rest.toLocaleString("en-US")),
        )
      : null,
  );
}

function axisTime(time, span) {
  const options =
    span > 2 * DAY
      ? { month: "short", day: "numeric", ...(span > 300 * DAY ? { year: "numeric" } : {}) }
      : {
          month: "short",
          day: "numeric",
          hour: "2-digit",
          minute: "2-digit",
          hourCycle: "h23",
        };
  return new Intl.DateTimeFormat("en-US", options).format(time);
}
