"use strict";
// Draws the figures of the page, and moves them along the steps of training.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const SCALE = 32767, BLANK = -32768, MILLISECONDS = 110;
  // Colours that are too dark for a dark page, and what they become there.
  const DARK = { "#0072B2": "#4FA8E0", "#D55E00": "#F08A3C", "#444444": "#F2F2F2", "#666666": "#A0A8B4", "#000000": "#E0E0E0" };

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function theme() {
    const axis = { gridcolor: color("--grid"), zerolinecolor: color("--rule"), linecolor: color("--rule"), automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: color("--ink"), family: getComputedStyle(document.body).fontFamily, size: 12.5 },
      xaxis: axis, yaxis: axis, axis,
      hoverlabel: { bgcolor: color("--panel"), bordercolor: color("--rule"), font: { color: color("--ink") } },
    };
  }

  function recolored(value, dark) {
    if (!dark) return value;
    if (typeof value === "string") return DARK[value.toUpperCase()] || value;
    if (Array.isArray(value)) return value.map((item) => recolored(item, dark));
    if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === "bdata" ? item : recolored(item, dark)]));
    }
    return value;
  }

  function layoutOf(figure) {
    const colors = theme(), given = figure.layout, layout = { ...given };
    layout.paper_bgcolor = colors.paper_bgcolor;
    layout.plot_bgcolor = colors.plot_bgcolor;
    layout.font = colors.font;
    layout.hoverlabel = colors.hoverlabel;
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: color("--quiet"), activecolor: color("--accent") };
    for (const name of Object.keys(given)) {
      if (/^[xy]axis\d*$/.test(name)) layout[name] = { ...colors.axis, ...given[name] };
    }
    layout.margin = { l: 8, r: 8, t: 28, b: 8, ...(given.margin || {}) };
    layout.legend = { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", ...(given.legend || {}) };
    if (layout.showlegend !== false && !layout.scene) layout.margin.t = 60;
    layout.uirevision = "kept";
    layout.autosize = true;
    return layout;
  }

  // A graph that fills a wide picture needs to stand farther away in a narrow one.
  function fitted(layout, plot) {
    const narrow = plot.clientHeight / Math.max(plot.clientWidth, 1);
    if (layout.scene && narrow > 1) {
      const { eye } = layout.scene.camera;
      const farther = { x: eye.x * narrow, y: eye.y * narrow, z: eye.z * narrow };
      layout.scene = { ...layout.scene, camera: { ...layout.scene.camera, eye: farther } };
    }
    return layout;
  }

  function decode(movie) {
    const bytes = Uint8Array.from(atob(movie.values), (sign) => sign.charCodeAt(0));
    movie.data = new Int16Array(bytes.buffer);
    movie.frame = movie.steps.length - 1;
  }

  function framed(movie, place) {
    const size = movie.rows * movie.columns;
    const part = movie.data.subarray(place * size, (place + 1) * size);
    return Array.from(part, (value) => (value === BLANK ? null : value / SCALE));
  }

  function spaceUpdate(movie, place) {
    const values = framed(movie, place);
    const at = (node, axis) => values[3 * node + axis];
    const lines = [0, 1, 2].map((axis) => movie.edges.flatMap(([left, right]) => [at(left, axis), at(right, axis), null]));
    const nodes = [0, 1, 2].map((axis) => Array.from({ length: movie.rows }, (_, node) => at(node, axis)));
    return { x: [lines[0], nodes[0]], y: [lines[1], nodes[1]], z: [lines[2], nodes[2]] };
  }

  function matrixUpdate(movie, place) {
    const values = framed(movie, place);
    const rows = Array.from({ length: movie.rows }, (_, row) => values.slice(row * movie.columns, (row + 1) * movie.columns));
    return { z: [rows] };
  }

  function show(element, place) {
    const { movie } = figures[element.dataset.name];
    movie.frame = place;
    const plot = element.querySelector(".plot");
    tell(element, place);
    if (movie.edges) return Plotly.restyle(plot, spaceUpdate(movie, place), [0, 1]);
    return Plotly.restyle(plot, matrixUpdate(movie, place), [0]);
  }

  function tell(element, place) {
    const { movie } = figures[element.dataset.name];
    const step = movie.steps[place].toLocaleString("en");
    element.querySelector(".moment").textContent = `After ${step} steps: ${movie.captions[place]}.`;
    const slider = element.querySelector("input[type=range]");
    if (!slider) return;
    slider.value = place;
    slider.setAttribute("aria-valuetext", `step ${step}, ${movie.captions[place]}`);
    element.querySelector("output").textContent = `step ${step}`;
  }

  const movies = () => [...document.querySelectorAll("figure.live")].filter((element) => figures[element.dataset.name].movie);

  // All movies of a page stand at the same step.
  function move(source, place) {
    const step = figures[source.dataset.name].movie.steps[place];
    const shown = movies().map((element) => {
      const own = figures[element.dataset.name].movie.steps.indexOf(step);
      return own >= 0 ? show(element, own) : null;
    });
    return Promise.all([...shown, ...mark(step)]);
  }

  // Charts that follow the movies mark the step at which these stand.
  function mark(step) {
    const charts = [...document.querySelectorAll("figure.live")].filter((element) => figures[element.dataset.name].cursor);
    return charts.map((element) => {
      const x = step + (figures[element.dataset.name].figure.layout.xaxis.type === "log" ? 1 : 0);
      const line = { type: "line", xref: "x", yref: "y domain", x0: x, x1: x, y0: 0, y1: 1, line: { color: color("--accent"), width: 2 } };
      return Plotly.relayout(element.querySelector(".plot"), { shapes: [line] });
    });
  }

  const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  let playing = null;
  function halt() {
    playing = null;
    for (const button of document.querySelectorAll(".play")) button.textContent = "play";
  }

  // The next step waits until this one is drawn, so that slow machines stay at hand.
  async function play(element, button) {
    if (playing !== null) return halt();
    const { movie } = figures[element.dataset.name];
    const last = movie.steps.length - 1, own = {};
    playing = own;
    button.textContent = "pause";
    let next = movie.frame === last ? 0 : movie.frame + 1;
    while (playing === own && next <= last) {
      await move(element, next);
      await rest(MILLISECONDS);
      next += 1;
    }
    if (playing === own) halt();
  }

  function webgl() {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl"));
    } catch {
      return false;
    }
  }

  async function draw(element) {
    const found = figures[element.dataset.name];
    const dark = root.dataset.theme === "dark";
    const plot = element.querySelector(".plot");
    if (!plot) return; // a page of stills
    plot.hidden = false;
    try {
      const options = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"], toImageButtonOptions: { scale: 2 } };
      await Plotly.newPlot(plot, recolored(found.figure.data, dark), fitted(layoutOf(recolored(found.figure, dark)), plot), options);
    } catch (error) {
      plot.hidden = true;
      console.warn(String(error));
      return;
    }
    element.classList.add("live");
    if (found.movie) {
      decode(found.movie);
      tell(element, found.movie.frame);
    }
  }

  function wire(element) {
    const slider = element.querySelector("input[type=range]");
    if (!slider) return;
    slider.addEventListener("input", () => { halt(); move(element, Number(slider.value)); });
    const button = element.querySelector(".play");
    button.addEventListener("click", () => play(element, button));
  }

  function repaint() {
    const dark = root.dataset.theme === "dark";
    for (const element of document.querySelectorAll("figure.live")) {
      const found = figures[element.dataset.name], plot = element.querySelector(".plot");
      const camera = plot.layout.scene && plot.layout.scene.camera;
      const layout = layoutOf(recolored(found.figure, dark));
      if (camera) layout.scene = { ...layout.scene, camera };
      Plotly.react(plot, recolored(found.figure.data, dark), layout).then(() => {
        if (found.movie) move(element, found.movie.frame);
      });
    }
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

  const near = (element) => element.getBoundingClientRect().top < 2 * innerHeight;
  // What is seen first is drawn first; the page is ready then, and the rest follows.
  async function begin() {
    const able = webgl();
    const all = [...document.querySelectorAll("figure[data-name]")].filter((element) => able || !figures[element.dataset.name].webgl);
    for (const element of all) {
      if (!near(element)) root.dataset.ready = "true";
      await rest(0);
      await draw(element);
      wire(element);
    }
    const [first] = movies();
    if (first) await move(first, figures[first.dataset.name].movie.frame);
    root.dataset.ready = "true";
    root.dataset.drawn = "true";
  }
  begin();
})();
