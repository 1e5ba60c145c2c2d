// The page is complete without this; with it, texts can be copied, and a check that goes on is looked at again.
"use strict";
document.documentElement.classList.add("scripted");

const voice = document.getElementById("voice");
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    const said = button.dataset.done;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
    const before = button.dataset.label || button.textContent;
    button.dataset.label = before;
    button.textContent = said;
    voice.textContent = said;
    setTimeout(() => { button.textContent = before; voice.textContent = ""; }, 2000);
  });
}

const field = document.querySelector("[data-first]");
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && field) { event.preventDefault(); field.focus(); field.select(); }
});
