"use strict";
// What must happen in the browser itself: the theme, playing, and drawing a graph.

(function () {
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    let chosen = null;

    function theme() {
        return chosen || (system.matches ? "dark" : "light");
    }

    function dress() {
        document.documentElement.dataset.theme = theme();
    }

    dress();
    system.addEventListener("change", () => {
        dress();
        if (window.dash_clientside && window.dash_clientside.set_props) {
            window.dash_clientside.set_props("theme", {data: theme()});
        }
    });

    window.dash_clientside = Object.assign({}, window.dash_clientside, {
        explorer: {
            switchTheme(clicks) {
                if (clicks) {
                    chosen = theme() === "dark" ? "light" : "dark";
                }
                dress();
                const dark = theme() === "dark";
                return [theme(), dark ? "Light" : "Dark", String(dark)];
            },
            play(clicks, ticks, value, last, paused) {
                const hold = window.dash_clientside.no_update;
                const pressed = window.dash_clientside.callback_context.triggered
                    .some((each) => each.prop_id.startsWith("play."));
                const place = Number(value);
                if (pressed) {
                    return paused
                        ? [false, "Pause", place >= last ? 0 : hold]
                        : [true, "Play", hold];
                }
                if (paused) {
                    return [hold, hold, hold];
                }
                return place >= last ? [true, "Play", hold] : [hold, hold, place + 1];
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
