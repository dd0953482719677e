// What a model wrote, with the little of Markdown that it means: text, lists, code, tables. No HTML, no images; a link
// is its words and where it leads, and opens by a click alone.
import { Button } from 'antd';
import { Fragment, memo, type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { type Block, blocks, type Inline } from '~/lib/markdown';
import { short, visible } from '~/lib/visible';
import './marked.css';

const MOST = 20_000;
const STEP = 100_000;

/** A text as its writer meant it. */
export const Marked = memo(function Marked({ text }: { text: string }) {
  const { t } = useTranslation();
  const [shown, show] = useState(MOST);
  const seen = useMemo(() => blocks(short(text, shown)), [text, shown]);
  return (
    <div className="marked" dir="auto">
      {seen.map((one, place) => (
        <Fragment key={place}>{block(one)}</Fragment>
      ))}
      {text.length > shown && (
        <Button size="small" type="link" onClick={() => show(shown + STEP)}>
          {t('said.more', { count: text.length - shown })}
        </Button>
      )}
    </div>
  );
});

function block(one: Block): ReactNode {
  switch (one.kind) {
    case 'paragraph':
      return <p>{words(one.inside)}</p>;
    case 'quote':
      return <blockquote>{words(one.inside)}</blockquote>;
    case 'heading':
      return <p className="marked-heading">{words(one.inside)}</p>;
    case 'code':
      return (
        <pre className="mono" tabIndex={0}>
          {visible(one.text)}
        </pre>
      );
    case 'list': {
      const items = one.items.map((item, place) => <li key={place}>{words(item)}</li>);
      return one.ordered ? <ol start={one.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'table':
      return (
        <div className="marked-table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {one.head.map((cell, place) => (
                  <th key={place}>{words(cell)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {one.rows.map((row, line) => (
                <tr key={line}>
                  {row.map((cell, place) => (
                    <td key={place}>{words(cell)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
}

function words(inside: Inline[]): ReactNode {
  return inside.map((one, place) => <Fragment key={place}>{word(one)}</Fragment>);
}

function word(one: Inline): ReactNode {
  switch (one.kind) {
    case 'text':
      return visible(one.text);
    case 'code':
      return <code className="mono">{visible(one.text)}</code>;
    case 'strong':
      return <strong>{words(one.inside)}</strong>;
    case 'em':
      return <em>{words(one.inside)}</em>;
    case 'link':
      return <Leading one={one} />;
  }
}

function Leading({ one }: { one: Extract<Inline, { kind: 'link' }> }) {
  const url = web(one.to);
  if (url === undefined) {
    return (
      <>
        {words(one.inside)} ({visible(one.to)})
      </>
    );
  }
  return (
    <>
      {words(one.inside)}{' '}
      <a href={url.href} target="_blank" rel="noopener noreferrer nofollow" title={visible(url.href)}>
        ({visible(url.host)})
      </a>
    </>
  );
}

function web(to: string): URL | undefined {
  try {
    const url = new URL(to);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined;
  } catch {
    return undefined;
  }
}
