// What is wrong with how a page is laid out, each fault in words.

const visible = () => [...document.body.querySelectorAll("*")].filter((element) => element.checkVisibility());

// Elements that reach beyond the window, but for what lies in a part that scrolls by itself.
function overflowing() {
  const wide = window.innerWidth, found = [];
  const page = document.documentElement.scrollWidth;
  if (page > wide) found.push(`the page is ${page} of ${wide} pixels wide`);
  const scrolls = (element) => {
    for (let each = element.parentElement; each && each !== document.body; each = each.parentElement)
      if (getComputedStyle(each).overflowX !== "visible") return true;
    return false;
  };
  for (const element of visible()) {
    const { left, right, width, height } = element.getBoundingClientRect();
    if (width && height && (left < -0.5 || right > wide + 0.5) && !scrolls(element))
      found.push(`${element.tagName}.${element.getAttribute("class")} from ${left} to ${right}`);
  }
  return found;
}

// Texts that are cut where a part ends, without an ellipsis that says so.
function cut() {
  const found = [];
  for (const element of visible()) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const range = document.createRange();
    for (const text of texts) {
      range.selectNodeContents(text);
      const { left, right } = range.getBoundingClientRect();
      for (let each = element; each !== document.body; each = each.parentElement) {
        const { overflowX, textOverflow, clipPath } = getComputedStyle(each);
        if (textOverflow === "ellipsis" || clipPath !== "none" || /auto|scroll/.test(overflowX)) break;
        const box = each.getBoundingClientRect();
        if (overflowX !== "visible" && (left < box.left - 1 || right > box.right + 1))
          found.push(`${element.tagName} ${text.textContent.trim().slice(0, 40)}`);
      }
    }
  }
  return found;
}

// Pairs of texts of a drawing that cover one another.
function covered(drawings) {
  const found = [];
  for (const drawing of document.querySelectorAll(drawings)) {
    if (!drawing.checkVisibility()) continue;
    const texts = [...drawing.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    for (const [number, [one, a]] of texts.entries())
      for (const [other, b] of texts.slice(number + 1)) {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        // The box of a text is higher than its letters.
        if (across > 1 && down > 4) found.push(`${one} | ${other}`);
      }
  }
  return found;
}

// Texts that stand out from what is behind them less than WCAG asks, with how much they do.
function faint() {
  const parse = (colour) => {
    const [r, g, b, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(") ? [r * 255, g * 255, b * 255, alpha] : [r, g, b, alpha];
  };
  const over = ([r, g, b, alpha], below) => [r, g, b].map((c, i) => c * alpha + below[i] * (1 - alpha));
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement)
      layers.unshift(parse(getComputedStyle(each).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (colour) => {
    const linear = colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const found = [];
  for (const element of visible()) {
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent.trim()).join("");
    if (!text || element.tagName === "OPTION") continue;
    const style = getComputedStyle(element), paper = behind(element);
    const ink = over(parse(element instanceof SVGElement ? style.fill : style.color), paper);
    const [low, high] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${element.tagName} ${text.slice(0, 40)}`);
  }
  return found;
}
