// The charts of one machine's page: which are in sight, what range they show, and how they stay live.

import { History } from "./history.js";
import { Life } from "./life.js";
import { number, TimeChart } from "./plot.js";

const LEAST_PAUSE_MS = 1000;
const root = document.getElementById("charts");
const history = new History(root.dataset.device);
const charts = new Map(); // feature name -> TimeChart
let spans = [];
let range = 3600;
let isBusy = false;
let isDue = false;

const scoreChart = new TimeChart(document.getElementById("score-chart"), {
  title: "Anomaly score",
  kind: "score",
  height: innerWidth < 770 ? 210 : 270,
  fixed: [0, 1],
  threshold: Number(root.dataset.threshold),
  labels: [["highest", 1], ["mean", 2]],
  spans: () => spans,
});

const life = new Life(root.dataset.device, () => spans);

function visibleFeatures() {
  return [...root.querySelectorAll(".chart[data-feature]")].filter((e) => !e.closest(".sensor > details:not([open])"));
}

function chartOf(element) {
  const name = element.dataset.feature;
  if (!charts.has(name)) {
    charts.set(name, new TimeChart(element, {
      title: element.getAttribute("aria-label"),
      kind: "band",
      height: 104,
      unit: element.dataset.unit,
      labels: [["", 1], ["lowest", 2], ["highest", 3]],
      spans: () => spans,
    }));
  }
  return charts.get(name);
}

async function loadSpans() {
  const query = new URLSearchParams({ device: root.dataset.device, kind: "anomaly", limit: "100" });
  const response = await fetch(`/api/v1/alerts?${query}`);
  if (!response.ok) throw new Error(`alerts: ${response.status}`);
  const { alerts } = await response.json();
  spans = alerts.map((a) => ({ from: Date.parse(a.since) / 1000, to: a.cleared_at ? Date.parse(a.cleared_at) / 1000 : undefined }));
}

function newestKnown() {
  const text = document.querySelector("[data-last-event]")?.dataset.lastEvent;
  return text ? Date.parse(text) / 1000 : null;
}

function start() {
  const newest = newestKnown();
  return range && newest !== null ? newest - range : null;
}

async function refresh(isReload) {
  if (isBusy) {
    isDue = isDue || (isReload ? "reload" : "extend");
    return;
  }
  isBusy = true;
  try {
    const names = visibleFeatures().map((e) => e.dataset.feature);
    await loadSpans();
    if (isReload || !(await history.extend(names))) await history.load(start(), names.length ? names : ["none"]);
    draw();
    await life.refresh();
  } catch (error) {
    console.warn(error.message); // the live banner tells people; the next event tries again
  }
  setTimeout(() => {
    isBusy = false;
    const due = isDue;
    isDue = false;
    if (due) refresh(due === "reload");
  }, LEAST_PAUSE_MS);
}

function bounds() {
  const last = history.lastTime;
  if (last === null) return null;
  const first = history.score[0][0];
  return [range ? Math.max(last - range, first) : first, last];
}

function draw() {
  const shown = bounds();
  scoreChart.show(history.score, shown);
  describe(shown);
  for (const element of visibleFeatures()) {
    const columns = history.features.get(element.dataset.feature) ?? [[], [], [], []];
    chartOf(element).show(columns, shown);
    const output = root.querySelector(`output[data-value="${element.dataset.feature}"]`);
    const unit = document.createElement("small");
    unit.textContent = ` ${element.dataset.unit}`;
    output.replaceChildren(number(columns[1].at(-1)), unit);
  }
}

function describe(shown) {
  const values = history.score[1].filter((v, i) => v !== null && history.score[0][i] >= (shown?.[0] ?? 0));
  const text = values.length
    ? `Anomaly score over time: newest ${number(values.at(-1))}, highest ${number(Math.max(...values))}, alarm threshold ${root.dataset.threshold}`
    : "Anomaly score over time: nothing scored in this range";
  document.getElementById("score-chart").setAttribute("aria-label", text);
}

for (const button of root.querySelectorAll("[data-range]")) {
  button.addEventListener("click", () => {
    range = Number(button.dataset.range);
    for (const other of root.querySelectorAll("[data-range]")) other.setAttribute("aria-pressed", String(other === button));
    refresh(true);
  });
}
for (const details of root.querySelectorAll(".sensor > details")) details.addEventListener("toggle", () => details.open && refresh(true));
document.addEventListener("sse:change", () => refresh(false));
refresh(true);
