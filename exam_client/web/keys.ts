/** The keyboard while answering. Letters can be switched off (WCAG 2.1.4) and never act in a text field or dialog. */

import { chooseOption, goTo, toggleFlag } from "./writing";
import { currentItem, items, page, screen } from "./state";

export type KeyAction = { act: "choose"; place: number } | { act: "previous" | "next" | "flag" };

/** What a key means, or null. `letters`: single-character keys are on. */
export function readKey(key: string, code: string, letters: boolean): KeyAction | null {
  if (key === "ArrowLeft") return { act: "previous" };
  if (key === "ArrowRight" || key === "Enter") return { act: "next" };
  if (!letters) return null;
  // With a Chinese input method on, `key` says only "Process"; the place on the keyboard is what is meant.
  const pressed = (key === "Process" ? code.replace(/^(Key|Digit)/, "") : key).toLowerCase();
  if (pressed === "j") return { act: "next" };
  if (pressed === "k") return { act: "previous" };
  if (pressed === "m") return { act: "flag" };
  if (/^[a-h]$/.test(pressed)) return { act: "choose", place: pressed.charCodeAt(0) - 97 };
  if (/^[1-8]$/.test(pressed)) return { act: "choose", place: Number(pressed) - 1 };
  return null;
}

const TYPED_IN = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
const ENTERED = "button, a, summary";

export function listenToKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || screen.value !== "answering" || page.dialog) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(TYPED_IN) || (event.key === "Enter" && target.closest(ENTERED))) return;
    const action = readKey(event.key, event.code, page.preferences.letter_keys);
    if (!action) return;
    event.preventDefault();
    perform(action);
  });
}

function perform(action: KeyAction): void {
  if (action.act === "choose") {
    const option = currentItem.value?.options[action.place];
    if (option) chooseOption(option.ref);
  } else if (action.act === "flag") toggleFlag();
  else if (action.act === "previous") goTo(page.current - 1);
  else if (page.current < items.value.length - 1) goTo(page.current + 1);
}
