
"use strict";
// What the scripts of all pages use.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function time(us) {
  const [unit, size] = us >= 999500 ? ["s", 1e6] : us >= 999.5 ? ["ms", 1e3] : us >= 0.9995 ? ["us", 1] : ["ns", 1e-3];
  return `${Number((us / size).toPrecision(3))} ${unit}`;
}
