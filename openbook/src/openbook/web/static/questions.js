// One key an answer: a key presses the button, or chooses the passage, that shows it. Keys typed into a field are text.
"use strict";

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input:not([type=radio]), textarea")) return;
  if (event.key === "Enter" && event.target.matches("button, a")) return;  // it presses what has the focus
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  target.click();
});
