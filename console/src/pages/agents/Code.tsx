// The editor of a file: lines, colours, what is wrong marked where it stands, words offered while one types.
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { markdown } from '@codemirror/lang-markdown';
import { yaml, yamlFrontmatter } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, type Extension, type Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { type RefObject, useEffect, useRef } from 'react';

import type { Schemas } from '~/api/client';
import { nonce } from '~/shell/nonce';
import { useDark } from '~/shell/theme';
import type { Finding } from './queries';

export type Goto = (line: number, column: number) => void;
type Words = Schemas['Vocabulary'];

interface Props {
  label: string;
  file: string;
  value: string;
  /** Without it, the file is only read. */
  onChange?: (text: string) => void;
  findings: readonly Finding[];
  words?: Words;
  gotoRef: RefObject<Goto | null>;
}

/** A file as text. */
export default function Code({ label, file, value, onChange, findings, words, gotoRef }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const change = useRef(onChange);
  const known = useRef(words);
  const look = useRef(new Compartment());
  const dark = useDark();
  const reads = onChange === undefined;
  useEffect(() => {
    change.current = onChange;
    known.current = words;
  }, [onChange, words]);
  useEffect(() => {
    if (place.current === null) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [...extensions(label, file, reads, known), look.current.of(colours(dark)), heard(change)],
      }),
    });
    view.current = made;
    made.scrollDOM.tabIndex = 0; // with the keyboard too one scrolls through what is only read
    gotoRef.current = (line, column) => {
      made.dispatch({ selection: { anchor: offset(made.state.doc, line, column) }, scrollIntoView: true });
      made.focus();
    };
    return () => {
      gotoRef.current = null;
      view.current = null;
      made.destroy();
    };
    // Made once for a file: what comes later is told to it below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [label, file, reads]);
  useEffect(() => {
    const made = view.current;
    if (made && made.state.doc.toString() !== value) {
      made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } });
    }
  }, [value]);
  useEffect(() => view.current?.dispatch({ effects: look.current.reconfigure(colours(dark)) }), [dark]);
  useEffect(() => {
    const made = view.current;
    if (made)
      made.dispatch(
        setDiagnostics(
          made.state,
          findings.map((finding) => mark(made.state.doc, finding)),
        ),
      );
  }, [findings, value]);
  return <div ref={place} dir="ltr" />;
}

function heard(change: RefObject<Props['onChange']>): Extension {
  return EditorView.updateListener.of((update) => {
    if (update.docChanged) change.current?.(update.state.doc.toString());
  });
}

// What CodeMirror's own list of invisible characters leaves out: controls of direction, and letters without a shape.
// eslint-disable-next-line no-misleading-character-class -- these are what is looked for
const HIDDEN = /[\u061c\u115f\u1160\u180e\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\uffa0]/gu;

function extensions(
  label: string,
  file: string,
  reads: boolean,
  words: RefObject<Words | undefined>,
): Extension[] {
  const plain = file.endsWith('.md')
    ? yamlFrontmatter({ content: markdown() })
    : /\.ya?ml$/.test(file)
      ? yaml()
      : [];
  return [
    EditorView.cspNonce.of(nonce),
    lineNumbers(),
    highlightSpecialChars({ addSpecialChars: HIDDEN }),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    EditorView.lineWrapping,
    EditorState.tabSize.of(2),
    plain,
    reads ? [EditorState.readOnly.of(true)] : [lintGutter(), autocompletion({ override: [offer(words)] })],
    // Tab leaves the editor, as it leaves every field: nobody is caught in it.
    keymap.of([...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', 'aria-multiline': 'true' }),
  ];
}

function colours(dark: boolean): Extension {
  const shade = dark
    ? { key: '#8ab0ff', text: '#8fd6a8', word: '#f0b84a', note: '#a3a3a3', head: '#d0b3ff' }
    : { key: '#1f4fd8', text: '#17703a', word: '#8a5a00', note: '#626262', head: '#6b2fb3' };
  const style = HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: shade.key },
    { tag: [tags.string, tags.monospace, tags.link, tags.url], color: shade.text },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: shade.word },
    {
      tag: [tags.comment, tags.meta, tags.separator, tags.punctuation, tags.processingInstruction],
      color: shade.note,
    },
    { tag: tags.heading, color: shade.head, fontWeight: '600' },
    { tag: tags.strong, fontWeight: '600' },
    { tag: tags.emphasis, fontStyle: 'italic' },
  ]);
  const theme = EditorView.theme(
    {
      '&': { fontSize: '13px', backgroundColor: 'transparent', color: 'var(--ant-color-text)' },
      '.cm-scroller': {
        fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
        lineHeight: '1.6',
      },
      '.cm-gutters': {
        backgroundColor: 'transparent',
        color: 'var(--ant-color-text-description)',
        borderRight: '1px solid var(--ant-color-border-secondary)',
      },
      '.cm-activeLine': { backgroundColor: 'var(--ant-color-fill-quaternary)' },
      '.cm-content': { caretColor: 'var(--ant-color-text)', padding: '8px 0' },
      '.cm-cursor': { borderLeftColor: 'var(--ant-color-text)' },
      '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': {
        backgroundColor: dark ? '#2b4a86' : '#cfdcff',
      },
      '.cm-tooltip': {
        backgroundColor: 'var(--ant-color-bg-elevated)',
        border: '1px solid var(--ant-color-border)',
        color: 'var(--ant-color-text)',
        borderRadius: '6px',
      },
      '.cm-tooltip-autocomplete ul li[aria-selected]': {
        backgroundColor: 'var(--ant-color-primary)',
        color: dark ? '#000' : '#fff',
      },
      '.cm-specialChar': { color: 'var(--ant-color-error)', fontWeight: '600' },
    },
    { dark },
  );
  return [syntaxHighlighting(style), theme];
}

function offset(doc: Text, line: number, column: number): number {
  const found = doc.line(Math.max(1, Math.min(line, doc.lines)));
  return Math.min(found.from + Math.max(0, column - 1), found.to);
}

/** A finding as a mark from its column to the end of the word there, or over the line. */
function mark(doc: Text, finding: Finding): Diagnostic {
  const line = doc.line(Math.max(1, Math.min(finding.line ?? 1, doc.lines)));
  const start =
    finding.column === null
      ? line.from + (/^\s*/.exec(line.text)?.[0].length ?? 0)
      : offset(doc, line.number, finding.column);
  const rest =
    finding.column === null
      ? line.text.length
      : (/^[^\s,:{}[\]]+(?::\s*[^\s,{}[\]]+)?/.exec(doc.sliceString(start, line.to))?.[0].length ?? 1);
  return {
    from: start,
    to: Math.max(start, Math.min(line.to, start + Math.max(1, rest))),
    severity: finding.level === 'error' ? 'error' : 'warning',
    message: `${finding.message} ${finding.remedy}`,
  };
}

/** Words that fit where one types: tools, levels, people, models and keys of the front matter. */
function offer(words: RefObject<Words | undefined>) {
  return (context: CompletionContext) => {
    const known = words.current;
    const before = context.matchBefore(/[\p{L}\p{N}_.:@*-]*/u);
    if (!known || before === null || (before.from === before.to && !context.explicit)) return null;
    const above = context.state.sliceDoc(0, before.from);
    if ((above.match(/^---[ \t]*$/gm)?.length ?? 0) >= 2) return null; // the instructions are prose
    const line = context.state.sliceDoc(context.state.doc.lineAt(context.pos).from, before.from);
    return { from: before.from, options: fitting(known, line), validFor: /^[\p{L}\p{N}_.:@*-]*$/u };
  };
}

function fitting(known: Words, line: string): Completion[] {
  const plain = (labels: readonly string[], type: string) => labels.map((label) => ({ label, type }));
  if (/approvers:/.test(line) && !/\]/.test(line.slice(line.lastIndexOf('approvers:'))))
    return plain(known.approvers, 'constant');
  if (/^owner:/.test(line))
    return known.people.map(({ id, name }) => ({ label: id, detail: name, type: 'variable' }));
  if (/^model:/.test(line)) return plain(known.models, 'type');
  if (/autonomy:\s*$/.test(line) || /^\s+[^\s:{]+:\s*$/.test(line))
    return plain(known.keys.autonomy ?? [], 'keyword');
  if (/\{[^}]*$/.test(line))
    return plain([...(known.keys.grant ?? []), ...(known.keys.budget ?? [])], 'property');
  if (/^\s*-\s*$/.test(line)) return plain(known.keys.trigger ?? [], 'property');
  if (line.trim() !== '') return [];
  const tools = known.tools.map((tool) => ({
    label: tool.name,
    detail: tool.class,
    info: tool.description,
    type: 'function',
  }));
  return line === ''
    ? plain(known.keys[''] ?? [], 'property')
    : [...tools, ...plain(known.keys.trigger ?? [], 'property')];
}
