/**
 * Greets people at the right time of day. A classic script, for pages without modules:
 *
 *   <script src="https://cdn.example.com/demo/1.0.0/greet.js" crossorigin="anonymous"></script>
 *   <p data-greet="Ada"></p>
 *
 * It fills every element that has a data-greet attribute once the page is parsed, and leaves one global:
 * greet("Ada") gives "Good morning, Ada!", greet("Ada", 20) what one says at eight in the evening.
 */
(function (global) {
  "use strict";

  /** The parts of a day: the hour at which each ends, and what one says then. */
  var parts = [
    { end: 5, words: "Good night" },
    { end: 12, words: "Good morning" },
    { end: 18, words: "Hello" },
    { end: 23, words: "Good evening" },
    { end: 24, words: "Good night" }
  ];

  /** What one says at an hour from 0 to 23. */
  function wordsAt(hour) {
    var index = 0;
    while (hour >= parts[index].end) {
      index += 1;
    }
    return parts[index].words;
  }

  /** A greeting; without an hour, for now. */
  function greet(name, hour) {
    var now = hour === undefined ? new Date().getHours() : hour;
    if (!(now >= 0 && now < 24)) {
      throw new RangeError("an hour is a number from 0 to 23, not " + hour);
    }
    return wordsAt(now) + ", " + name + "!";
  }

  /** Fill every element below root that has a data-greet attribute; returns how many. */
  function mount(root) {
    var elements = root.querySelectorAll("[data-greet]");
    for (var index = 0; index < elements.length; index += 1) {
      elements[index].textContent = greet(elements[index].getAttribute("data-greet"));
      elements[index].classList.add("greeting");
    }
    return elements.length;
  }

  greet.version = "1.0.0";
  greet.mount = mount;
  global.greet = greet;

  if (global.document) {
    global.document.addEventListener("DOMContentLoaded", function () {
      mount(global.document);
    });
  }
})(typeof globalThis === "object" ? globalThis : this);
