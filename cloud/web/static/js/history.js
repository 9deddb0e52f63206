// A machine's history in memory: loads a range once, then asks only for what is new.

const MAX_POINTS = 600;

/** Columns of one machine: score [t, max, mean] and features by name [t, mean, min, max]. */
export class History {
  constructor(device) {
    this.url = `/api/v1/machines/${encodeURIComponent(device)}/history`;
    this.score = [[], [], []];
    this.features = new Map();
  }

  get lastTime() {
    return this.score[0].at(-1) ?? null;
  }

  /** Everything from `since` (s since the epoch, null: all) for these features. */
  async load(since, names) {
    const answer = await this.fetch(since, names);
    this.score = scoreColumns(answer.score);
    this.features = new Map(answer.features.map((f) => [f.name, featureColumns(f)]));
  }

  /** What came after the newest point; false when the history has grown enough to be loaded (and thinned) anew. */
  async extend(names) {
    const last = this.lastTime;
    if (last === null || this.score[0].length > 2 * MAX_POINTS) return false;
    const answer = await this.fetch(last, names);
    append(this.score, scoreColumns(answer.score));
    for (const feature of answer.features) {
      const columns = this.features.get(feature.name);
      if (columns) append(columns, featureColumns(feature));
      else this.features.set(feature.name, featureColumns(feature));
    }
    return true;
  }

  async fetch(since, names) {
    const query = new URLSearchParams({ max_points: String(MAX_POINTS) });
    if (since !== null) query.set("since", new Date(since * 1000).toISOString());
    for (const name of names) query.append("features", name);
    const response = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`history: ${response.status}`);
    return response.json();
  }
}

const seconds = (times) => times.map((t) => Date.parse(t) / 1000);
const scoreColumns = (s) => [seconds(s.event_time), s.max, s.mean];
const featureColumns = (f) => [seconds(f.event_time), f.mean, f.min, f.max];

function append(columns, fresh) {
  const last = columns[0].at(-1) ?? -Infinity;
  const first = fresh[0].findIndex((t) => t > last + 1e-4);
  if (first < 0) return;
  columns.forEach((column, index) => column.push(...fresh[index].slice(first)));
}
