"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  for (const field of all("input[data-filter]")) {
    const scope = document.getElementById(field.dataset.filter);
    const status = scope.querySelector("[data-matches]");
    const groups = all("[data-group]", scope).map((group) => ({ group, rows: all("[data-text]", group), open: group.open }));
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { group, rows, open } of groups) {
        let inGroup = 0;
        for (const row of rows) {
          const text = (row.dataset.text + " " + row.textContent).toLowerCase();
          const fits = wanted.every((word) => text.includes(word));
          row.hidden = !fits;
          inGroup += fits;
        }
        group.hidden = wanted.length > 0 && inGroup === 0;
        if (group.tagName === "DETAILS") group.open = wanted.length > 0 ? inGroup > 0 : open;
        shown += inGroup;
      }
      if (status) status.textContent = wanted.length ? `${shown.toLocaleString("en")} found` : "";
    });
  }

  for (const button of all("button[data-toggle]")) {
    button.addEventListener("click", () => {
      const parts = all("details", document.getElementById(button.dataset.toggle));
      const open = parts.some((part) => !part.open);
      for (const part of parts) part.open = open;
      button.textContent = open ? "Close all" : "Open all";
    });
  }

  for (const button of all("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.previousElementSibling || button);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "selected";
      }
      setTimeout(() => { button.textContent = label; }, 1200);
    });
  }

  const picture = document.querySelector("svg.picture");
  if (picture) {
    const arrows = all(".fk", picture);
    const boxes = new Map(all(".box", picture).map((box) => [box.dataset.k, box]));
    const mark = (key) => {
      picture.classList.toggle("focus", Boolean(key));
      for (const box of boxes.values()) box.classList.toggle("lit", box.dataset.k === key);
      for (const arrow of arrows) {
        const touches = Boolean(key) && (arrow.dataset.a === key || arrow.dataset.b === key);
        arrow.classList.toggle("lit", touches);
        if (touches) for (const end of [arrow.dataset.a, arrow.dataset.b]) boxes.get(end)?.classList.add("lit");
      }
    };
    for (const [key, box] of boxes) {
      box.addEventListener("pointerenter", () => mark(key));
      box.addEventListener("pointerleave", () => mark(""));
      box.parentElement.addEventListener("focus", () => mark(key));
      box.parentElement.addEventListener("blur", () => mark(""));
    }
  }

  const reveal = () => {
    const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = wanted; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (wanted) wanted.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
})();
