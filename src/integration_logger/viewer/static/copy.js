// Copying, also where the clipboard is out of reach because the page came over plain http.

export function startCopy() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copyFrom(button);
  });
}

export async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy);
  const done = await copy(source.textContent);
  const word = button.querySelector("span");
  const before = word.dataset.word ?? word.textContent;
  word.dataset.word = before;
  word.textContent = done ? "Copied" : "Select and copy by hand";
  setTimeout(() => {
    word.textContent = before;
  }, 1600);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

function copyByHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
