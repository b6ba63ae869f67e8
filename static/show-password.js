"use strict";

// Adds a button that shows and hides what is typed to each password field.
// The label names what a press will do, so there is no aria-pressed beside it:
// together they would say the opposite of each other.
for (const input of document.querySelectorAll('input[type="password"]')) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "show";

  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", shown ? "Hide password" : "Show password");
  };

  button.addEventListener("click", () => show(input.type === "password"));
  // Browsers remember what was sent in a text field.
  input.form.addEventListener("submit", () => show(false));

  show(false);
  input.after(button);
}
