// Copy buttons, questions before something is deleted, and a sign that Cal.com is being read. Without JavaScript
// everything but copying and live updates works too.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    field.select();
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  event.target.classList.add("sending");
});

// A page that the browser kept in its cache must not look as if it were still being sent.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.sending")) form.classList.remove("sending");
});

for (const place of document.querySelectorAll('section[aria-label="Preview"]')) place.focus();
