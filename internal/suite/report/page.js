"use strict";
(() => {
  const form = document.querySelector(".filters");
  const text = document.getElementById("text");
  const shown = document.getElementById("shown");
  const fold = document.getElementById("fold");
  const buttons = [...form.querySelectorAll("[data-verdict]")];
  const tests = [...document.querySelectorAll(".test")].map((element) => ({
    element,
    verdict: element.dataset.verdict,
    text: (element.closest("section").firstElementChild.textContent + " " + element.textContent).toLowerCase(),
  }));

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = buttons.filter((b) => b.ariaPressed === "true").map((b) => b.dataset.verdict);
    let count = 0;
    for (const test of tests) {
      const show = (verdicts.length === 0 || verdicts.includes(test.verdict)) && words.every((word) => test.text.includes(word));
      test.element.hidden = !show;
      count += show ? 1 : 0;
    }
    for (const section of document.querySelectorAll("section")) {
      section.hidden = !section.querySelector(".test:not([hidden])");
    }
    shown.textContent = count === tests.length ? "" : `${count} of ${tests.length} tests`;
  };

  text.addEventListener("input", filter);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = String(button.ariaPressed !== "true");
      filter();
    });
  }
  fold.addEventListener("click", () => {
    const open = fold.ariaPressed !== "true";
    fold.ariaPressed = String(open);
    for (const test of tests) test.element.open = open;
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== text && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      text.focus();
    } else if (event.key === "Escape" && document.activeElement === text) {
      text.value = "";
      filter();
    }
  });

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code); // a page without the right to copy leaves it to the reader
      return false;
    }
  };
  for (const figure of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(figure.querySelector("code"))) ? "Copied" : "Selected";
    });
    figure.append(button);
  }
  form.hidden = false;
})();
