// What a page of a comparison or of a sweep must do in a browser; `tests/browser.sh` puts this behind it. What is wrong is told to the page around it.
"use strict";
const wrong = [];
const check = (fine, what) => fine || wrong.push(what);
// How many pictures and tables that sort there are on each kind of page.
const kind = document.body.dataset.page;
const kinds = document.querySelectorAll("article").length;
const expected = { comparison: { pictures: 8, tables: 2 }, sweep: { pictures: 0, tables: 2 } }[kind];
if (kind === "sweep") check(document.querySelectorAll("figure.st svg").length === kinds, "each kind of failure in space and time");
check((kinds > 0) === (kind === "sweep"), `${kinds} kinds of failures`);

// Texts have their width when the font is there.
document.fonts.ready.then(() => {
  try {
    // Pictures: all there, as wide as they should be, with words for those who cannot see them.
    const pictures = [...document.querySelectorAll("figure:not(.st) svg")];
    check(pictures.length === expected.pictures, `${pictures.length} pictures`);
    for (const picture of pictures) {
      const box = picture.getBoundingClientRect();
      const name = picture.closest("figure").id;
      check(box.width >= 300 && box.height >= 100, `${name} is ${box.width} by ${box.height}`);
      const said = picture.getAttribute("aria-label") ?? picture.parentElement.getAttribute("aria-label") ?? "";
      check(said.length > 30, `${name} says nothing`);
      check(picture.querySelectorAll("text").length > 5, `${name} has no texts`);
      for (const text of picture.querySelectorAll("text")) {
        const inside = text.getBoundingClientRect();
        const fits = inside.left >= box.left - 1 && inside.right <= box.right + 1 && inside.top >= box.top - 1 && inside.bottom <= box.bottom + 1;
        check(fits, `${name}: "${text.textContent.trim()}" leaves the picture`);
      }
    }

    checkSpaceTime(check);

    // Nothing is wider than the screen but what scrolls by itself.
    const page = document.documentElement;
    check(page.scrollWidth <= page.clientWidth, `the page is ${page.scrollWidth} wide, the screen ${page.clientWidth}`);
    for (const element of document.querySelectorAll("body *:not(.hidden, .skip)")) {
      const wide = element.getBoundingClientRect().right > page.clientWidth + 1;
      if (wide && !element.parentElement.closest(".scroll, .plot, pre")) {
        check(false, `${element.tagName} "${element.textContent.slice(0, 30)}" is wider than the screen`);
      }
    }

    // Tables sort, up and down, as numbers; and say so.
    const tables = [...document.querySelectorAll("table.sortable")];
    check(tables.length === expected.tables, `${tables.length} tables that sort`);
    for (const table of tables) {
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = head.querySelector("button");
        check(button.tabIndex === 0, "a title that keys do not reach");
        const values = () =>
          [...table.tBodies[0].rows].map((row) => {
            const cell = row.cells[column];
            return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
          });
        const sorted = (up) => values().every((value, at, all) => {
          const before = all[at - 1];
          if (at === 0) return true;
          const order = typeof value === "number" ? value - before : value.localeCompare(before);
          return up ? order >= 0 : order <= 0;
        });
        const count = values().length;
        button.click();
        check(sorted(true) && head.getAttribute("aria-sort") === "ascending", `${button.textContent} does not sort`);
        button.click();
        check(sorted(false) && head.getAttribute("aria-sort") === "descending", `${button.textContent} does not sort down`);
        check(values().length === count && count > 1, `${button.textContent}: ${count} rows, then ${values().length}`);
        check(table.querySelectorAll("[aria-sort]").length === 1, "more than one column says that it is sorted");
      });
    }

    // Each cell of the map of a sweep says in words what its colour does.
    for (const cell of document.querySelectorAll(".heat td")) {
      const failed = /\d of \d+ fail/.test(cell.textContent);
      check(failed || /^\d[\d,]* pass$/.test(cell.textContent) || cell.textContent === "not run", `a cell says "${cell.textContent}"`);
      check(failed === /heat-[1-4]/.test(cell.className), `"${cell.textContent}" is ${cell.className}`);
    }
    check((document.querySelector(".heat td") !== null) === (kind === "sweep"), "the map of pass and fail");

    // One strategy, or all.
    const select = document.querySelector("select[data-filters]");
    check((select !== null) === (kind === "comparison"), "the choice of a strategy");
    if (select !== null) {
      const rows = [...document.getElementById(select.dataset.filters).tBodies[0].rows];
      const choose = (value) => {
        select.value = value;
        select.dispatchEvent(new Event("change"));
        return rows.filter((row) => !row.hidden);
      };
      const some = choose("aligned");
      check(some.length > 0 && some.every((row) => row.dataset.strategy === "aligned"), "the choice of a strategy does nothing");
      check(choose("").length === rows.length, "all strategies are not all");
    }

    // Texts can be read: against the paper behind them, light and dark.
    const light = (colour) => {
      const parts = colour.match(/[\d.]+/g).slice(0, 3).map((part) => {
        const share = Number(part) / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const paper = (element) => {
      const colour = getComputedStyle(element).backgroundColor;
      return colour === "rgba(0, 0, 0, 0)" && element.parentElement !== null ? paper(element.parentElement) : colour;
    };
    for (const element of document.querySelectorAll("h1, h3, p, th, td, small, figcaption, a, li, code")) {
      const seen = contrast(getComputedStyle(element).color, paper(element));
      check(seen >= 4.5, `${element.tagName} "${element.textContent.slice(0, 20)}" has a contrast of ${seen.toFixed(1)}`);
    }
    for (const text of document.querySelectorAll("figure svg text")) {
      const sheet = getComputedStyle(text.ownerSVGElement.querySelector("rect")).fill;
      const seen = contrast(getComputedStyle(text).fill, sheet);
      check(seen >= 4.5, `"${text.textContent.trim()}" has a contrast of ${seen.toFixed(1)} in its picture`);
    }

    // Whatever can be pressed has a name, whatever has a title leads somewhere.
    for (const link of document.querySelectorAll("nav a")) {
      check(document.querySelector(link.getAttribute("href")) !== null, `${link.getAttribute("href")} leads nowhere`);
    }
    for (const pressed of document.querySelectorAll("a, button")) {
      check((pressed.getAttribute("aria-label") ?? pressed.textContent).trim() !== "", "something to press without a name");
    }
  } catch (error) {
    wrong.push(String(error));
  }

  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const said = wrong.length === 0 ? `fine at ${innerWidth}, ${scheme}` : [...new Set(wrong)].slice(0, 8).join("; ");
  parent.postMessage(said, "*");
});
