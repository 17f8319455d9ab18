// What space-time diagrams must do in a browser: zoom by buttons, keys, wheel and mouse, and a slider that says what was the case.
// `tests/browser.sh` puts this behind a page, and before the end of its checks; what is wrong is told to `check`.
"use strict";
const checkSpaceTime = (check) => {
  const figures = [...document.querySelectorAll("figure.st")];
  check(figures.length > 0, "no space-time diagram");
  for (const figure of figures) {
    const svg = figure.querySelector("svg");
    const plot = figure.querySelector(".st-plot");
    const slider = figure.querySelector("input[type=range]");
    const told = figure.querySelector(".st-now");
    const name = figure.id;
    const zoom = () => Number(figure.dataset.zoom ?? "1");
    const press = (what) => figure.querySelector(`button[data-do=${what}]`).click();
    const key = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const line = () => figure.querySelector(".st-lives line");
    const places = () => `${line().getAttribute("x1")} ${line().getAttribute("x2")}`;
    const ticks = () => [...figure.querySelectorAll(".st-ticks text")].map((text) => text.textContent).join(" ");

    check(figure.querySelectorAll("[hidden]").length === 0, `${name}: something stays hidden`);
    check((svg.getAttribute("aria-label") ?? "").includes("Space-time diagram of"), `${name}: says nothing`);
    check(figure.querySelectorAll(".st-cut polyline").length > 0, `${name}: no cut`);
    // A run that was made small has one record perhaps.
    const least = document.body.dataset.page === "sweep" ? 1 : 6;
    check(figure.querySelectorAll(".st-records line, .st-in-flight line").length >= least, `${name}: hardly any records`);
    for (const button of figure.querySelectorAll("button")) {
      check(button.tabIndex === 0 && (button.getAttribute("aria-label") ?? button.textContent).length > 0, `${name}: a button without a name`);
    }

    // Names, axis, legend and notes are inside of the picture, and not on each other.
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const still = [...svg.querySelectorAll("text")].filter((text) => !text.closest(".st-time"));
    const placed = still.map((text) => [text, text.getBoundingClientRect()]);
    placed.forEach(([text, inside], at) => {
      const fits = inside.left >= box.left - 1 && inside.right <= box.right + 1 && inside.top >= box.top - 1 && inside.bottom <= box.bottom + 1;
      check(fits, `${name}: "${text.textContent.slice(0, 40)}" leaves the picture`);
      const hit = placed.slice(at + 1).find(([, other]) =>
        inside.left < other.right - 2 && other.left < inside.right - 2 && inside.top < other.bottom - 6 * scale && other.top < inside.bottom - 6 * scale);
      check(!hit, `${name}: "${text.textContent.slice(0, 40)}" lies on "${hit?.[0].textContent.slice(0, 40)}"`);
    });

    // Buttons.
    const [before, axis] = [places(), ticks()];
    press("in");
    check(zoom() > 1.5 && places() !== before && ticks() !== axis, `${name}: the button does not zoom in`);
    const [near, there] = [zoom(), places()];
    press("later");
    check(zoom() === near && places() !== there, `${name}: the button does not move`);
    press("earlier");
    press("out");
    check(zoom() < near, `${name}: the button does not zoom out`);
    press("all");
    check(zoom() === 1 && places() === before && ticks() === axis, `${name}: the button does not show all: ${zoom()} "${ticks()}", not "${axis}"`);

    // Keys.
    plot.focus();
    check(document.activeElement === plot, `${name}: the diagram takes no focus`);
    key("+");
    key("+");
    check(zoom() > 2.4, `${name}: the key does not zoom in`);
    const here = places();
    key("ArrowRight");
    check(places() !== here, `${name}: the key does not move`);
    key("-");
    check(zoom() < 2.4, `${name}: the key does not zoom out`);
    key("0");
    check(zoom() === 1 && places() === before, `${name}: the key does not show all`);

    // The wheel, where the pointer is; what is there stays there.
    const middle = { clientX: box.left + box.width * 0.6, clientY: box.top + 200 * scale, bubbles: true, cancelable: true };
    const wheel = new WheelEvent("wheel", { deltaY: -100, ...middle });
    svg.dispatchEvent(wheel);
    check(wheel.defaultPrevented && zoom() > 1.2, `${name}: the wheel does not zoom`);
    press("all");
    document.activeElement.blur();
    const scrolls = new WheelEvent("wheel", { deltaY: -100, ...middle });
    svg.dispatchEvent(scrolls);
    check(!scrolls.defaultPrevented && zoom() === 1, `${name}: the wheel is taken from the page`);

    // The slider, and a click into the diagram.
    const slide = (value) => {
      slider.value = String(value);
      slider.dispatchEvent(new Event("input"));
      return told.textContent;
    };
    const cursor = () => Number(figure.querySelector(".st-cursor").getAttribute("x1"));
    const said = [0, 250, 500, 750, 1000].map((value) => [slide(value), cursor()]);
    check(said.every(([text]) => text.startsWith("At ")), `${name}: the slider says "${said[0][0].slice(0, 60)}"`);
    check(new Set(said.map(([text]) => text)).size === 5, `${name}: the slider says the same everywhere`);
    check(said.every(([, x], at) => at === 0 || x > said[at - 1][1]), `${name}: the line does not go with the slider`);
    check(said.some(([text]) => /checkpoint \d+ is pending/.test(text)), `${name}: no checkpoint is ever pending`);
    check(told.querySelectorAll("li").length === figure.querySelectorAll(".st-rows line").length - svg.querySelectorAll(".st-rows")[1].querySelectorAll("line").length, `${name}: not every task is told`);
    check(figure.querySelector(".st-cursor").getAttribute("visibility") === "visible", `${name}: no line`);
    check((slider.getAttribute("aria-valuetext") ?? "").length > 0, `${name}: the slider has no words`);
    plot.dispatchEvent(new PointerEvent("pointerdown", { button: 0, ...middle }));
    dispatchEvent(new PointerEvent("pointerup", middle));
    check(Math.abs(Number(slider.value) - 1000) > 100, `${name}: a click does not move the slider`);
  }
};
