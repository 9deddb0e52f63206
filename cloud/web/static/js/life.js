// A machine's whole life on one axis: what it scored and what happened, and forecasts against what came.

import { History } from "./history.js";
import { TimeChart } from "./plot.js";

const MOST = 600; // forecasts drawn; the table below has the newest of them
const PAUSE_MS = 60_000;
const DAY_H = 24;

export class Life {
  constructor(device, spans) {
    this.device = device;
    this.history = new History(device);
    const height = innerWidth < 770 ? 210 : 230;
    this.chart = new TimeChart(document.getElementById("life-chart"), {
      title: "Score over the whole life", kind: "score", height, fixed: [0, 1], isZoomable: true,
      labels: [["highest", 1], ["mean", 2]], spans, marks,
    });
    this.forecasts = new Map();
    for (const element of document.querySelectorAll("[data-forecast]")) {
      const isHours = element.dataset.unit === "h";
      this.forecasts.set(element.dataset.forecast, {
        scale: isHours ? DAY_H : 1,
        chart: new TimeChart(element, {
          title: element.getAttribute("aria-label"), kind: "forecast", height, from0: true, isZoomable: true, marks: failures,
          unit: isHours ? "days" : element.dataset.unit, labels: [["p50", 1], ["p10", 2], ["p90", 3], ["what came", 4]],
        }),
      });
    }
  }

  /** Load and draw; again only after a while, because a whole life changes slowly. */
  async refresh() {
    if (this.drawnAt && Date.now() - this.drawnAt < PAUSE_MS) return;
    this.drawnAt = Date.now();
    await this.history.load(null, ["none"]);
    const times = this.history.score[0];
    const bounds = times.length ? [times[0], times.at(-1)] : null;
    this.chart.show(this.history.score, bounds);
    if (this.forecasts.size) await this.drawForecasts();
  }

  async drawForecasts() {
    const response = await fetch(`/api/v1/machines/${encodeURIComponent(this.device)}/forecasts/history?limit=5000`);
    if (!response.ok) throw new Error(`forecasts: ${response.status}`);
    const { forecasts } = await response.json();
    for (const [component, { chart, scale }] of this.forecasts) {
      const mine = forecasts.filter((f) => f.component === component).reverse();
      const step = Math.ceil(mine.length / MOST);
      const shown = withGaps(mine.filter((_, index) => index % step === 0));
      const column = (name) => shown.map((f) => (f[name] === null ? null : f[name] / scale));
      chart.show([shown.map((f) => f.at), column("p50"), column("p10"), column("p90"), column("remaining")], null);
    }
  }
}

/** A gap where one part ended and the next began: no line leads from one life into another. */
function withGaps(forecasts) {
  const shown = [];
  for (const forecast of forecasts) {
    const last = shown.at(-1);
    const at = Date.parse(forecast.made_at) / 1000;
    if (last && last.failed_at !== forecast.failed_at) shown.push({ at: (last.at + at) / 2, p50: null, p10: null, p90: null, remaining: null });
    shown.push({ ...forecast, at });
  }
  return shown;
}

function rows() {
  return [...document.querySelectorAll("#life-events tr[data-mark]")].map((row) => ({ at: Number(row.dataset.at), label: row.dataset.mark }));
}

const marks = () => rows().filter((mark) => mark.label).reverse();
const failures = () => marks().filter((mark) => mark.label === "Failed" || mark.label === "Replaced");
