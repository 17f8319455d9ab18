// Space-time diagrams: zoom into time, and a slider that says what was the case. Signs and texts keep their size; only time is stretched.
"use strict";
for (const figure of document.querySelectorAll("figure.st")) {
  const svg = figure.querySelector("svg");
  const plot = figure.querySelector(".st-plot");
  const told = figure.querySelector(".st-now");
  const slider = figure.querySelector("input[type=range]");
  const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const space = "http://www.w3.org/2000/svg";
  const whole = Math.max(1, data.to - data.from);
  const wide = data.right - data.left;
  const view = { from: data.from, to: data.to };

  // Everything that has a time, with the places that it was written with.
  const things = [];
  const collect = (parent) => {
    for (const element of parent.children) {
      const number = (name) => Number(element.getAttribute(name));
      const moved = /^translate\(([-\d.]+),([-\d.]+)\)$/.exec(element.getAttribute("transform") ?? "");
      if (moved) {
        things.push((x) => element.setAttribute("transform", `translate(${x(Number(moved[1]))},${moved[2]})`));
      } else if (element.tagName === "line") {
        const [from, to] = [number("x1"), number("x2")];
        things.push((x) => {
          element.setAttribute("x1", x(from));
          element.setAttribute("x2", x(to));
        });
      } else if (element.tagName === "rect") {
        const [from, width] = [number("x"), number("width")];
        things.push((x, stretch) => {
          element.setAttribute("x", x(from));
          element.setAttribute("width", width * stretch);
        });
      } else if (element.tagName === "circle") {
        const at = number("cx");
        things.push((x) => element.setAttribute("cx", x(at)));
      } else if (element.tagName === "polyline") {
        const points = element.getAttribute("points").split(" ").map((point) => point.split(",").map(Number));
        things.push((x) => element.setAttribute("points", points.map((point) => `${x(point[0])},${point[1]}`).join(" ")));
      } else {
        collect(element);
      }
    }
  };
  collect(svg.querySelector(".st-time"));

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(space, name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };
  const cursor = make("line", { class: "st-cursor", y1: data.top - 36, y2: data.bottom, visibility: "hidden" }, svg.querySelector(".st-time").parentNode);

  const place = (time) => data.left + ((time - view.from) / (view.to - view.from)) * wide;
  const trimmed = (value, digits) => (digits > 0 ? value.toFixed(digits).replace(/\.?0+$/, "") : String(Math.round(value)));
  // As the axis of the picture has them.
  const scale = (span) => {
    let step = 1;
    for (let power = 1; ; power *= 10) {
      const factor = [1, 2, 5].find((one) => span / (one * power) < 12);
      if (factor) {
        step = factor * power;
        break;
      }
    }
    const [unit, name] = step >= 1e8 ? [1e9, "s"] : step >= 1e3 ? [1e6, "ms"] : [1e3, "us"];
    return { step, unit, name, digits: Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9)) };
  };
  const ticks = svg.querySelector(".st-ticks");
  const sample = ticks.querySelector("text");
  const lined = ticks.querySelector("g");
  const unitOf = svg.querySelector(".st-unit text");
  const drawTicks = () => {
    const { step, unit, name, digits } = scale(view.to - view.from);
    const [lines, text] = [lined?.cloneNode(false), sample?.cloneNode(false)];
    if (!lines || !text) return;
    ticks.replaceChildren();
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      const [group, label] = [lines.cloneNode(false), text.cloneNode(false)];
      make("line", { x1: place(at), y1: data.top - 6, x2: place(at), y2: data.bottom }, group);
      label.setAttribute("x", place(at));
      label.textContent = trimmed(at / unit, digits);
      ticks.append(group, label);
    }
    unitOf.textContent = `virtual time in ${name}`;
  };

  const show = () => {
    const stretch = whole / (view.to - view.from);
    const offset = ((data.from - view.from) / (view.to - view.from)) * wide;
    const x = (at) => Math.round((data.left + offset + (at - data.left) * stretch) * 10) / 10;
    things.forEach((thing) => thing(x, stretch));
    drawTicks();
    drawCursor();
    figure.dataset.zoom = stretch.toFixed(3);
  };
  const look = (from, to) => {
    const least = Math.max(100, whole / 2000);
    const span = Math.min(whole, Math.max(least, to - from));
    view.from = Math.min(Math.max(data.from, from), data.to - span);
    view.to = view.from + span;
    show();
  };
  // What is at a share of the width stays there.
  const zoom = (factor, share) => {
    const span = view.to - view.from;
    const at = view.from + span * share;
    look(at - (span / factor) * share, at + (span / factor) * (1 - share));
  };
  const move = (share) => {
    const span = view.to - view.from;
    const from = Math.min(Math.max(data.from, view.from + span * share), data.to - span);
    look(from, from + span);
  };

  // The slider.
  let now;
  const shareOfCursor = () => (now !== undefined && now >= view.from && now <= view.to ? (now - view.from) / (view.to - view.from) : 0.5);
  function drawCursor() {
    if (now === undefined) return;
    const at = place(now);
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    cursor.setAttribute("visibility", "visible");
  }
  const instant = (time) => {
    const [unit, name] = whole < 1e6 ? [1e3, "us"] : whole < 1e9 ? [1e6, "ms"] : [1e9, "s"];
    return `${trimmed(time / unit, 3)} ${name}`;
  };
  const html = (name, text, parent) => {
    const element = document.createElement(name);
    element.textContent = text;
    parent?.append(element);
    return element;
  };
  const tell = () => {
    const is = (from, to) => from <= now && now < to;
    told.replaceChildren();
    html("b", `At ${instant(now)}: `, told);
    const before = (event) => event[0] <= now;
    const pending = data.checkpoints.filter((it) => is(it.from, it.to)).map((it) => {
      const count = (times) => times.filter((time) => time <= now).length;
      return `checkpoint ${it.id} is pending: ${count(it.cut)} of ${it.cut.length} snapshots taken, ${count(it.acks)} acknowledged; it ${it.how}`;
    });
    const last = data.events.filter(before).at(-1);
    const said = pending.length > 3 ? [...pending.slice(0, 3), `and ${pending.length - 3} more`] : pending;
    html("span", `${said.length ? said.join("; ") : "no checkpoint is pending"}${last ? `; last: ${last[1]} (${instant(last[0])})` : ""}.`, told);
    const list = html("ul", "", told);
    for (const row of data.rows) {
      const states = row.spans.filter((span) => is(span[0], span[1])).map((span) => span[2]);
      const item = html("li", "", list);
      html("b", `${row.name} `, item);
      html("span", states.length ? states.reverse().join("; ") : "is not there", item);
    }
  };
  const goTo = (time) => {
    now = Math.min(data.to, Math.max(data.from, time));
    slider.value = String(Math.round(((now - data.from) / whole) * 1000));
    slider.setAttribute("aria-valuetext", instant(now));
    if (now < view.from || now > view.to) {
      const span = view.to - view.from;
      look(now - span / 2, now + span / 2);
    }
    drawCursor();
    tell();
  };
  slider.addEventListener("input", () => goTo(data.from + (Number(slider.value) / 1000) * whole));

  // Buttons, keys, wheel, mouse.
  const does = {
    in: () => zoom(1.6, shareOfCursor()),
    out: () => zoom(1 / 1.6, shareOfCursor()),
    earlier: () => move(-0.25),
    later: () => move(0.25),
    all: () => look(data.from, data.to),
  };
  figure.querySelectorAll("button[data-do]").forEach((button) => button.addEventListener("click", does[button.dataset.do]));
  const keys = { "+": "in", "=": "in", "-": "out", "_": "out", "0": "all", Home: "all", ArrowLeft: "earlier", ArrowRight: "later" };
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    does[keys[event.key]]();
  });
  const shareAt = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    return (x - data.left) / wide;
  };
  // The wheel scrolls the page unless the diagram was asked for.
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== plot) return;
    const share = shareAt(event);
    if (share < 0 || share > 1) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, share);
  }, { passive: false });
  let held;
  plot.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button !== 0) return;
    held = { share: shareAt(event), from: view.from, moved: false };
    plot.focus({ preventScroll: true });
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const by = held.share - shareAt(event);
    if (Math.abs(by) * wide < 3 && !held.moved) return;
    held.moved = true;
    plot.classList.add("st-drag");
    const span = view.to - view.from;
    const from = Math.min(Math.max(data.from, held.from + by * span), data.to - span);
    look(from, from + span);
  });
  addEventListener("pointerup", () => {
    const clicked = held && !held.moved && held.share >= 0 && held.share <= 1;
    if (clicked) goTo(view.from + held.share * (view.to - view.from));
    plot.classList.remove("st-drag");
    held = undefined;
  });

  figure.querySelectorAll("[hidden]").forEach((element) => element.removeAttribute("hidden"));
  html("span", "Move the slider, or click into the diagram, to read what was the case at that time.", told);
}
