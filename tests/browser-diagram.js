// What the page of a space-time diagram must do in a browser, besides what its figure must.
"use strict";
const wrong = [];
const check = (fine, what) => fine || wrong.push(what);

document.fonts.ready.then(() => {
  try {
    checkSpaceTime(check);
    const page = document.documentElement;
    check(page.scrollWidth <= page.clientWidth, `the page is ${page.scrollWidth} wide, the screen ${page.clientWidth}`);
    const words = document.querySelector("figure.st svg").textContent;
    check(words.includes("The oracle cut objects."), "no proof");
    check(document.querySelectorAll(".st-guilty line").length === 1, "no guilty record");
    check(document.querySelectorAll(".st-side line").length === 2, "the cut has not two sides");
  } catch (error) {
    wrong.push(String(error));
  }
  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const said = wrong.length === 0 ? `fine at ${innerWidth}, ${scheme}` : [...new Set(wrong)].slice(0, 8).join("; ");
  parent.postMessage(said, "*");
});
