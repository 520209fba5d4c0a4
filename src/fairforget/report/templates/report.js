"use strict";
(() => {
  const status = document.getElementById("status");

  // Blurred texts: one by one, or all.
  const veils = [...document.querySelectorAll(".veil")];
  const all = document.querySelector("[data-unveil-all]");
  const reveal = (veil, shown) => {
    veil.setAttribute("aria-expanded", String(shown));
    veil.querySelector(".veiled").setAttribute("aria-hidden", String(!shown));
    const label = veil.querySelector(".unseen");
    label.textContent = shown ? `Hide this ${label.dataset.name}: ` : `Show the hidden ${label.dataset.name}`;
  };
  for (const veil of veils) {
    veil.addEventListener("click", () =>
      reveal(veil, veil.getAttribute("aria-expanded") !== "true"));
  }
  if (all) {
    all.addEventListener("click", () => {
      const shown = all.dataset.shown !== "true";
      all.dataset.shown = String(shown);
      all.textContent = shown ? "Hide all texts" : "Show all texts";
      veils.forEach((veil) => reveal(veil, shown));
    });
  }

  // Copying. A page opened from disk may be refused the clipboard: then select and copy.
  const copyBySelection = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyBySelection(text);
    }
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const done = await copy(button.dataset.copy);
      button.focus();
      button.textContent = done ? "Copied" : "Not allowed";
      status.textContent = done ? `Copied as ${button.dataset.form}` : "Copying is not allowed";
      setTimeout(() => { button.textContent = button.dataset.form; }, 1600);
    });
  }

  // Sorting by a column: ascending, and on a second click descending. Empty cells stay last.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number.parseFloat(text.replace("−", "-").replaceAll(",", ""));
    return Number.isNaN(number) ? text : number;
  };
  const ranked = (one, two) => (typeof one === "number" && typeof two === "number"
    ? one - two : String(one).localeCompare(String(two)));
  for (const button of document.querySelectorAll("button.sort")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const descending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = heading.closest("table").tBodies[0];
      const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, heading.cellIndex) }));
      const missing = ({ value }) => value === "–" || value === "None";
      rows.sort((one, two) => missing(one) - missing(two)
        || (descending ? -1 : 1) * ranked(one.value, two.value));
      body.append(...rows.map(({ row }) => row));
    });
  }

  // Numbers behind the marks, for a mouse; everyone else has the table.
  const tip = document.getElementById("tip");
  for (const mark of document.querySelectorAll("[data-tip]")) {
    mark.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return;
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, left)}px`;
      const below = event.clientY + 18;
      const fits = below + tip.offsetHeight <= innerHeight;
      tip.style.top = `${fits ? below : Math.max(8, event.clientY - tip.offsetHeight - 8)}px`;
    });
    mark.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  // A table that is wider than the page can be scrolled with the keyboard.
  const scrollable = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  scrollable();
  addEventListener("resize", scrollable);
  document.querySelectorAll("details").forEach((d) => d.addEventListener("toggle", scrollable));

  // Paper cannot unfold.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => {
    folded.forEach((d) => { d.open = false; });
  });
})();
