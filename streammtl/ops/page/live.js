"use strict";
// The live page: asks for the newest points once per second and draws them. No library, no network but this server.

const POLL_MS = 1000, POLL_ENDED_MS = 5000;
const HEIGHT = 168, LEFT = 50, RIGHT = 10, TOP = 14, BOTTOM = 22;
let points = [], generation = -1, newest = null, answered = true;

// -- small things

const $ = (id) => document.getElementById(id);
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function node(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "g", "clipPath", "rect"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The colour of a role of the theme, for what `.curve`, `.area`, `i` and `.bar span` draw.
function paint(element, role) {
  element.style.setProperty("--c", `var(--${role})`);
  return element;
}

function count(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return (value / 1e9).toPrecision(4) + " G";
  if (size >= 1e6) return (value / 1e6).toPrecision(4) + " M";
  return Math.round(value).toLocaleString("en");
}

function short(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return Number((value / 1e6).toPrecision(3)) + "M";
  if (size >= 1e4) return Number((value / 1e3).toPrecision(3)) + "k";
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size !== 0 && size < 1e-3 ? value.toExponential(1) : value.toFixed(3);
}

const percent = (value) => (isNumber(value) ? (100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0) + " %" : "–");

function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]])
    if (seconds >= 2 * size) return (seconds / size).toFixed(1) + " " + unit;
  return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

function ticks(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

// -- charts

// The range of the first curve without its extremes decides; others may widen it somewhat, and are cut off beyond.
function range(curves, floor) {
  const spread = (values) => {
    const sorted = values.filter(isNumber).sort((a, b) => a - b);
    return sorted.length ? [quantile(sorted, 0.02), quantile(sorted, 0.98)] : null;
  };
  const spreads = curves.map((curve) => spread(curve.values)).filter(Boolean);
  if (!spreads.length) return null;
  let [low, high] = spreads[0];
  const room = curves.some((curve) => curve.dashed) ? 2 * Math.max(high - low, 1e-3 * Math.abs(high), 1e-9) : Infinity;
  for (const [lower, higher] of spreads.slice(1)) {
    low = Math.min(low, Math.max(lower, low - room));
    high = Math.max(high, Math.min(higher, high + room));
  }
  if (isNumber(floor)) low = Math.min(low, floor);
  const margin = 0.08 * (high - low) || 0.1 * Math.abs(high) || 0.1;
  return [isNumber(floor) && low >= floor ? low : low - margin, high + margin];
}

function path(xs, ys) {
  let text = "", pen = false;
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) { pen = false; continue; }
    text += (pen ? "L" : "M") + xs[i].toFixed(1) + " " + ys[i].toFixed(1);
    pen = true;
  }
  return text;
}

class Chart {
  constructor(parent, title, note) {
    this.heading = node("h3", {}, title + " ", node("span", {}, note || ""));
    this.svg = node("svg", { role: "img" });
    this.legend = node("p", { class: "legend" });
    this.card = node("div", { class: "chart" }, this.heading, this.svg, this.legend);
    this.index = null;
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => { this.index = null; this.draw(); });
    parent.append(this.card);
  }

  // curves: [{name, values, role, dashed}] beside xs; marks: [{x, kind, text}]; stacked: areas from 0 to 1
  show(xs, curves, marks = [], { stacked = false, floor, format = short } = {}) {
    this.data = { xs, curves, marks, stacked, floor, format };
    this.draw();
  }

  point(event) {
    const xs = this.data && this.data.xs;
    if (!xs || !xs.length) return;
    const box = this.svg.getBoundingClientRect(), [low, high] = [xs[0], xs[xs.length - 1]];
    const x = low + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (high - low);
    let best = 0;
    for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
    this.index = best;
    this.draw();
  }

  draw() {
    if (!this.data) return;
    const { xs, curves, marks, stacked, floor, format } = this.data;
    const width = this.svg.clientWidth || 400, bounds = stacked ? [0, 1] : range(curves, floor);
    this.svg.replaceChildren();
    if (xs.length && bounds) {
      const [low, high] = bounds, [first, last] = [xs[0], xs[xs.length - 1]];
      const x = (value) => LEFT + ((value - first) / (last - first || 1)) * (width - LEFT - RIGHT);
      const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
      this.axes(width, bounds, first, last, x, y, stacked);
      const places = xs.map(x);
      if (stacked) this.areas(places, curves, y);
      else this.lines(width, places, curves, y);
      this.marks(marks, first, last, x);
      if (this.index !== null && this.index < xs.length) {
        const at = places[this.index];
        this.svg.append(node("line", { class: "here", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }));
      }
    } else this.svg.append(node("text", { x: LEFT, y: HEIGHT / 2 }, "nothing to show yet"));
    this.read(xs, curves, stacked, format);
  }

  axes(width, [low, high], first, last, x, y, stacked) {
    for (const value of stacked ? [0, 0.5, 1] : ticks(low, high, 4)) {
      this.svg.append(node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      const label = stacked ? 100 * value + " %" : Math.abs(value) >= 1e4 ? short(value) : String(value);
      this.svg.append(node("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, label));
    }
    this.svg.append(node("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }));
    if (last > first) for (const value of ticks(first, last, Math.max(2, width / 130))) {
      const at = x(value), anchor = at > width - 30 ? "end" : "middle";
      this.svg.append(node("text", { x: anchor === "end" ? width - RIGHT : at, y: HEIGHT - 7, "text-anchor": anchor }, short(value).replace(/\.0+$/, "")));
    }
  }

  lines(width, places, curves, y) {
    const id = "clip" + (Chart.made = (Chart.made || 0) + 1);
    const window_ = node("rect", { x: LEFT, y: TOP, width: Math.max(0, width - LEFT - RIGHT), height: HEIGHT - TOP - BOTTOM });
    const group = node("g", { "clip-path": `url(#${id})` });
    for (const curve of [...curves].reverse()) {
      const kind = "curve" + (curve.dashed ? " dashed" : "");
      const line = path(places, curve.values.map((v) => (isNumber(v) ? y(v) : null)));
      group.append(paint(node("path", { class: kind, d: line }), curve.role));
    }
    this.svg.append(node("clipPath", { id }, window_), group);
  }

  areas(places, curves, y) {
    let below = places.map(() => 0);
    for (const curve of curves) {
      const above = below.map((value, i) => value + (curve.values[i] || 0));
      const back = places.map((at, i) => `L${at.toFixed(1)} ${y(below[i]).toFixed(1)}`).reverse().join("");
      this.svg.append(paint(node("path", { class: "area", d: path(places, above.map(y)) + back + "Z" }), curve.role));
      below = above;
    }
  }

  marks(marks, first, last, x) {
    for (const mark of marks) {
      if (mark.x < first || mark.x > last) continue;
      const at = x(mark.x), isAlarm = mark.kind === "alarm";
      const shape = isAlarm ? `M${at - 4} ${TOP - 10}h8l-4 8z` : `M${at} ${HEIGHT - BOTTOM}l4 5h-8z`;
      const group = node("g", {}, node("line", { class: mark.kind, x1: at, x2: at, y1: TOP - 4, y2: HEIGHT - BOTTOM }),
        node("path", { class: mark.kind, d: shape }));
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = mark.text;
      group.append(title);
      this.svg.append(group);
    }
  }

  read(xs, curves, stacked, format) {
    const index = this.index === null ? xs.length - 1 : Math.min(this.index, xs.length - 1);
    const entries = curves.map((curve) => {
      const value = stacked ? percent(curve.values[index]) : format(curve.values[index]);
      const swatch = paint(node("i", { class: stacked ? "box" : curve.dashed ? "dashed" : "" }), curve.role);
      return [node("span", {}, swatch, curve.name + " ", node("b", {}, value)), `${curve.name} ${value}`];
    });
    this.legend.replaceChildren(...entries.map(([shown]) => shown));
    if (this.index !== null && xs.length) this.legend.append(node("span", { class: "at" }, `at event ${count(xs[index])}`));
    this.svg.setAttribute("aria-label", `${this.heading.textContent}: ${entries.map(([, text]) => text).join(", ")}`);
  }
}

const charts = new Map();
function chart(parent, key, title, note) {
  if (!charts.has(key)) charts.set(key, new Chart(parent, title, note));
  return charts.get(key);
}

// -- what is shown

function table(section, columns, rows) {
  $(section).hidden = rows.length === 0;
  const cell = (tag, [, kind], content) => node(tag, kind ? { class: kind } : {}, content);
  $(section).querySelector("thead").replaceChildren(node("tr", {}, ...columns.map((column) => cell("th", column, column[0]))));
  $(section).querySelector("tbody").replaceChildren(
    ...rows.map((row) => node("tr", {}, ...row.map((content, i) => cell("td", columns[i], content)))));
}

function showState(data) {
  const [kind, text] = !answered ? ["bad", "no answer: the process has ended, or cannot be reached"]
    : data.ended ? ["wait", "the run has ended"]
    : !data.alive || !data.ready ? [data.alive ? "wait" : "bad", data.reason] : ["good", "running"];
  $("state").className = "state " + kind;
  if ($("state").textContent !== text) $("state").textContent = text;
}

function rates() {
  return points.map((point, i) => {
    const before = points[Math.max(0, i - 3)], seconds = point.time_s - before.time_s;
    return seconds > 0 ? (point.events - before.events) / seconds : null;
  });
}

function showTiles(data, rate) {
  const { totals, lag, checkpoint } = data;
  const rejected = Object.values(data.rejected).reduce((a, b) => a + b, 0);
  const tiles = [["events", count(totals.events || 0)], ["events per second", data.ended ? "–" : count(rate)],
    ["labels", count(totals.labels || 0)], ["rejected", count(rejected)], ["drift alarms", count(totals.alarms || 0)],
    ["steps skipped", count(totals.steps_skipped || 0)]];
  if (lag.records !== null) tiles.push(["records behind", count(lag.records)]);
  if (checkpoint) tiles.push(["last checkpoint", duration(checkpoint.age_s)]);
  if (checkpoint && checkpoint.failures) tiles.push(["checkpoint failures", count(checkpoint.failures)]);
  $("tiles").replaceChildren(...tiles.map(([name, value]) => node("div", {}, node("dt", {}, name), node("dd", {}, value))));
}

function showScores(data, xs) {
  $("scores").hidden = data.tasks.length === 0;
  data.tasks.forEach((task, i) => {
    const drifts = data.drifts.filter((drift) => !drift.tasks.length || drift.tasks.includes(task.name))
      .map((drift) => ({ x: drift.event, kind: "drift", text: `${drift.name}: ${drift.description}` }));
    const alarms = data.alarms.filter((alarm) => alarm.subject === "feature" || alarm.name === task.name)
      .map((alarm) => ({ x: alarm.events, kind: "alarm", text: `${alarm.subject} of ${alarm.name}, at event ${count(alarm.events)}` }));
    const curves = [{ name: "published", role: `task-${i % 8}`, values: points.map((point) => point.scores[i]) }];
    const noChange = points.map((point) => point.no_change[i]);
    if (noChange.some(isNumber)) curves.push({ name: "no change", role: "no-change", dashed: true, values: noChange });
    chart($("score-charts"), "score " + task.name, task.name, `${task.score}, ${task.larger_is_better ? "larger" : "smaller"} is better`)
      .show(xs, curves, [...drifts, ...alarms]);
  });
  $("marks").hidden = !data.alarms.length && !data.drifts.length;
  $("marks").replaceChildren(
    ...(data.alarms.length ? [node("span", {}, node("span", { class: "alarm" }, "▼ "), "drift alarm (of the task, or of a feature)")] : []),
    ...(data.drifts.length ? [node("span", {}, node("span", { class: "drift" }, "▲ "), "the stream really changes for the task, or for all")] : []));
}

function showTasks(data) {
  const columns = [["task", "text"], ["score", "text"], ["windowed"], ["no change"], ["all labels"], ["labels"], ["per event"], ["mean delay"], ["weight"]];
  table("tasks", columns, data.tasks.map((task) => {
    const gain = isNumber(task.windowed) && isNumber(task.no_change) ? (task.windowed - task.no_change) * (task.larger_is_better ? 1 : -1) : 0;
    const value = node("span", { class: gain > 0 ? "better" : gain < 0 ? "worse" : "" }, short(task.windowed));
    return [task.name, task.score, value, short(task.no_change), short(task.running), count(task.labels), percent(task.coverage),
      duration(task.delay_s), short(task.weight)];
  }));
}

function showInside(data, xs) {
  const first = points[0].weights[0], moves = points.some((point) => point.weights.some((weight) => weight !== first));
  $("weights").hidden = !moves;  // equal weights stand in the table
  if (moves) {
    const curves = data.tasks.map((task, i) => ({ name: task.name, role: `task-${i % 8}`, values: points.map((point) => point.weights[i]) }));
    chart($("weights").querySelector(".charts"), "weights", "Weight of each task's loss", "").show(xs, curves, [], { floor: 0 });
  }
  $("experts").hidden = data.experts.length < 2;
  if (data.experts.length > 1) data.tasks.forEach((task, i) => {
    const curves = data.experts.map((name, k) => ({ name, role: `expert-${k % 6}`, values: points.map((point) => (point.shares[i] || [])[k]) }));
    chart($("experts").querySelector(".charts"), "experts " + task.name, task.name, "").show(xs, curves, [], { stacked: true });
  });
}

function showSpeed(data, xs, perSecond) {
  $("speed").hidden = points.length < 2;
  const parent = $("speed").querySelector(".charts");
  chart(parent, "rate", "Events per second", "").show(xs, [{ name: "events/s", role: "accent", values: perSecond }], [], { floor: 0, format: count });
  if (points.some((point) => point.lag !== null))
    chart(parent, "lag", "Records behind", "").show(xs, [{ name: "records", role: "alarm", values: points.map((p) => p.lag) }], [], { floor: 0, format: count });
  const before = points[Math.max(0, points.length - 30)], now = newest.latest.stage_seconds;
  const spent = now.map((seconds, i) => Math.max(0, seconds - (before && points.length > 30 ? before.stage_seconds[i] : 0)));
  const total = spent.reduce((a, b) => a + b, 0);
  $("stages").hidden = total <= 0;
  if (total <= 0) return;
  const bars = data.stages.map((name, i) => {
    const part = paint(node("span", { title: `${name} ${percent(spent[i] / total)}` }), `stage-${name}`);
    part.style.flexGrow = String(spent[i] / total);
    return part;
  });
  if ($("stage-bar").children.length === bars.length) bars.forEach((part, i) => { $("stage-bar").children[i].style.flexGrow = part.style.flexGrow; });
  else $("stage-bar").replaceChildren(...bars);
  $("stage-legend").replaceChildren(...data.stages.map((name, i) =>
    node("span", {}, paint(node("i", { class: "box" }), `stage-${name}`), name + " ", node("b", {}, percent(spent[i] / total)))));
  $("stage-bar").setAttribute("aria-label", $("stage-legend").textContent);
}

function showLists(data) {
  const at = (row) => row[0];
  const rows = [
    ...data.alarms.map((a) => [a.events, [count(a.events), "alarm", `${a.subject} of ${a.name} from ${short(a.before)} to ${short(a.after)} (${a.detector})`]]),
    ...data.drifts.filter((d) => d.event <= (data.totals.events || 0)).map((d) => [d.event, [count(d.event), "true change", `${d.name}: ${d.description}`]]),
  ].sort((a, b) => at(b) - at(a)).map((row) => row[1]);
  table("alarms", [["at event"], ["", "text"], ["what", "text long"]], rows.slice(0, 50));
  table("rejected", [["reason", "text"], ["records"]], Object.entries(data.rejected).sort((a, b) => b[1] - a[1]).map(([reason, n]) => [reason, count(n)]));
}

function showAll() {
  const data = newest;
  showState(data);
  $("name").textContent = data.name;
  document.title = `${data.name} – streammtl`;
  const xs = points.map((point) => point.events), perSecond = rates();
  showTiles(data, perSecond[perSecond.length - 1]);
  if (!points.length) return;
  showScores(data, xs);
  showTasks(data);
  showInside(data, xs);
  showSpeed(data, xs, perSecond);
  showLists(data);
}

// -- asking

async function ask() {
  try {
    const kept = points.filter((point) => point.number > 0 && !point.isLatest);
    const after = kept.length ? kept[kept.length - 1].number : 0;
    const response = await fetch(`live.json?after=${after}&generation=${generation}`);
    const data = await response.json();
    points = data.is_whole ? data.points : [...kept, ...data.points];
    generation = data.generation;
    const last = points[points.length - 1];
    // The present is drawn as the last point, whether it will be kept or not.
    if (data.latest.number && (!last || data.latest.number > last.number)) points = [...points, { ...data.latest, isLatest: true }];
    newest = data;
    answered = true;
    showAll();
  } catch (error) {
    answered = false;
    showState(newest || {});
  }
  setTimeout(ask, newest && (newest.ended || !answered) ? POLL_ENDED_MS : POLL_MS);
}

addEventListener("resize", () => charts.forEach((one) => one.draw()));
ask();
