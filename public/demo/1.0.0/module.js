/**
 * Greets people in their language, at the right time of day. An ES module:
 *
 *   import { greet, mount } from "https://cdn.example.com/demo/1.0.0/module.js";
 *
 *   greet("Ada", { language: "fr", date: new Date(2026, 0, 1, 19) });   // "Bonsoir, Ada !"
 *   mount(document);   // fills every <p data-greet="Ada"></p>
 */
import { greetings, parts } from "./sibling.js";

export const version = "1.0.0";

/** The part of the day that an hour (0 to 23) belongs to. */
export function partOfDay(hour) {
  const begun = parts.filter(([, start]) => start <= hour);
  return begun[begun.length - 1][0];
}

/** The first of the wanted languages that we speak, else English. */
export function chooseLanguage(wanted) {
  const primary = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return primary.find((tag) => Object.hasOwn(greetings, tag)) ?? "en";
}

/** A greeting; language and date default to the reader's own. */
export function greet(name, { language, date = new Date() } = {}) {
  const wanted = language ? [language] : globalThis.navigator?.languages ?? [];
  const words = greetings[chooseLanguage(wanted)];
  return words[partOfDay(date.getHours())].replace("name", () => name);
}

/** Fill every element below `root` that has a data-greet attribute; returns how many. */
export function mount(root, options) {
  const elements = root.querySelectorAll("[data-greet]");
  for (const element of elements) {
    element.textContent = greet(element.dataset.greet, options);
    element.classList.add("greeting");
  }
  return elements.length;
}
