// One time chart: uPlot in this page's colours, with threshold, alert spans, a tooltip in local time and UTC, and its numbers as a table.

import { Twin } from "./twin.js";

const PAPER = { ink: "#333", line: "#bbb", trace: "#222", soft: "#888888", alarm: "#b00d1c", wash: "#f6dcdd", threshold: "#333" };
const PAPER_WIDTH = 660; // px of an A4 page between its margins
const charts = new Set();
let isPaper = false;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A number with as many digits as a gauge would show. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4);
}

function colours() {
  if (isPaper) return PAPER;
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ink: of("ink-soft"), line: of("line"), trace: of("trace"), soft: of("trace-soft"), alarm: of("alarm"), wash: of("alarm-wash"), threshold: of("ink-soft") };
}

/** Clock times; the day below where it changes, if it does. */
function timeLabels(u, splits, axis, space, step) {
  const format = step < 60 ? clock : minutes;
  const days = splits.map((s) => day.format(new Date(s * 1000)));
  const isLong = days[0] !== days.at(-1);
  return splits.map((s, i) => format.format(new Date(s * 1000)) + (isLong && days[i] !== days[i - 1] ? `\n${days[i]}` : ""));
}

function axes(palette) {
  const font = "12px system-ui, sans-serif";
  const common = { stroke: palette.ink, font, grid: { stroke: palette.line, width: 1 }, ticks: { show: false } };
  return [
    { ...common, space: 72, size: (u, labels) => (labels?.some((l) => l.includes("\n")) ? 40 : 26), values: timeLabels },
    { ...common, size: 50, space: 24, values: (u, splits) => splits.map((v) => number(v)) },
  ];
}

/** Marks at moments, with a word: [{at, label}]. */
function flags(marks, palette) {
  return {
    hooks: {
      draw: (u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.strokeStyle = palette.ink;
        ctx.fillStyle = palette.ink;
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = "left";
        ctx.textBaseline = "alphabetic";
        ctx.setLineDash([]);
        let free = -Infinity;
        for (const { at, label } of marks()) {
          const x = u.valToPos(at, "x", true);
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          const room = ctx.measureText(label).width + 6 * devicePixelRatio;
          const isLast = x + room > bbox.left + bbox.width;
          const left = isLast ? x - room : x;
          if (left < free) continue; // words that would lie on one another stand in the table only
          ctx.fillText(label, left + 3 * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
          free = left + room;
        }
        ctx.restore();
      },
    },
  };
}

function tooltip(unit, labels) {
  let tip;
  return {
    hooks: {
      init: (u) => {
        tip = document.createElement("div");
        tip.className = "tip";
        tip.hidden = true;
        u.over.append(tip);
        u.over.addEventListener("mouseleave", () => { tip.hidden = true; });
      },
      setCursor: (u) => {
        const { idx, left } = u.cursor;
        tip.hidden = idx === null || idx === undefined || left < 0;
        if (tip.hidden) return;
        const time = new Date(u.data[0][idx] * 1000);
        const lines = labels.map(([label, index]) => `${label} ${number(u.data[index][idx])} ${unit}`.trim());
        tip.replaceChildren();
        for (const text of [`${clock.format(time)} local`, `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`, ...lines]) {
          const row = document.createElement("div");
          row.textContent = text;
          tip.append(row);
        }
        const isRight = left > u.over.clientWidth / 2;
        tip.style.left = isRight ? "auto" : `${left + 12}px`;
        tip.style.right = isRight ? `${u.over.clientWidth - left + 12}px` : "auto";
        tip.style.top = "4px";
      },
    },
  };
}

function shading(spans, threshold, palette) {
  return {
    hooks: {
      drawClear: (u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.fillStyle = palette.wash;
        for (const span of spans()) {
          const from = Math.max(u.valToPos(span.from, "x", true), bbox.left);
          const to = Math.min(u.valToPos(span.to ?? u.scales.x.max, "x", true), bbox.left + bbox.width);
          if (to <= from) continue;
          ctx.fillRect(from, bbox.top, to - from, bbox.height);
          ctx.fillStyle = palette.alarm;
          ctx.fillRect(from, bbox.top, 2 * devicePixelRatio, bbox.height);
          ctx.fillStyle = palette.wash;
        }
        ctx.restore();
      },
      draw: (u) => {
        if (threshold === undefined) return;
        const { ctx, bbox } = u;
        const y = Math.round(u.valToPos(threshold, "y", true));
        ctx.save();
        ctx.strokeStyle = palette.threshold;
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.lineWidth = 1.5 * devicePixelRatio;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.restore();
      },
    },
  };
}

/** A range that does not turn noise into mountains: at least 4 % of the level, or 0.02. */
function calmRange(u, low, high) {
  if (low === null || high === null) return [0, 1];
  const least = Math.max(0.04 * Math.max(Math.abs(low), Math.abs(high)), 0.02);
  const middle = (low + high) / 2;
  const half = (Math.max(high - low, least) / 2) * 1.15;
  const bottom = middle - half;
  return [low >= 0 && bottom < 0 ? 0 : bottom, middle + half];
}

/**
 * A chart in `element`, with a table of the same numbers below it.
 * options: title, unit, threshold, spans (function), marks (function), fixed ([min, max]), from0, isZoomable,
 * labels ([[label, column], …]), and kind:
 * "band" draws columns [t, mean, min, max], "score" draws [t, max], "forecast" draws [t, mid, low, high, what came].
 */
export class TimeChart {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.data = empty(options.kind);
    this.twin = new Twin(element, options);
    this.build();
    this.observer = new ResizeObserver(() => isPaper || this.resize());
    this.observer.observe(element);
    charts.add(this);
  }

  size() {
    const width = isPaper ? Math.min(this.element.clientWidth, PAPER_WIDTH) : this.element.clientWidth;
    return { width: Math.max(width, 100), height: this.options.height };
  }

  build() {
    const palette = colours();
    const { unit = "", fixed, from0, kind, labels, spans, marks, threshold, isZoomable = false } = this.options;
    const none = () => [];
    const range = fixed ? () => fixed : from0 ? (u, low, high) => [0, (high ?? 1) * 1.1 || 1] : calmRange;
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        ...this.size(),
        padding: [8, 8, 0, 0],
        cursor: { drag: { x: isZoomable, y: false }, points: { size: 6 } },
        legend: { show: false },
        scales: { x: { time: true }, y: { range } },
        axes: axes(palette),
        series: lines(kind, palette),
        bands: kind === "score" ? [] : [{ series: [3, 2], fill: `${palette.soft}55` }],
        plugins: [tooltip(unit, labels), shading(spans ?? none, threshold, palette), flags(marks ?? none, palette)],
      },
      this.data,
      this.element,
    );
    if (this.bounds) this.plot.setScale("x", { min: this.bounds[0], max: this.bounds[1] });
  }

  resize() {
    const { width, height } = this.size();
    if (width !== this.plot.width) this.plot.setSize({ width, height });
  }

  show(data, bounds) {
    this.data = data;
    this.bounds = bounds;
    this.plot.batch(() => {
      this.plot.setData(data, true);
      if (bounds) this.plot.setScale("x", { min: bounds[0], max: bounds[1] });
    });
    this.twin.show(data);
  }
}

function empty(kind) {
  return { band: [[], [], [], []], score: [[], [], []], forecast: [[], [], [], [], []] }[kind];
}

function lines(kind, palette) {
  const hidden = { stroke: "transparent", width: 0, points: { show: false } };
  const line = { stroke: palette.trace, width: 1.75, points: { show: false }, spanGaps: false };
  const dashed = { ...line, stroke: palette.alarm, dash: [6, 4] };
  return { band: [{}, line, hidden, hidden], score: [{}, line, hidden], forecast: [{}, line, hidden, hidden, dashed] }[kind];
}

function draw(paper) {
  isPaper = paper;
  for (const chart of charts) chart.build();
}

addEventListener("beforeprint", () => draw(true));
addEventListener("afterprint", () => draw(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(isPaper));
