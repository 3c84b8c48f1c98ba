"use strict";
(() => {
  const { charts, config } = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const darkDevice = window.matchMedia("(prefers-color-scheme: dark)");

  // Charts name their colours by the variables of the page, so that a change of theme redraws nothing.
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme || (darkDevice.matches ? "dark" : "light")) === "dark";
  const showTheme = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  darkDevice.addEventListener("change", showTheme);
  showTheme();

  for (const copy of document.querySelectorAll("[data-copy]")) {
    copy.addEventListener("click", async () => {
      const code = document.getElementById(copy.dataset.copy);
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        // A page from a file may not reach the clipboard: select the text, so that the keyboard can.
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        copy.textContent = "Selected";
      }
      setTimeout(() => (copy.textContent = "Copy"), 2000);
    });
  }

  const options = {
    actions: false,
    ast: true, // no code is made of text, which the page forbids
    config,
    defaultStyle: false,
    mode: "vega-lite",
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  };
  const draw = async (place) => {
    try {
      await vegaEmbed(place, charts[place.dataset.chart], options);
      place.dataset.drawn = "yes";
    } catch (error) {
      place.textContent = "This chart could not be drawn.";
      console.error(`chart ${place.dataset.chart}:`, error);
    }
  };

  // From top to bottom, leaving the browser room to scroll between two charts.
  const drawAll = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      await draw(place);
      await new Promise((go) => setTimeout(go, 0));
    }
    root.dataset.ready = "yes";
  };
  drawAll();

  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
