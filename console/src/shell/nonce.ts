/** The word by which this page's own styles are known to the browser (Content-Security-Policy). */
export const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// Not every library asks for the nonce of the styles that it makes. Scripts are ours alone, so what they make is ours.
const create = document.createElement.bind(document);
document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
  const made = create(name, options);
  if (made instanceof HTMLStyleElement) made.nonce = nonce;
  return made;
};

// Some icons carry an empty style of their own, inside their drawing.
const draw = document.createElementNS.bind(document) as (space: string | null, name: string, options?: ElementCreationOptions) => Element;
document.createElementNS = ((space: string | null, name: string, options?: ElementCreationOptions): Element => {
  const made = draw(space, name, options);
  if (made instanceof SVGStyleElement) made.nonce = nonce;
  return made;
}) as typeof document.createElementNS;
