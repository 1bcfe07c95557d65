// The viewer: a graph in space or in the plane, moving along the recorded steps of training.
//
//     const viewer = await Viewer.open(host, data, { onStep, key });
//     viewer.restore(); // the view that the address of the page holds
//
// `data` is what figures/viewer.py describes. Pixels are set one by one: on a processor alone 20,001
// nodes and their edges take some 25 ms, where WebGL in software takes 70, so that neither a graphics
// card nor a library is needed.

const SCALE = 32767;
const RATE = 9; // frames of the recording a second, at speed 1
const GLIDE = 350; // milliseconds of a camera that moves by itself
const NEAR = 14; // pixels within which a node is pointed at
const RIMMED = 3000; // nodes up to which each has a rim
const NODES = 2 ** 20; // more than any picture has
const LETTERS = 16; // of a name that are shown
const DEGREE = Math.PI / 180;
const SPEEDS = [0.25, 0.5, 1, 2, 4];
// Colours that are too dark for a dark page, and what they become there.
const DARK = {
  "#0072B2": "#4FA8E0", "#D55E00": "#F08A3C", "#444444": "#F2F2F2", "#666666": "#A0A8B4", "#000000": "#E0E0E0",
};

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
// A colour as a pixel holds it: blue, green, red from the top.
const pixel = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));

function bytesOf(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// The numbers of every step; each frame is written as its difference from the one before.
async function framesOf({ steps, values }) {
  const whole = new Int16Array(await inflated(values)), size = whole.length / steps.length;
  for (let place = size; place < whole.length; place += 1) whole[place] += whole[place - size];
  return steps.map((_, place) => whole.subarray(place * size, (place + 1) * size));
}

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function download(content, name) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// Antialiased lines and discs on an opaque ground.
class Pixels {
  constructor(context, width, height, ground) {
    this.image = context.createImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    [this.width, this.height, this.ground] = [width, height, ground];
  }

  clear() {
    this.words.fill(this.ground);
  }

  blend(x, y, color, cover) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height || cover <= 0) return;
    const place = y * this.width + x, under = this.words[place], parts = 256 * cover | 0;
    // Two channels at once: each has eight bits to grow into.
    const outer = under & 0xff00ff, middle = under & 0xff00;
    this.words[place] = 0xff000000
      | (outer + ((((color & 0xff00ff) - outer) * parts) >> 8)) & 0xff00ff
      | (middle + ((((color & 0xff00) - middle) * parts) >> 8)) & 0xff00;
  }

  line(x0, y0, x1, y1, thickness, color, opacity) {
    const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0);
    if (steep) [x0, y0, x1, y1] = [y0, x0, y1, x1];
    if (x0 > x1) [x0, y0, x1, y1] = [x1, y1, x0, y0];
    const slope = (y1 - y0) / (x1 - x0 || 1), half = (thickness / 2) * Math.hypot(1, slope) + 0.5;
    const first = Math.max(Math.ceil(x0), 0), last = Math.min(x1, (steep ? this.height : this.width) - 1);
    for (let along = first; along <= last; along += 1) {
      const middle = y0 + slope * (along - x0), thin = thickness < 1;
      const end = thin ? Math.round(middle) + 1 : middle + half;
      for (let across = thin ? end - 1 : Math.ceil(middle - half); across < end; across += 1) {
        const cover = opacity * (thin ? thickness : Math.min(1, half - Math.abs(across - middle)));
        if (steep) this.blend(across, along, color, cover);
        else this.blend(along, across, color, cover);
      }
    }
  }

  disc(x, y, radius, color) {
    const reach = radius + 0.5, inside = Math.max(radius - 0.5, 0) ** 2;
    const left = Math.max(Math.ceil(x - reach), 0), right = Math.min(Math.floor(x + reach), this.width - 1);
    const top = Math.max(Math.ceil(y - reach), 0), bottom = Math.min(Math.floor(y + reach), this.height - 1);
    for (let row = top; row <= bottom; row += 1) {
      for (let column = left; column <= right; column += 1) {
        const square = (column - x) ** 2 + (row - y) ** 2;
        if (square <= inside) this.words[row * this.width + column] = color;
        else this.blend(column, row, color, Math.min(1, reach - Math.sqrt(square)));
      }
    }
  }
}

export class Viewer {
  static DARK = DARK;
  static framesOf = framesOf;

  static async open(host, data, options) {
    const edges = new Uint32Array(await inflated(data.edges));
    const viewer = new Viewer(host, data, edges, options);
    await viewer.append(data.movie);
    return viewer;
  }

  constructor(host, data, edges, { onStep = () => {}, key = "view" } = {}) {
    Object.assign(this, { host, data, edges, onStep, key });
    this.count = data.names.length;
    this.frames = []; // Int16Array of x, y, z of every node
    this.steps = [];
    this.captions = [];
    this.time = 0; // place among the frames, between two while it plays
    this.camera = { elevation: data.view[0], azimuth: data.view[1], zoom: 1, x: 0, y: 0 };
    this.fitted = { scale: 1, x: 0, y: 0 };
    this.pinned = new Map(); // node: nodes that are lit with it
    this.lit = null; // colours of a legend entry that is lit
    this.pointed = -1;
    this.painted = 0; // pictures made, for who measures
    this.linked = Array.from({ length: this.count }, () => []);
    for (let place = 0; place < edges.length; place += 2) {
      this.linked[edges[place]].push(edges[place + 1]);
      this.linked[edges[place + 1]].push(edges[place]);
    }
    this.build();
    host.viewer = this;
  }

  // ---- the recording

  async append(movie) {
    const { steps, captions } = movie, frames = await framesOf(movie);
    const atEnd = this.following || this.time >= this.frames.length - 1, begun = this.frames.length > 0;
    this.frames.push(...frames);
    this.steps.push(...steps);
    this.captions.push(...captions);
    this.player.hidden = this.steps.length < 2;
    this.slider.max = this.steps.length - 1;
    this.fit();
    if (atEnd && begun && !still()) this.follow();
    else if (atEnd) this.seek(this.steps.length - 1);
  }

  // Moves on to the newest frame, the faster the farther it is.
  follow() {
    this.clock = this.following ? this.clock : undefined;
    this.following = true;
    this.draw();
  }

  // Stands and looks as `other` does, which shows the same graph.
  takeOver(other) {
    Object.assign(this.camera, other.camera);
    this.touched = other.touched;
    this.pinned = other.pinned;
    if (other.time < other.frames.length - 1 && !other.following) this.seek(other.time);
    if (!this.touched) this.clear();
  }

  // ---- what is around the picture

  build() {
    const button = (name, words, action, more = {}) => make("button", { type: "button", class: `viewer-${name}`, onclick: action, ...more }, words);
    this.canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": `${this.data.label} Arrow keys turn, plus and minus zoom, n names the next node, space plays.` });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.tip = make("div", { class: "viewer-tip", role: "status", hidden: true });
    this.button = button("play", "play", () => this.toggle(), { "aria-label": "Play the steps" });
    this.slider = make("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Step", oninput: () => { this.halt(); this.seek(Number(this.slider.value)); } });
    this.output = make("output");
    this.speed = make("select", { "aria-label": "Speed" }, ...SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    const pressed = (event) => {
      const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", String(on));
      return on;
    };
    this.looping = false;
    const loop = button("loop", "loop", (event) => { this.looping = pressed(event); }, { "aria-pressed": "false" });
    this.player = make("div", { class: "viewer-player", hidden: true }, this.button, this.slider, this.output, this.speed, loop);
    this.legend = make("div", { class: "viewer-legend" });
    for (const [place, [colors, words]] of this.data.legend.entries()) {
      const first = place === this.data.lit;
      if (first) this.lit = new Set(colors);
      const entry = button("key", make("i", { class: colors.length > 1 ? "wide" : "" }), (event) => {
        const on = pressed(event);
        for (const other of this.legend.children) if (other !== event.currentTarget) other.setAttribute("aria-pressed", "false");
        this.lit = on ? new Set(colors) : null;
        this.draw();
      }, { "aria-pressed": String(first) });
      entry.append(words);
      this.legend.append(entry);
    }
    const tools = make("div", { class: "viewer-tools" },
      ...(this.data.flat ? [] : [button("clear", "clear view", () => this.clear())]),
      button("fit", "fit", () => { Object.assign(this.camera, { zoom: 1, x: 0, y: 0 }); this.fit(); }),
      button("png", "PNG", () => this.exportPng()),
      button("svg", "SVG", () => this.exportSvg()),
      ...(typeof MediaRecorder === "function" && this.data.movie.steps.length > 1 ? [button("video", "video", () => this.exportVideo())] : []),
      button("link", "link", () => this.link(), { title: "Put this view into the address of the page" }));
    this.host.classList.add("viewer");
    this.host.replaceChildren(make("div", { class: "viewer-stage" }, this.canvas, this.tip), this.player, make("div", { class: "viewer-foot" }, this.legend, tools));
    this.listen();
  }

  listen() {
    const canvas = this.canvas, pointers = new Map();
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return this.point(this.nearest(event));
      const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
      const others = [...pointers.values()].filter((other) => other.pointerId !== event.pointerId);
      moved += Math.abs(dx) + Math.abs(dy);
      pointers.set(event.pointerId, event);
      if (others.length) {
        const apart = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
        this.zoom(apart(event) / Math.max(apart(before), 1));
      } else if (this.data.flat || event.shiftKey) this.move(dx, dy);
      else this.turn(dx, dy);
    });
    const release = (event) => {
      if (pointers.delete(event.pointerId) && event.type === "pointerup" && moved < 4) this.pin(this.nearest(event));
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("wheel", (event) => {
      // A page that is scrolled past must not zoom.
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    const keys = {
      ArrowLeft: () => this.turn(-16, 0), ArrowRight: () => this.turn(16, 0),
      ArrowUp: () => this.turn(0, -16), ArrowDown: () => this.turn(0, 16),
      "+": () => this.zoom(1.2), "=": () => this.zoom(1.2), "-": () => this.zoom(1 / 1.2),
      " ": () => this.toggle(), ".": () => this.seek(this.place + 1), ",": () => this.seek(this.place - 1),
      Home: () => this.seek(0), End: () => this.seek(this.steps.length - 1), c: () => this.clear(),
      n: () => this.point((this.pointed + 1) % this.count), p: () => this.point((this.pointed + this.count - 1) % this.count),
      Enter: () => this.pin(this.pointed), Escape: () => { this.pinned.clear(); this.point(-1); this.draw(); },
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  // ---- time

  get place() {
    return Math.floor(this.time + 1e-6);
  }

  // The step that is shown, between two recorded ones while it plays.
  get step() {
    const { steps, place } = this, [one, other = one] = [steps[place], steps[place + 1]];
    return one + (this.time - place) * (other - one);
  }

  // Where a step stands among the frames.
  timeOf(step) {
    const place = Math.max(this.steps.findLastIndex((other) => other <= step), 0);
    const [one, other = one] = [this.steps[place], this.steps[place + 1]];
    return place + (other > one ? clamp((step - one) / (other - one), 0, 1) : 0);
  }

  seek(place) {
    this.following = false;
    this.time = clamp(place, 0, this.frames.length - 1);
    this.tell();
    this.draw();
  }

  tell() {
    this.onStep(this);
    if (this.told === this.place) return;
    this.told = this.place;
    const step = this.steps[this.place].toLocaleString("en");
    this.slider.value = this.place;
    this.slider.setAttribute("aria-valuetext", `step ${step}, ${this.captions[this.place]}`);
    this.output.textContent = `step ${step}`;
  }

  get playing() {
    return this.button.textContent === "pause";
  }

  toggle() {
    if (this.playing) return this.halt();
    if (this.frames.length < 2) return;
    if (this.place >= this.frames.length - 1) this.time = 0;
    this.button.textContent = "pause";
    this.following = false;
    this.clock = undefined;
    this.draw();
  }

  halt() {
    if (!this.playing) return;
    this.button.textContent = "play";
    this.seek(this.place);
  }

  advance(now) {
    const last = this.frames.length - 1, passed = (now - (this.clock ?? now)) / 1000;
    this.clock = now;
    this.time += passed * (this.following ? RATE + 4 * (last - this.time) : RATE * Number(this.speed.value));
    if (this.time >= last) {
      if (this.playing && this.looping) this.time %= last || 1;
      else {
        [this.time, this.following] = [last, false];
        this.button.textContent = "play";
      }
    }
    this.tell();
  }

  // ---- the camera

  turn(dx, dy) {
    if (this.data.flat) return this.move(dx, dy);
    this.gliding = null;
    this.touched = true;
    this.camera.azimuth = (this.camera.azimuth - 0.5 * dx) % 360;
    this.camera.elevation = clamp(this.camera.elevation + 0.5 * dy, -90, 90);
    this.draw();
  }

  move(dx, dy) {
    this.camera.x += dx;
    this.camera.y += dy;
    this.draw();
  }

  zoom(factor) {
    this.camera.zoom = clamp(this.camera.zoom * factor, 0.2, 50);
    this.draw();
  }

  // Turns to the view from which the fewest edges cross.
  clear(view = this.data.view) {
    this.data.view = view;
    this.touched = false;
    const [elevation, azimuth] = view, from = { ...this.camera };
    const around = ((((azimuth - from.azimuth) % 360) + 540) % 360) - 180;
    const to = { elevation, azimuth: from.azimuth + around, zoom: 1, x: 0, y: 0 };
    this.gliding = { from, to, begin: performance.now(), length: still() ? 0 : GLIDE };
    this.fit(to);
  }

  glide(now) {
    const { from, to, begin, length } = this.gliding;
    const share = length ? clamp((now - begin) / length, 0, 1) : 1, eased = share * share * (3 - 2 * share);
    for (const name of Object.keys(to)) this.camera[name] = from[name] + (to[name] - from[name]) * eased;
    if (share === 1) this.gliding = null;
  }

  axes({ elevation, azimuth } = this.camera) {
    if (this.data.flat) return [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    const [e, a] = [elevation * DEGREE, azimuth * DEGREE];
    const [sinE, cosE, sinA, cosA] = [Math.sin(e), Math.cos(e), Math.sin(a), Math.cos(a)];
    return [[-sinA, cosA, 0], [-sinE * cosA, -sinE * sinA, cosE], [cosE * cosA, cosE * sinA, sinE]];
  }

  // All frames, seen from here, fill the picture.
  fit(camera = this.camera) {
    const [right, up] = this.axes(camera), low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (const frame of this.frames) {
      for (let i = 0; i < frame.length; i += 3) {
        for (const [axis, [a, b, c]] of [right, up].entries()) {
          const value = (a * frame[i] + b * frame[i + 1] + c * frame[i + 2]) / SCALE;
          if (value < low[axis]) low[axis] = value;
          if (value > high[axis]) high[axis] = value;
        }
      }
    }
    const { clientWidth: width, clientHeight: height } = this.canvas, margin = this.data.named ? 34 : 16;
    const [wide, tall] = [0, 1].map((axis) => Math.max(high[axis] - low[axis], 1e-6));
    this.fitted = {
      scale: Math.max(Math.min((width - 2 * margin) / wide, (height - 2 * margin) / tall), 1),
      x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2,
    };
    this.draw();
  }

  // ---- nodes

  nearest(event) {
    if (!this.xs) return -1;
    const box = this.canvas.getBoundingClientRect(), ratio = this.ratio;
    const [x, y] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let best = -1, least = (NEAR * ratio) ** 2;
    for (let node = 0; node < this.count; node += 1) {
      const square = (this.xs[node] - x) ** 2 + (this.ys[node] - y) ** 2;
      if (square < least) [best, least] = [node, square];
    }
    return best;
  }

  point(node) {
    if (node === this.pointed) return;
    this.pointed = node;
    this.tip.hidden = node < 0;
    if (node >= 0) {
      const near = this.linked[node].map((other) => this.data.names[other]);
      const cut = near.length > 12 ? `, … (${near.length})` : "";
      const root = node === this.data.root ? " (root)" : "", note = this.data.notes[node] ? `, ${this.data.notes[node]}` : "";
      this.tip.textContent = `${this.data.names[node]}${root}${note}${near.length ? `; neighbours: ${near.slice(0, 12).join(", ")}${cut}` : ""}`;
    }
    this.draw();
  }

  // A click lights a node and its neighbours, the next one its arm, the third lets it go.
  pin(node) {
    if (node < 0) this.pinned.clear();
    else if (!this.pinned.has(node)) this.pinned.set(node, [node, ...this.linked[node]]);
    else {
      const arm = this.armOf(node);
      if (arm.length && this.pinned.get(node).arm === undefined) this.pinned.set(node, Object.assign(arm, { arm: true }));
      else this.pinned.delete(node);
    }
    this.draw();
  }

  // The nodes that hang together without the root.
  armOf(node) {
    const root = this.data.root;
    if (root === null || node === root) return [];
    const found = new Set([node]);
    for (const one of found) for (const other of this.linked[one]) if (other !== root) found.add(other);
    return [...found];
  }

  // ---- drawing

  resize() {
    const { clientWidth: width } = this.canvas.parentElement;
    if (!width) return;
    const height = Math.round(Math.min(this.data.height, Math.max(0.95 * width, 260)));
    this.canvas.style.height = `${height}px`;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    [this.canvas.width, this.canvas.height] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    this.pixels = null;
    this.fit();
    if (this.frames.length) this.paint(); // a canvas is blank when its size has changed
  }

  // The colours of the page may have changed.
  repaint() {
    this.pixels = null;
    this.draw();
  }

  draw() {
    this.asked ??= requestAnimationFrame((now) => {
      this.asked = undefined;
      if (this.playing || this.following) this.advance(now);
      if (this.gliding) this.glide(now);
      if (this.frames.length && this.canvas.width > 1) this.paint();
      if (this.playing || this.following || this.gliding) this.draw();
    });
  }

  color(name) {
    this.context.fillStyle = getComputedStyle(this.host).getPropertyValue(name).trim() || "#888888";
    return this.context.fillStyle;
  }

  begin() {
    const paper = this.color("--paper"), ground = rgb(paper), dark = ground[1] < 128;
    const shown = (color) => (dark && DARK[color.toUpperCase()]) || color;
    const shades = this.data.palette.map(shown).map(rgb);
    for (const [place, [colors]] of this.data.legend.entries()) {
      this.legend.children[place].firstChild.style.background = `linear-gradient(90deg, ${colors.map(shown).join(", ")}, ${shown(colors.at(-1))})`;
    }
    const faded = (shade) => shade.map((value, channel) => 0.15 * value + 0.85 * ground[channel]);
    this.paper = paper;
    this.ink = this.color("--ink");
    this.shades = shades.map(pixel);
    this.faded = shades.map(faded).map(pixel);
    this.rim = pixel(ground);
    this.line = pixel(dark ? [150, 158, 168] : [120, 126, 134]);
    this.pixels = new Pixels(this.context, this.canvas.width, this.canvas.height, this.rim);
  }

  // Where every node stands on the canvas, and how near it is.
  project(ratio = this.ratio) {
    const { count, frames, camera, fitted } = this, [r, u, n] = this.axes();
    const one = frames[this.place], other = frames[Math.min(this.place + 1, frames.length - 1)];
    const share = still() ? 0 : this.time - this.place, scale = fitted.scale * camera.zoom * ratio;
    const middle = [(this.canvas.clientWidth / 2 + camera.x) * ratio, (this.canvas.clientHeight / 2 + camera.y) * ratio];
    this.xs ??= new Float32Array(count);
    this.ys ??= new Float32Array(count);
    this.zs ??= new Float32Array(count);
    for (let node = 0, i = 0; node < count; node += 1, i += 3) {
      const x = (one[i] + (other[i] - one[i]) * share) / SCALE;
      const y = (one[i + 1] + (other[i + 1] - one[i + 1]) * share) / SCALE;
      const z = (one[i + 2] + (other[i + 2] - one[i + 2]) * share) / SCALE;
      this.xs[node] = middle[0] + scale * (r[0] * x + r[1] * y + r[2] * z - fitted.x);
      this.ys[node] = middle[1] - scale * (u[0] * x + u[1] * y + u[2] * z - fitted.y);
      this.zs[node] = n[0] * x + n[1] * y + n[2] * z;
    }
    this.keys ??= new Float64Array(count);
    for (let node = 0; node < count; node += 1) this.keys[node] = Math.round((this.zs[node] + 2) * 1e5) * NODES + node;
    this.keys.sort(); // far nodes first
  }

  // Whether each node is lit; null where none is chosen.
  lights() {
    if (!this.pinned.size && !this.lit) return null;
    const { palette, colors } = this.data;
    const found = Uint8Array.from(colors, (color) => Number(this.lit !== null && this.lit.has(palette[color])));
    for (const nodes of this.pinned.values()) for (const node of nodes) found[node] = 1;
    return found;
  }

  radius(node) {
    const base = this.data.named ? 6.5 : clamp(90 / Math.sqrt(this.count), 1.6, 4.5);
    const grown = base * (this.data.flat ? 1 : 1 + 0.18 * this.zs[node]) * Math.min(Math.sqrt(this.camera.zoom), 2);
    return node === this.data.root || node === this.pointed || this.pinned.has(node) ? 1.5 * grown : grown;
  }

  // Hands out edges, then nodes from the farthest to the nearest: for pixels as for files.
  shapes(line, disc) {
    const { edges, xs, ys, zs } = this, lights = this.lights();
    const thin = this.data.named ? 1.6 : this.count > RIMMED ? 0.35 : 1;
    for (const bright of lights ? [0, 1] : [1]) {
      for (let place = 0; place < edges.length; place += 2) {
        const one = edges[place], other = edges[place + 1];
        if (lights && (lights[one] & lights[other]) !== bright) continue;
        const opacity = bright ? clamp(0.6 + 0.22 * (zs[one] + zs[other]), 0.3, 0.9) : 0.12;
        line(xs[one], ys[one], xs[other], ys[other], lights && bright ? 1.6 * thin : thin, opacity);
      }
    }
    for (const key of this.keys) {
      const node = key % NODES, faint = lights && !lights[node] && node !== this.pointed;
      disc(xs[node], ys[node], this.radius(node), (faint ? this.faded : this.shades)[this.data.colors[node]]);
    }
  }

  paint() {
    if (!this.pixels) this.begin();
    this.project();
    const { pixels, ratio, context, rim } = this, rimmed = this.count <= RIMMED;
    pixels.clear();
    this.shapes(
      (x0, y0, x1, y1, thickness, opacity) => pixels.line(x0, y0, x1, y1, thickness * ratio, this.line, opacity),
      (x, y, radius, color) => {
        if (rimmed) pixels.disc(x, y, (radius + 1) * ratio, rim);
        pixels.disc(x, y, radius * ratio, color);
      });
    context.putImageData(pixels.image, 0, 0);
    context.font = `${11.5 * ratio}px ${getComputedStyle(this.host).fontFamily}`;
    context.textAlign = "center";
    context.lineWidth = 3 * ratio;
    [context.strokeStyle, context.fillStyle] = [this.paper, this.ink];
    for (const [words, x, y] of this.labels()) {
      context.strokeText(words, x, y);
      context.fillText(words, x, y);
    }
    if (this.pointed >= 0) this.tip.style.translate = this.beside(this.pointed);
    this.painted += 1;
  }

  // Names and where they stand, the nearest nodes first, none over another.
  labels() {
    const { names, root, named } = this.data, ratio = this.ratio, taken = [], found = [];
    const first = [this.pointed, ...this.pinned.keys(), ...[...this.pinned.values()].flatMap((nodes) => nodes.slice(0, 24)), root ?? -1];
    const rest = named ? Array.from(this.keys, (key) => key % NODES).reverse() : [];
    for (const node of new Set([...first, ...rest])) {
      if (node < 0) continue;
      const words = names[node].length > LETTERS ? `${names[node].slice(0, LETTERS - 1)}…` : names[node];
      const x = this.xs[node], y = this.ys[node] - (this.radius(node) + 3) * ratio;
      const reach = this.context.measureText(words).width / 2;
      if (taken.some(([a, b, far]) => Math.abs(a - x) < far + reach && Math.abs(b - y) < 11 * ratio)) continue;
      taken.push([x, y, reach]);
      found.push([words, x, y]);
    }
    return found;
  }

  // Where the words about a node stand, within the picture.
  beside(node) {
    const [x, y] = [this.xs[node] / this.ratio, this.ys[node] / this.ratio], { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = clamp(x + 12, 0, Math.max(this.canvas.clientWidth - width, 0));
    return `${left}px ${y + 12 + height > this.canvas.clientHeight ? y - 12 - height : y + 12}px`;
  }

  // ---- files and addresses

  file(suffix) {
    return `${this.key}-${this.steps[this.place]}.${suffix}`;
  }

  exportPng() {
    const { canvas, ratio } = this;
    this.ratio = 3;
    [canvas.width, canvas.height] = [canvas.clientWidth * 3, canvas.clientHeight * 3];
    this.pixels = null;
    this.paint();
    canvas.toBlob((content) => download(content, this.file("png")));
    this.ratio = ratio;
    this.resize();
  }

  exportSvg() {
    const svg = (name, attributes, words = "") => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, typeof value === "number" ? value.toFixed(2) : value);
      element.textContent = words;
      return element;
    };
    const { clientWidth: width, clientHeight: height } = this.canvas, ratio = this.ratio;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, "font-family": "sans-serif", "font-size": 11.5, "text-anchor": "middle" });
    const paint = (color) => `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
    picture.append(svg("title", {}, this.data.label), svg("rect", { width, height, fill: this.paper }));
    this.shapes(
      (x0, y0, x1, y1, thickness, opacity) => picture.append(svg("line", { x1: x0 / ratio, y1: y0 / ratio, x2: x1 / ratio, y2: y1 / ratio, stroke: paint(this.line), "stroke-width": thickness, "stroke-opacity": opacity })),
      (x, y, r, color) => picture.append(svg("circle", { cx: x / ratio, cy: y / ratio, r, fill: paint(color), stroke: this.paper })));
    for (const [words, x, y] of this.labels()) picture.append(svg("text", { x: x / ratio, y: y / ratio, fill: this.ink }, words));
    download(new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" }), this.file("svg"));
  }

  // Records the steps from the first to the last as they play.
  exportVideo() {
    const recorder = new MediaRecorder(this.canvas.captureStream(30)), parts = [];
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => download(new Blob(parts, { type: recorder.mimeType }), `${this.key}.${recorder.mimeType.includes("mp4") ? "mp4" : "webm"}`));
    this.halt();
    this.seek(this.frames.length - 1);
    // It takes a moment to begin, and the last picture stays for one.
    const watch = () => (this.playing ? setTimeout(watch, 50) : setTimeout(() => recorder.stop(), 500));
    recorder.addEventListener("start", () => {
      this.toggle();
      watch();
    });
    recorder.start();
  }

  link() {
    const { elevation, azimuth, zoom, x, y } = this.camera, written = new URLSearchParams(location.hash.slice(1));
    const numbers = [this.steps[this.place], elevation.toFixed(1), azimuth.toFixed(1), zoom.toFixed(2), x.toFixed(0), y.toFixed(0)];
    written.set(this.key, [...numbers, ...this.pinned.keys()].join(" "));
    location.hash = written;
    navigator.clipboard?.writeText(location.href).catch(() => {});
  }

  // Goes back to the view that the address of the page holds.
  restore() {
    const found = new URLSearchParams(location.hash.slice(1)).get(this.key);
    if (!found) return;
    const [step, elevation, azimuth, zoom, x, y, ...pins] = found.split(" ").map(Number);
    if (![step, elevation, azimuth, zoom, x, y].every(Number.isFinite)) return;
    this.camera = { elevation, azimuth, zoom, x, y };
    [this.gliding, this.touched] = [null, true];
    for (const node of pins) if (this.linked[node]) this.pinned.set(node, [node, ...this.linked[node]]);
    this.fit();
    this.seek(this.steps.findLastIndex((other) => other <= step));
  }
}

globalThis.GraphViewer = Viewer;
