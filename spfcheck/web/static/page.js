// The page is complete without this; with it, texts can be copied, and a second opinion that comes later is filled in.
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

// In the box a line end is part of what was pasted; in one line, Enter looks it up as in any field.
for (const box of document.querySelectorAll(".box")) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || box.value.includes("\n")) return;
    event.preventDefault();
    box.form.requestSubmit();
  });
}

const field = document.querySelector("[data-first]");
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && field) { event.preventDefault(); field.focus(); field.select(); }
});

// The report stands already; nothing but the opinion in it is looked at again, so what was typed meanwhile stays.
const EVERY_MS = 1000;
const LOOKS = 30;
async function fillIn(place, looks) {
  try {
    const answer = await fetch(place.dataset.ask, { credentials: "same-origin" });
    const text = answer.ok ? await answer.text() : "";
    const found = new DOMParser().parseFromString(text, "text/html").getElementById("opinion");
    if (found && !found.dataset.ask) {
      place.textContent = found.textContent;
      delete place.dataset.ask;
      return;
    }
  } catch { /* the service may be starting anew; the link beside the sentence stays */ }
  if (looks > 1) setTimeout(fillIn, EVERY_MS, place, looks - 1);
}
const opinion = document.getElementById("opinion");
if (opinion && opinion.dataset.ask) setTimeout(fillIn, EVERY_MS, opinion, LOOKS);
