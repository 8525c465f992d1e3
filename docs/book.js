// What scrolls can be scrolled with the keyboard, too. The theme wraps its tables when it starts, and takes listings out
// of the keyboard's reach where it sees no mouse.
document$.subscribe(() => setTimeout(() => {
  for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code, figure.diagram")) {
    const reach = () => { if (part.tabIndex !== 0) part.tabIndex = 0; };
    new MutationObserver(reach).observe(part, { attributeFilter: ["tabindex"] });
    reach();
  }
}));
