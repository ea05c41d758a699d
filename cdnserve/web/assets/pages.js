// The pages' own script: copies, searches while one types, and tries fonts. Without it, all of the pages is there.
"use strict";
const all = (selector, root = document) => root.querySelectorAll(selector);

function copyOldWay(node) {
  // navigator.clipboard is there only on https and on this machine.
  const selection = getSelection(), range = document.createRange();
  range.selectNodeContents(node);
  selection.removeAllRanges();
  selection.addRange(range);
  const done = document.execCommand("copy");
  selection.removeAllRanges();
  return done;
}

async function copy(button) {
  const node = document.getElementById(button.dataset.copy);
  let done = true;
  try {
    await navigator.clipboard.writeText(node.textContent);
  } catch {
    done = copyOldWay(node);
  }
  const label = button.dataset.label ??= button.textContent;
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  button.classList.toggle("done", done);
  setTimeout(() => {
    button.textContent = label;
    button.classList.remove("done");
  }, 1600);
}

const asking = new WeakMap();
async function ask(form) {
  // The same address that the form has without a script; of what comes, only the part with the answer is taken.
  asking.get(form)?.abort();
  const abort = new AbortController(), address = new URL(form.action);
  asking.set(form, abort);
  address.search = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(address, { signal: abort.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = form.dataset.live, found = page.getElementById(part);
    if (!found) return;
    document.getElementById(part).replaceWith(document.adoptNode(found));
    history.replaceState(null, "", address);
    prepare(found);
  } catch (error) {
    if (error.name !== "AbortError") form.submit();
  }
}

function tryFont(box) {
  const texts = all("[data-text]", box), controls = all("input[data-axis]", box);
  const show = () => {
    const axes = [...controls].filter((one) => one.dataset.axis !== "size");
    const variation = axes.map((one) => `"${one.dataset.axis}" ${one.value}`).join(", ");
    const size = [...controls].find((one) => one.dataset.axis === "size");
    for (const one of controls) one.closest("label").querySelector("output").textContent = one.value;
    for (const text of texts) text.style.fontVariationSettings = variation || "normal";
    if (size) texts[0].style.fontSize = `${size.value}px`;
  };
  box.addEventListener("input", (event) => event.target.matches("input") && show());
}

function prepare(root) {
  for (const one of all("[data-script]", root)) one.hidden = false;
  for (const box of all("[data-font]", root)) tryFont(box);
}

addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]"), line = event.target.closest(".source .l");
  if (button) copy(button);
  // A line's number is the link to it.
  if (line && event.clientX < line.getBoundingClientRect().left + 56) location.replace(`#${line.id}`);
});
addEventListener("input", (event) => {
  const form = event.target.closest("form[data-live][data-typing]");
  if (!form) return;
  clearTimeout(form.timer);
  form.timer = setTimeout(() => ask(form), 120);
});
addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-live]")) return;
  event.preventDefault();
  clearTimeout(event.target.timer);
  ask(event.target);
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, [contenteditable]")) return;
  const field = document.querySelector("input[type=search]");
  if (field) event.preventDefault(), field.focus();
});
prepare(document);
