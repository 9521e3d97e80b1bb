"""What is asked of every page in a browser, and a row that means harm."""

HOSTILE = (
    "<script>document.title='owned'</script><img src=http://evil.invalid/x onerror=alert(1)>"
    "</pre></style><style>body{display:none}</style>\"'><a href=javascript:alert(2)>x</a>"
    + "unbreakable"
    * 30
)
OVERFLOW = """
const wide = document.documentElement.scrollWidth - window.innerWidth;
const over = [...document.querySelectorAll('main *')].filter(e =>
  !e.closest('.scroll') && !e.closest('.unseen') && !e.matches('.skip')
  && e.getBoundingClientRect().right > window.innerWidth + 1
  && getComputedStyle(e).position !== 'absolute');
return [wide, over.map(e => e.tagName + '.' + e.className).slice(0, 5)];
"""
CONTRAST = """
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = s => s.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.99) return c;
  }
  return [255, 255, 255];
};
const poor = [];
for (const e of document.querySelectorAll('main *, footer')) {
  if (e.closest('.heat, svg, .unseen, .skip')) continue;
  const says = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!says) continue;
  const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
}
return [...new Set(poor)];
"""
