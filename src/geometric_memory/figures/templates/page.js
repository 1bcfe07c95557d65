// Draws the figures of the page, and moves them together along the steps of training.
const figures = JSON.parse(document.getElementById("figures").textContent);
const root = document.documentElement;
const SCALE = 32767, BLANK = -32768, MILLISECONDS = 250;
const DARK = globalThis.GraphViewer?.DARK;

// The page's policy knows the sum of plotly.js, and lets it run once it is unpacked.
const plotly = document.getElementById("plotly");
if (plotly) {
  const bytes = Uint8Array.from(atob(plotly.textContent), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  plotly.remove();
}

const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const foundOf = (element) => figures[element.dataset.name];
const live = () => [...document.querySelectorAll("figure.live")];
const viewers = () => live().map((element) => foundOf(element).viewer).filter(Boolean);
const placeOf = ({ steps }, step) => Math.max(steps.findLastIndex((other) => other <= step), 0);
// The figures that stand at one step with another: of the whole page, or those beside it.
const together = (element) => live().filter((other) => root.dataset.linked || other.parentElement === element.parentElement);

function recolored(value, dark) {
  if (!dark) return value;
  if (typeof value === "string") return DARK[value.toUpperCase()] || value;
  if (Array.isArray(value)) return value.map((item) => recolored(item, dark));
  if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === "bdata" ? item : recolored(item, dark)]));
  }
  return value;
}

// Matrices side by side stand one above the other in a narrow picture.
function stacked(figure, plot) {
  const count = figure.data.length, width = plot.clientWidth;
  if (width > 480 || count < 2 || figure.data[0].type !== "heatmap") return figure;
  plot.style.height = `${count * width}px`;
  const layout = { ...figure.layout }, top = (place) => 1 - place / count;
  layout.annotations = layout.annotations.map((title, place) => ({ ...title, x: 0.5, y: top(place) }));
  const data = figure.data.map((matrix, place) => {
    const number = place ? place + 1 : "", [x, y] = [`xaxis${number}`, `yaxis${number}`];
    layout[x] = { ...layout[x], domain: [0, 1] };
    layout[y] = { ...layout[y], domain: [top(place + 1) + 0.14, top(place)] };
    return { ...matrix, colorbar: { ...matrix.colorbar, x: 1, y: top(place), yanchor: "top", len: 0.8 / count } };
  });
  return { data, layout };
}

// How high the names of the lines stand, in rows of a legend.
function legendRows({ data, layout }, plot) {
  if (layout.showlegend === false || layout.legend) return 1;
  const names = data.filter((trace) => trace.showlegend !== false && trace.name).map((trace) => 7 * trace.name.length + 45);
  const columns = Math.max(Math.floor((plot.clientWidth - 60) / Math.max(...names, 1)), 1);
  return Math.max(Math.ceil(names.length / columns), 1);
}

function layoutOf(figure, plot) {
  const given = figure.layout, layout = { ...given };
  const axis = { gridcolor: color("--grid"), zerolinecolor: color("--rule"), linecolor: color("--rule"), automargin: true };
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { color: color("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12.5 };
  layout.hoverlabel = { bgcolor: color("--panel"), bordercolor: color("--rule"), font: { color: color("--ink") } };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: color("--quiet"), activecolor: color("--accent") };
  for (const name of Object.keys(given)) {
    if (/^[xy]axis\d*$/.test(name)) layout[name] = { ...axis, ...given[name] };
  }
  layout.margin = { l: 8, r: 8, t: layout.showlegend === false ? 28 : 38 + 22 * legendRows(figure, plot), b: 8, ...(given.margin || {}) };
  layout.legend = { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", ...(given.legend || {}) };
  layout.uirevision = "kept";
  layout.autosize = true;
  return layout;
}

function showMatrix(element, place) {
  const { movie } = foundOf(element), frame = movie.frames[place], side = Math.sqrt(frame.length);
  if (movie.shown === place) return null;
  movie.shown = place;
  const row = (start) => Array.from(frame.subarray(start, start + side), (value) => (value === BLANK ? null : value / SCALE));
  const z = Array.from({ length: side }, (_, number) => row(number * side));
  return Plotly.restyle(element.querySelector(".plot"), { z: [z] }, [0]);
}

function tell(element, { steps, captions }, place) {
  const step = steps[place].toLocaleString("en"), slider = element.querySelector(".player input");
  element.querySelector(".moment").textContent = `After ${step} steps: ${captions[place]}.`;
  if (!slider) return;
  slider.value = place;
  slider.setAttribute("aria-valuetext", `step ${step}, ${captions[place]}`);
  element.querySelector("output").textContent = `step ${step}`;
}

// Charts that follow the movies mark the step at which these stand.
function mark(element, step) {
  const { layout } = foundOf(element).figure, x = step + (layout.xaxis.type === "log" ? 1 : 0);
  const line = { type: "line", xref: "x", yref: "y domain", x0: x, x1: x, y0: 0, y1: 1, line: { color: color("--accent"), width: 2 } };
  return Plotly.relayout(element.querySelector(".plot"), { shapes: [...(layout.shapes || []), line] });
}

const seen = (element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
};

// Charts and matrices are slow to draw: while a viewer plays, those in sight follow now and then.
let wanted = null, busy = false;
async function follow(step, source) {
  wanted = step;
  if (busy) return;
  busy = true;
  while (wanted !== null) {
    const there = wanted, playing = viewers().some((viewer) => viewer.playing);
    wanted = null;
    for (const element of together(source)) {
      const { movie, cursor } = foundOf(element);
      if (playing && !seen(element)) continue;
      if (movie) await showMatrix(element, placeOf(movie, there));
      if (cursor) await mark(element, there);
    }
    if (playing) {
      await rest(MILLISECONDS);
      wanted ??= viewers().some((viewer) => viewer.playing) ? null : standing.step;
    }
  }
  busy = false;
}

// Movies stand at the same step, a shorter one at its end.
let standing = null, moving = false;
function move(exact, source) {
  if (moving) return;
  moving = true;
  for (const element of together(source)) {
    const { movie, viewer } = foundOf(element);
    if (viewer && element !== source) viewer.seek(viewer.timeOf(exact));
    if (movie) tell(element, movie, placeOf(movie, exact));
  }
  moving = false;
  const step = Math.floor(exact + 1e-6);
  if (step === standing?.step && source === standing.source) return;
  standing = { step, source };
  follow(step, source);
}

async function draw(element) {
  const found = foundOf(element), plot = element.querySelector(".plot"), dark = root.dataset.theme === "dark";
  if (!plot) return; // a page of stills
  plot.hidden = false;
  try {
    if (found.space) {
      const { name } = element.dataset;
      const onStep = (viewer) => {
        if (viewer.steps.length < 2) return;
        tell(element, viewer, viewer.place);
        move(viewer.step, element);
      };
      found.viewer = await GraphViewer.open(plot, found.space, { key: name, onStep });
      found.viewer.restore();
    } else {
      const options = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"], toImageButtonOptions: { scale: 2 } };
      found.figure = stacked(found.figure, plot);
      await Plotly.newPlot(plot, recolored(found.figure.data, dark), layoutOf(recolored(found.figure, dark), plot), options);
    }
  } catch (error) {
    plot.hidden = true;
    console.warn(String(error));
    return;
  }
  element.classList.add("live");
  const slider = element.querySelector(".player input");
  if (!found.movie) return;
  found.movie.frames = await GraphViewer.framesOf(found.movie);
  tell(element, found.movie, found.movie.steps.length - 1);
  slider?.addEventListener("input", () => {
    for (const viewer of viewers()) viewer.halt();
    move(found.movie.steps[slider.value], element);
  });
}

function repaint() {
  const dark = root.dataset.theme === "dark";
  for (const element of live()) {
    const { figure, viewer, movie } = foundOf(element);
    if (viewer) viewer.repaint();
    else {
      const plot = element.querySelector(".plot");
      Plotly.react(plot, recolored(figure.data, dark), layoutOf(recolored(figure, dark), plot));
    }
    if (movie) movie.shown = undefined;
  }
  if (standing !== null) follow(standing.step, standing.source);
}

const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
function setTheme(dark, paint) {
  root.dataset.theme = dark ? "dark" : "light";
  button.textContent = dark ? "light" : "dark";
  button.setAttribute("aria-pressed", String(dark));
  button.setAttribute("aria-label", dark ? "Switch to light colours" : "Switch to dark colours");
  if (paint) repaint();
}
button.addEventListener("click", () => setTheme(root.dataset.theme !== "dark", true));
system.addEventListener("change", () => setTheme(system.matches, true));
setTheme(system.matches, false);

// What is seen first is drawn first; the page is ready then, and the rest follows.
for (const element of document.querySelectorAll("figure[data-name]")) {
  if (element.getBoundingClientRect().top >= 2 * innerHeight) root.dataset.ready = "true";
  await rest(0);
  await draw(element);
}
root.dataset.ready = "true";
root.dataset.drawn = "true";
