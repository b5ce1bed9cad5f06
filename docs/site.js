// Wide tables and equations scroll sideways; this lets the keyboard scroll them too.
document$.subscribe(() => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, math[display=block]")) {
    wide.setAttribute("tabindex", "0");
  }
});
