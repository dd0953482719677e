// The little of Markdown that models write, as a tree: no HTML, no images, no link that is more than its words.

export type Inline =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em'; inside: Inline[] }
  | { kind: 'link'; inside: Inline[]; to: string };

export type Block =
  | { kind: 'paragraph' | 'quote'; inside: Inline[] }
  | { kind: 'heading'; level: number; inside: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; start: number; items: Inline[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] };

const DEEPEST = 4;
const LONGEST = 4_000; // characters of a paragraph that are looked through; a longer one is shown as it is
const ITEM = /^\s{0,8}(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const ROW = /^\s*\|.*\|\s*$/;
const RULE = /^\s*\|?[\s:|-]+\|?\s*$/;

/** The blocks of a text. */
export function blocks(text: string): Block[] {
  const found: Block[] = [];
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  let at = 0;
  const here = () => lines[at] ?? '';
  while (at < lines.length) {
    const line = here();
    const fence = /^\s{0,3}(```+|~~~+)/.exec(line);
    if (fence) {
      const mark = fence[1] ?? '```';
      const code: string[] = [];
      for (at += 1; at < lines.length && !here().trim().startsWith(mark); at += 1) code.push(here());
      at += 1;
      found.push({ kind: 'code', text: code.join('\n') });
      continue;
    }
    const heading = /^(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line);
    if (heading) {
      found.push({ kind: 'heading', level: (heading[1] ?? '').length, inside: inline(heading[2] ?? '') });
      at += 1;
      continue;
    }
    if (ROW.test(line) && RULE.test(lines[at + 1] ?? '') && (lines[at + 1] ?? '').includes('-')) {
      const head = cells(line);
      const rows: Inline[][][] = [];
      for (at += 2; at < lines.length && ROW.test(here()); at += 1) rows.push(cells(here()));
      found.push({ kind: 'table', head, rows });
      continue;
    }
    const item = ITEM.exec(line);
    if (item) {
      const ordered = item[2] !== undefined;
      const items: string[] = [];
      for (; at < lines.length; at += 1) {
        const next = ITEM.exec(here());
        if (next && (next[2] !== undefined) === ordered) items.push(next[3] ?? '');
        else if (/^\s{2,}\S/.test(here()) && items.length > 0) items[items.length - 1] += `\n${here().trim()}`;
        else break;
      }
      found.push({ kind: 'list', ordered, start: Number(item[2] ?? 1), items: items.map((one) => inline(one)) });
      continue;
    }
    if (line.trim() === '') {
      at += 1;
      continue;
    }
    const quote = /^\s{0,3}>/.test(line);
    const words: string[] = [];
    for (; at < lines.length && here().trim() !== '' && /^\s{0,3}>/.test(here()) === quote; at += 1) {
      if (words.length > 0 && (/^\s{0,3}(```|~~~|#{1,6}\s)/.test(here()) || ITEM.test(here()) || ROW.test(here()))) break;
      words.push(quote ? here().replace(/^\s{0,3}>\s?/, '') : here());
    }
    found.push({ kind: quote ? 'quote' : 'paragraph', inside: inline(words.join('\n')) });
  }
  return found;
}

function cells(line: string): Inline[][] {
  const inner = line.trim().replace(/^\||\|$/g, '');
  return inner.split('|').map((cell) => inline(cell.trim()));
}

const MARK = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|\*(?=[^\s*])([^*\n]*?[^\s*])\*(?!\*)|!?\[([^\]\n]{0,500})\]\(([^()\s]{1,2000})\)/;

/** What stands in a line. */
function inline(text: string, deep = 0): Inline[] {
  if (deep >= DEEPEST || text.length > LONGEST) return [{ kind: 'text', text }];
  const found: Inline[] = [];
  let rest = text;
  while (rest !== '') {
    const mark = MARK.exec(rest);
    if (mark === null) break;
    if (mark.index > 0) found.push({ kind: 'text', text: rest.slice(0, mark.index) });
    const [whole, , code, strong, em, words, to] = mark;
    if (code !== undefined) found.push({ kind: 'code', text: code });
    else if (strong !== undefined) found.push({ kind: 'strong', inside: inline(strong, deep + 1) });
    else if (em !== undefined) found.push({ kind: 'em', inside: inline(em, deep + 1) });
    else found.push({ kind: 'link', inside: inline(words ?? '', deep + 1), to: to ?? '' });
    rest = rest.slice(mark.index + whole.length);
  }
  if (rest !== '') found.push({ kind: 'text', text: rest });
  return found;
}
