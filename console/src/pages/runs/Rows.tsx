// The rows of the list: only those in sight are drawn, however many there are.
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Schemas } from '~/api/client';
import { short as cut, visible } from '~/lib/visible';
import { short, useFormat } from '~/lib/format';
import { State } from './State';
import { useNow } from './now';

type Line = Schemas['SeenLine'];
const WIDE = 56;
const NARROW = 84;
const BEYOND = 12; // rows drawn above and below what is in sight

function useSight(rows: number): { from: number; upto: number; height: number; holder: React.RefObject<HTMLUListElement | null> } {
  const holder = useRef<HTMLUListElement | null>(null);
  const [sight, setSight] = useState({ from: 0, upto: 40, height: WIDE });
  useEffect(() => {
    const look = () => {
      const height = window.innerWidth <= 900 ? NARROW : WIDE;
      const top = -(holder.current?.getBoundingClientRect().top ?? 0);
      const from = Math.max(0, Math.floor(top / height) - BEYOND);
      const upto = Math.ceil((top + window.innerHeight) / height) + BEYOND;
      setSight((before) => (before.from === from && before.upto === upto && before.height === height ? before : { from, upto, height }));
    };
    look();
    document.addEventListener('scroll', look, { capture: true, passive: true });
    window.addEventListener('resize', look);
    return () => {
      document.removeEventListener('scroll', look, { capture: true });
      window.removeEventListener('resize', look);
    };
  }, [rows]);
  return { ...sight, holder };
}

/** The rows; `more` is called when the end comes in sight. */
export function Rows({ lines, more }: { lines: Line[]; more: () => void }) {
  const { t } = useTranslation('runs');
  const { from, upto, height, holder } = useSight(lines.length);
  const now = useNow(lines.some((line) => line.ended === null));
  useEffect(() => {
    if (upto >= lines.length) more();
  });
  return (
    <div className="runs-table">
      <div className="runs-line runs-head" aria-hidden>
        <span>{t('columns.state')}</span>
        <span>{t('columns.task')}</span>
        <span>{t('columns.agent')}</span>
        <span>{t('columns.by')}</span>
        <span className="runs-end">{t('columns.cost')}</span>
        <span className="runs-end">{t('columns.duration')}</span>
        <span className="runs-end">{t('columns.created')}</span>
      </div>
      <ul ref={holder} className="runs-rows" style={{ height: lines.length * height }} aria-label={t('title')}>
        {lines.slice(from, upto).map((line, place) => (
          <li
            key={line.id}
            className="runs-row"
            style={{ top: (from + place) * height, height }}
            aria-setsize={lines.length}
            aria-posinset={from + place + 1}
          >
            <Row line={line} now={now} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ line, now }: { line: Line; now: number }) {
  const { t } = useTranslation('runs');
  const { money, duration, relative, whole } = useFormat();
  const people = [...new Set(line.waits_for.flatMap((one) => one.people))];
  const waits = line.state === 'waiting' && people.length > 0 ? t('waitsFor', { people: people.slice(0, 3).join(', ') }) : '';
  const text = visible(cut(line.task || line.title || t('noTask'), 300)).replace(/\s+/g, ' ');
  const ms = new Date(line.ended ?? now).getTime() - new Date(line.created).getTime();
  return (
    <Link className="runs-line" to={`/runs/${line.id}`}>
      <span style={{ minWidth: 0 }}>
        <State state={line.state} summary={line.summary} />
        {waits !== '' && <span className="one-line runs-sub">{waits}</span>}
      </span>
      <span className="runs-task" style={{ minWidth: 0 }}>
        <span className="one-line">{text}</span>
        <span className="one-line runs-sub mono">{short(line.id)}</span>
      </span>
      <span className="runs-who one-line">{line.agent}</span>
      <span className="runs-by" style={{ minWidth: 0 }}>
        <span className="one-line">{line.on_behalf_of}</span>
        <span className="one-line runs-sub">{line.trigger === 'person' ? '' : t(`triggers.${line.trigger}`, line.trigger)}</span>
      </span>
      <span className="runs-cost runs-end tabular">{line.cost === null ? '–' : money(line.cost)}</span>
      <span className="runs-end tabular">{duration(Math.max(0, ms))}</span>
      <time className="runs-end runs-sub" dateTime={line.created} title={whole(line.created)}>
        {relative(line.created, Math.max(now, new Date(line.created).getTime()))}
      </time>
    </Link>
  );
}
