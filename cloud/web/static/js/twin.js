// The table of a chart's own numbers, below it: made when somebody opens it, newest first.

import { number } from "./plot.js";

const MOST = 300; // rows; whoever needs more asks the API

export class Twin {
  constructor(element, { title, labels, unit = "" }) {
    this.labels = labels;
    this.unit = unit;
    this.details = document.createElement("details");
    this.details.className = "twin-of";
    this.details.dataset.keep = "";
    const summary = document.createElement("summary");
    summary.textContent = "As a table";
    summary.setAttribute("aria-label", `${title} as a table`);
    this.body = document.createElement("div");
    this.body.className = "twin";
    this.body.tabIndex = 0;
    this.body.role = "region";
    this.body.ariaLabel = `${title} as a table`;
    this.details.append(summary, this.body);
    element.after(this.details);
    this.details.addEventListener("toggle", () => this.fill());
    addEventListener("beforeprint", () => this.fill());
  }

  show(data) {
    this.data = data;
    this.fill();
  }

  fill() {
    if (!this.details.open || !this.data) return;
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const text of ["Time (local)", ...this.labels.map(([label]) => this.unit ? `${label || "mean"}, ${this.unit}` : label || "mean")]) head.append(cell("col", text));
    const body = table.createTBody();
    const times = this.data[0];
    for (let i = times.length - 1; i >= Math.max(0, times.length - MOST); i -= 1) {
      const row = body.insertRow();
      row.append(cell("row", new Date(times[i] * 1000).toLocaleString()));
      for (const [, column] of this.labels) row.insertCell().textContent = number(this.data[column][i]);
    }
    this.body.replaceChildren(table);
  }
}

function cell(scope, text) {
  const made = document.createElement("th");
  made.scope = scope;
  made.textContent = text;
  return made;
}
