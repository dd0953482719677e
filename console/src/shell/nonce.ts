/** The word by which this page's own styles are known to the browser (Content-Security-Policy). */
export const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// Not every library asks for the nonce of the styles that it makes. Scripts are ours alone, so what they make is ours.
const create = document.createElement.bind(document);
document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
  const made = create(name, options);
  if (made instanceof HTMLStyleElement) made.nonce = nonce;
  return made;
};
