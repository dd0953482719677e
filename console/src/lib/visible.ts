// What hides in a text (controls of direction, invisible letters, controls) is written out, so that nothing that is
// approved looks other than it is.

// eslint-disable-next-line no-control-regex, no-misleading-character-class -- these are what is looked for
const HIDDEN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u115F\u1160\u180E\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFE00-\uFE0D\uFEFF\uFFA0\uFFF9-\uFFFB]|[\u{E0000}-\u{E0FFF}\u{1D173}-\u{1D17A}]|[\uD800-\uDFFF]/gu;

/** The text with every hidden character as its code point. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    return `\u27E8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27E9`;
  });
}

/** At most so many characters, never half of one. */
export function short(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most);
}
