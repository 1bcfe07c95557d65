"use strict";
// A graph drawn by hand. The edge list in the text field is the truth: a drawing writes it, and
// what is written there is drawn.

(function () {
    const SPACE = "http://www.w3.org/2000/svg";
    const WIDTH = 300, HEIGHT = 220, NEAR = 16, MOST = 256;
    const places = new Map();
    let picked = null;
    let field = null;
    let drawn = null;

    function element(name, attributes) {
        const made = document.createElementNS(SPACE, name);
        for (const [key, value] of Object.entries(attributes)) {
            made.setAttribute(key, value);
        }
        return made;
    }

    function edges() {
        const found = [];
        for (const line of field.value.split("\n")) {
            const words = (line.match(/"(?:[^"]|"")*"|[^\s,"]+/g) || []).map(
                (word) => word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word,
            );
            if (words.length >= 2 && words[0] && !/^[#%]/.test(words[0])) {
                found.push([words[0], words[1]]);
            }
        }
        return found;
    }

    function write(pairs) {
        const quote = (name) => /^\w+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
        const value = pairs.map((pair) => pair.map(quote).join(" ") + "\n").join("");
        window.dash_clientside.set_props("edges", {value});
        field.value = value;
        draw();
    }

    function settle(pairs) {
        const names = [...new Set(pairs.flat())].slice(0, MOST);
        const fresh = names.filter((name) => !places.has(name));
        fresh.forEach((name, index) => {
            const angle = 2 * Math.PI * (index / fresh.length) - Math.PI / 2;
            places.set(name, [
                WIDTH / 2 + 0.4 * WIDTH * Math.cos(angle),
                HEIGHT / 2 + 0.4 * HEIGHT * Math.sin(angle),
            ]);
        });
        return names;
    }

    function draw() {
        const svg = document.querySelector("#drawing svg");
        const pairs = edges();
        const named = new Set(settle(pairs));
        svg.replaceChildren();
        for (const [one, other] of pairs) {
            if (places.has(one) && places.has(other)) {
                const [x1, y1] = places.get(one), [x2, y2] = places.get(other);
                svg.append(element("line", {x1, y1, x2, y2}));
            }
        }
        for (const [name, [cx, cy]] of places) {
            const state = (name === picked ? "picked " : "") + (named.has(name) ? "" : "alone");
            const dot = element("circle", {cx, cy, r: 9, class: state});
            const long = name.length > 2;
            const text = element("text", {x: cx, y: cy + (long ? 19 : 3.5), class: long ? "long" : ""});
            text.textContent = name;
            svg.append(dot, text);
        }
        drawn = field.value;
    }

    function begin() {
        places.clear();
        picked = null;
        draw();
    }

    function fresh() {
        let number = 0;
        while (places.has(String(number))) {
            number += 1;
        }
        return String(number);
    }

    function toggle(one, other) {
        const same = (pair) => (pair[0] === one && pair[1] === other)
            || (pair[0] === other && pair[1] === one);
        const pairs = edges();
        const kept = pairs.filter((pair) => !same(pair));
        write(kept.length < pairs.length ? kept : [...pairs, [one, other]]);
    }

    function click(event) {
        const box = event.currentTarget.getBoundingClientRect();
        const x = (event.clientX - box.left) * WIDTH / box.width;
        const y = (event.clientY - box.top) * HEIGHT / box.height;
        const hit = [...places].find(([, [a, b]]) => Math.hypot(a - x, b - y) < NEAR);
        if (!hit) {
            const name = fresh();
            places.set(name, [x, y]);
            picked = name;
            draw();
        } else if (picked === null || picked === hit[0]) {
            picked = picked === hit[0] ? null : hit[0];
            draw();
        } else {
            const from = picked;
            picked = null;
            toggle(from, hit[0]);
        }
    }

    window.explorerDrawing = function () {
        const frame = document.getElementById("drawing");
        field = document.getElementById("edges");
        if (!frame || !field) {
            return;
        }
        if (frame.querySelector("svg")) {
            if (field.value !== drawn) {
                begin();
            }
            return;
        }
        const svg = element("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img"});
        svg.setAttribute("aria-label", "Drawing of the graph; the edge list below is the same");
        svg.addEventListener("click", click);
        frame.append(svg);
        field.addEventListener("input", begin);
        const clear = document.createElement("button");
        clear.type = "button";
        clear.id = "clear-drawing";
        clear.className = "quiet";
        clear.textContent = "Clear";
        clear.addEventListener("click", () => {
            places.clear();
            picked = null;
            write([]);
        });
        frame.append(clear);
        draw();
    };
})();
