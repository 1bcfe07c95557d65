"use strict";
// What happens in the browser itself: news of the training, its viewers, the theme, a graph drawn.

(function () {
    const QUICK = 150, IDLE = 1500, CURVES = 1000, MARK = 200; // milliseconds
    const NARROW = 190, NUMBERS = 34; // pixels of a chart, and of the numbers beside it
    const DEAD = "The explorer does not answer: it has ended, or this machine slept. "
        + "Start geomem explore again; this page goes on by itself.";
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const panes = {shown: {}, pinned: {}};
    const sent = {}; // properties of Dash that were set last
    let chosen = null, session = null, wake = () => {}, drawn = -Infinity, moving = false;
    let across = 0; // charts in a row
    let settings = ""; // of what is on show, as the address has them
    let returning = location.hash !== ""; // to the view that the address holds, once all is there

    const one = (id) => document.getElementById(id);
    const theme = () => chosen || (system.matches ? "dark" : "light");
    const write = (element, text) => {
        if (element.textContent !== text) element.textContent = text;
    };

    function make(name, attributes, ...children) {
        const element = Object.assign(document.createElement(name), attributes);
        element.append(...children);
        return element;
    }

    function set(id, name, value) {
        if (sent[id + name] === value) return;
        sent[id + name] = value;
        window.dash_clientside.set_props(id, {[name]: value});
    }

    // ---- Dash names its lists of choices as if no radio buttons were in them, and an upload not at all

    function rename() {
        const chooser = document.querySelector("#file input:not([aria-label])");
        if (chooser) {
            chooser.setAttribute("aria-label", "A graph file");
            chooser.tabIndex = -1; // its button is reached
        }
        for (const element of document.querySelectorAll(".dash-options-list[role], .dash-options-list-option[role], .dash-options-list-option[aria-selected]")) {
            element.removeAttribute("role");
            element.removeAttribute("aria-selected");
        }
    }
    new MutationObserver(rename).observe(document.documentElement, {
        attributeFilter: ["role", "aria-selected"], childList: true, subtree: true,
    });

    // ---- the address: the settings of what is on show and, once "link" was pressed, how it is looked at

    function settingsInAddress() {
        const found = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
        for (const name of Object.keys(panes)) delete found[name];
        return found;
    }

    function writeAddress(asked) {
        settings = String(new URLSearchParams(asked));
        if (settings === String(new URLSearchParams(settingsInAddress()))) return;
        history.replaceState(null, "", `#${settings}`); // a view of something else goes with it
        returning = false;
    }

    window.addEventListener("hashchange", () => {
        const found = settingsInAddress();
        if (String(new URLSearchParams(found)) === settings) return;
        returning = true;
        window.dash_clientside.set_props("link", {data: found});
    });

    // ---- news: each answer is awaited before the next is asked for, so that none is dropped

    async function watch() {
        for (;;) {
            let pause = IDLE;
            try {
                const news = await ask();
                await show(news);
                pause = news.running ? QUICK : IDLE;
            } catch (error) {
                if (!(error instanceof TypeError)) throw error; // what fetch throws
                write(one("status"), DEAD);
            }
            await new Promise((resolve) => {
                wake = resolve;
                setTimeout(resolve, pause);
            });
        }
    }

    async function ask() {
        const asked = {session, theme: theme(), curves: performance.now() - drawn > CURVES};
        for (const name of Object.keys(panes)) {
            asked[name] = [panes[name].key || "", panes[name].viewer?.frames.length || 0];
        }
        const answer = await fetch("news", {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked),
        });
        if (!answer.ok) throw new TypeError(answer.statusText);
        return answer.json();
    }

    async function show(news) {
        write(one("status"), news.status);
        for (const name of Object.keys(panes)) await showPane(name, news.panes[name]);
        one("panes").className = news.panes.pinned ? "panes two" : "panes one";
        showDifferences(news.differences);
        if (returning && panes.shown.viewer && !news.running) {
            for (const {viewer} of Object.values(panes)) viewer?.restore();
            returning = false;
        }
        set("stop", "disabled", !news.running);
        set("unpin", "disabled", !news.panes.pinned);
        for (const id of ["pin", "get-config", "get-figure", "get-html"]) set(id, "disabled", !panes.shown.viewer);
        if (news.curves) {
            drawn = news.running ? performance.now() : Infinity;
            window.dash_clientside.set_props("curves", {figure: wrapped(news.curves)});
            mark();
        }
    }

    // Charts stand in as many rows as they need to be NARROW wide.
    function columns() {
        return Math.max(Math.floor(one("curves").clientWidth / NARROW), 1);
    }

    function wrapped({data, layout}) {
        const titles = layout.annotations, wide = columns(), rows = Math.ceil(titles.length / wide), high = 1 / rows;
        across = wide;
        one("curves").parentElement.style.setProperty("--rows", rows);
        if (rows === 1) return {data, layout};
        titles.forEach((title, place) => {
            const number = place ? place + 1 : "", left = place % wide, top = 1 - Math.floor(place / wide) * high;
            const x = [left / wide + NUMBERS / one("curves").clientWidth, (left + 1) / wide - 0.012];
            Object.assign(layout[`xaxis${number}`], {domain: x});
            Object.assign(layout[`yaxis${number}`], {domain: [top - 0.72 * high, top - 0.06 * high]});
            Object.assign(title, {x: x[0], y: top - 0.06 * high});
        });
        return {data, layout};
    }

    window.addEventListener("resize", () => {
        if (panes.shown.viewer && columns() !== across) renew();
    });

    async function showPane(name, news) {
        const pane = panes[name], host = one(`${name}-view`);
        write(one(`${name}-title`), news ? news.title : "");
        if (!news || !news.key) {
            if (pane.viewer) host.replaceChildren();
            Object.assign(pane, {viewer: null, key: "", facts: []});
            one(`${name}-facts`).replaceChildren();
            return;
        }
        Object.assign(pane, {news});
        if (news.space) {
            if (name === "shown") writeAddress(news.asked);
            const before = pane.title === news.title ? pane.viewer : null;
            Object.assign(pane, {key: news.key, title: news.title, facts: news.facts});
            const onStep = (viewer) => step(name, viewer);
            const viewer = await window.GraphViewer.open(host, news.space, {key: name, onStep});
            pane.viewer = viewer;
            if (before) viewer.takeOver(before);
        } else if (news.facts.length) {
            pane.facts.push(...news.facts);
            await pane.viewer.append(news.movie);
        }
        showFacts(name, pane.viewer);
    }

    // Both panes stand at the same step.
    function step(name, viewer) {
        const there = viewer.steps[viewer.place];
        showFacts(name, viewer);
        if (name === "shown") set("step", "data", there);
        mark();
        const other = panes[name === "shown" ? "pinned" : "shown"].viewer;
        if (!other || moving) return;
        moving = true;
        other.seek(other.steps.findLastIndex((own) => own <= there));
        moving = false;
    }

    function showFacts(name, viewer) {
        const {facts, news} = panes[name], place = viewer.place;
        if (!facts[place]) return;
        const rows = facts[place].map(([word, value]) => make("div", {}, make("dt", {textContent: word}), make("dd", {textContent: value})));
        const last = place === viewer.frames.length - 1;
        const lines = last && news.verdict ? [make("p", {className: "verdict", textContent: news.verdict})] : [];
        lines.push(...news.notes.map((note) => make("p", {className: "note", textContent: note})));
        one(`${name}-facts`).replaceChildren(make("dl", {}, ...rows), ...lines);
    }

    function showDifferences(rows) {
        const place = one("differences"), text = JSON.stringify(rows);
        if (place.dataset.shown === text) return;
        place.dataset.shown = text;
        if (!rows) return place.replaceChildren();
        if (!rows.length) return place.replaceChildren(make("p", {textContent: "Both runs have the same settings."}));
        const row = (kind, cells) => make("tr", {}, ...cells.map((textContent, column) => make(column ? kind : "th", {textContent})));
        place.replaceChildren(make("table", {}, make("caption", {textContent: "What differs"}),
            make("thead", {}, row("th", ["", "on show", "pinned"])), make("tbody", {}, ...rows.map((cells) => row("td", cells)))));
    }

    // Marks the step that is shown in the curves, now and then.
    let marking = false;
    function mark() {
        if (marking) return;
        marking = true;
        setTimeout(() => {
            marking = false;
            const plot = document.querySelector("#curves .js-plotly-plot"), viewer = panes.shown.viewer;
            if (!plot?.layout || !viewer?.frames.length) return;
            const x = viewer.steps[viewer.place] + 1, line = {color: getComputedStyle(document.body).color, width: 1, dash: "dot"};
            const axes = Object.keys(plot.layout).filter((name) => /^xaxis\d*$/.test(name)).map((name) => name.slice(5));
            const shapes = axes.map((axis) => ({type: "line", xref: `x${axis}`, yref: `y${axis} domain`, x0: x, x1: x, y0: 0, y1: 1, line}));
            window.Plotly.relayout(plot, {shapes});
        }, MARK);
    }

    // ---- the theme

    function dress() {
        document.documentElement.dataset.theme = theme();
        for (const {viewer} of Object.values(panes)) viewer?.repaint();
        renew();
    }

    function renew() {
        drawn = -Infinity;
        wake();
    }

    dress();
    system.addEventListener("change", dress);

    window.dash_clientside = Object.assign({}, window.dash_clientside, {
        explorer: {
            switchTheme(clicks) {
                if (clicks) {
                    chosen = theme() === "dark" ? "light" : "dark";
                    dress();
                }
                const dark = theme() === "dark";
                return [dark ? "Light" : "Dark", String(dark)];
            },
            // A page that is loaded again finds its training again.
            remember() {
                return sessionStorage.getItem("session");
            },
            // A link fills the form.
            readAddress() {
                const found = settingsInAddress();
                return Object.keys(found).length ? found : window.dash_clientside.no_update;
            },
            arrive(name) {
                const first = session === null;
                session = name;
                if (name) sessionStorage.setItem("session", name);
                if (name && first) watch();
                return window.dash_clientside.no_update;
            },
            renew() {
                renew();
                return window.dash_clientside.no_update;
            },
            showDrawing(graph) {
                if (graph === "own" && window.explorerDrawing) {
                    window.setTimeout(window.explorerDrawing, 0);
                }
                return window.dash_clientside.no_update;
            },
        },
    });
})();
