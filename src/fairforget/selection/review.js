"use strict";
const rows = JSON.parse(document.getElementById("rows").textContent);
const list = document.getElementById("list"), PAGE = 100;
let from = 0, chosen = null, saved = true;
// JavaScript counts UTF-16 units, the file counts code points
const characters = rows.map(row => Array.from(row.text));

// replace bidirectional overrides one for one, so that offsets stay the same
const withoutOverrides = text => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

function fits(row) {
  const find = document.getElementById("find").value.toLowerCase();
  const domain = document.getElementById("domain").value;
  const spans = document.getElementById("spans").value;
  return (!find || row.text.toLowerCase().includes(find))
    && (!domain || (row.domain || "").split("+").includes(domain))
    && (!spans || (spans === "with" && row.spans.length)
        || (spans === "without" && !row.spans.length) || (spans === "edited" && row.edited));
}

function pieces(number, into) {
  const row = rows[number], text = characters[number];
  const edges = new Set([0, text.length]);
  for (const [start, end] of [...row.spans, ...row.mentions]) { edges.add(start); edges.add(end); }
  const sorted = [...edges].sort((a, b) => a - b);
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [start, end] = [sorted[i], sorted[i + 1]];
    const inside = ranges => ranges.some(([a, b]) => a <= start && end <= b);
    const part = document.createElement(inside(row.spans) ? "mark" : "span");
    if (inside(row.mentions)) part.className = "mention";
    part.textContent = withoutOverrides(text.slice(start, end).join(""));
    into.append(part);
  }
}

function article(number) {
  const row = rows[number], element = document.createElement("article");
  const facts = document.createElement("p"), text = document.createElement("div");
  const why = document.createElement("p");
  facts.className = "facts" + (row.edited ? " edited" : "");
  facts.textContent = withoutOverrides([row.id, row.domain, row.group].filter(Boolean).join(" · "));
  text.className = "text";
  text.dataset.number = number;
  // editable, so that the keyboard can select text; typing is disabled below
  text.contentEditable = "true";
  text.spellcheck = false;
  for (const [name, value] of [["role", "textbox"], ["aria-readonly", "true"],
    ["aria-multiline", "true"], ["aria-label", `Text ${row.id}`]]) text.setAttribute(name, value);
  text.addEventListener("beforeinput", event => event.preventDefault());
  // an input method inserts characters nevertheless, which would shift the offsets
  text.addEventListener("input", () => { text.replaceChildren(); pieces(number, text); chosen = null; });
  text.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "m" && event.key !== "u") return;
    remember();
    change(event.key === "m");
  });
  pieces(number, text);
  why.className = "why";
  why.textContent = withoutOverrides(row.why.join("; "));
  element.append(facts, text, why);
  return element;
}

function draw() {
  chosen = null;
  const matches = rows.map((row, number) => number).filter(number => fits(rows[number]));
  if (from >= matches.length) from = 0;
  list.replaceChildren(...matches.slice(from, from + PAGE).map(article));
  const last = Math.min(from + PAGE, matches.length);
  document.getElementById("count").textContent =
    `${matches.length ? from + 1 : 0} to ${last} of ${matches.length}`;
}

function remember() {
  const selection = getSelection();
  if (!selection.rangeCount) return;
  const range = selection.getRangeAt(0), start = range.startContainer;
  const text = (start.closest ? start : start.parentElement).closest(".text");
  if (!text) {  // a click on a button keeps what was chosen
    if (!selection.isCollapsed) chosen = null;
    return;
  }
  chosen = null;
  if (selection.isCollapsed || !text.contains(range.endContainer)) return;
  const before = range.cloneRange();
  before.selectNodeContents(text);
  before.setEnd(range.startContainer, range.startOffset);
  const at = Array.from(before.toString()).length;
  chosen = [Number(text.dataset.number), at, at + Array.from(range.toString()).length];
}
document.addEventListener("selectionchange", remember);

function change(marked) {
  if (!chosen) return;
  const [number, start, end] = chosen, row = rows[number], text = characters[number];
  const harmful = text.map((_, at) => row.spans.some(([a, b]) => a <= at && at < b));
  harmful.fill(marked, start, end);
  const old = new Map(row.spans.map((span, index) => [span.join(), row.why[index]]));
  row.spans = [];
  harmful.forEach((yes, at) => {
    if (yes && harmful[at - 1]) row.spans[row.spans.length - 1][1] = at + 1;
    else if (yes) row.spans.push([at, at + 1]);
  });
  row.why = row.spans.map(span => old.get(span.join()) || "marked by a person");
  row.edited = true;
  saved = false;
  draw();
  list.querySelector(`[data-number="${number}"]`)?.focus();
}

document.getElementById("mark").onclick = () => change(true);
document.getElementById("unmark").onclick = () => change(false);
document.getElementById("more").onclick = () => { from += PAGE; draw(); scrollTo(0, 0); };
document.getElementById("show").onclick = event => {
  const shown = list.classList.toggle("shown");
  event.target.setAttribute("aria-pressed", shown);
};
for (const id of ["find", "domain", "spans"])
  document.getElementById(id).oninput = () => { from = 0; draw(); };
document.getElementById("export").onclick = () => {
  const lines = rows.map(({edited, ...row}) => JSON.stringify({...row, edited: Boolean(edited)}) + "\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines, {type: "application/jsonl"}));
  link.download = "reviewed.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
  saved = true;
};
// marks are in this page only until they are exported
addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
draw();
