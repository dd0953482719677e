// What one finds, and where one can go, by a few words and the keys alone.
import {
  ClockCircleOutlined, EnterOutlined, InboxOutlined, MessageOutlined, RightOutlined, RobotOutlined, UnorderedListOutlined,
  UserOutlined,
} from '@ant-design/icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Trouble } from '~/components/Trouble';
import { short, visible } from '~/lib/visible';
import { PAGES } from '~/pages/registry';

type Hit = Schemas['Hit'];

interface Option {
  group: string;
  key: string;
  icon: ReactNode;
  title: string;
  about?: string;
  to: string;
}

const CALM = 120; // ms without a key before the server is asked
const SHOWN = 120; // characters of a title

const ICONS: Record<Hit['kind'], ReactNode> = {
  agent: <RobotOutlined />, person: <UserOutlined />, trigger: <ClockCircleOutlined />, item: <InboxOutlined />,
  run: <UnorderedListOutlined />,
};

const path = encodeURIComponent;

function target({ kind, id }: Hit): string {
  switch (kind) {
    case 'agent':
      return `/agents/${path(id)}`;
    case 'person':
      return `/people?person=${path(id)}`;
    case 'trigger':
      return `/agents/${path(id.split('/')[0] ?? id)}`;
    case 'item':
      return `/inbox/${path(id)}`;
    case 'run':
      return `/runs/${path(id)}`;
  }
}

/** The words as they stand once nobody writes for a moment. */
function useCalm(words: string): string {
  const [calm, setCalm] = useState(words);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(words), CALM);
    return () => clearTimeout(timer);
  }, [words]);
  return calm;
}

/** Everything that fits the words: pages, what one can begin, and what the server finds. */
function useOptions(words: string): { options: Option[]; error: unknown; known: boolean } {
  const { t } = useTranslation();
  const may = useMay();
  const q = useCalm(words.trim());
  const found = useQuery({
    queryKey: ['search', q],
    queryFn: () => data(api.GET('/search', { params: { query: { q } } })),
    enabled: q !== '',
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    const sought = words.trim().toLocaleLowerCase();
    const pages = PAGES.filter(({ order, right }) => order !== undefined && (right === undefined || may(right)))
      .map(({ home, name, icon }) => ({ group: 'page', key: `page-${home}`, icon, title: t(`nav.${name}`), to: home }))
      .filter(({ title }) => sought === '' || title.toLocaleLowerCase().includes(sought));
    const hits = sought === '' ? [] : (found.data ?? []);
    const talks = hits
      .filter(({ kind }) => kind === 'agent' && may('runs.start'))
      .slice(0, 3)
      .map(({ id }) => ({
        group: 'do', key: `talk-${id}`, icon: <MessageOutlined />, title: t('search.talk', { agent: id }),
        to: `/chat?agent=${path(id)}`,
      })); // prettier-ignore
    const things = hits.map((hit) => ({
      group: hit.kind, key: `${hit.kind}-${hit.id}`, icon: ICONS[hit.kind],
      title: hit.title === '' ? hit.id : hit.title,
      about: [hit.state === null ? '' : t(`states.${hit.state}`, { defaultValue: '' }), hit.about].filter(Boolean).join(' · '),
      to: target(hit),
    })); // prettier-ignore
    const known = sought === '' || (q === words.trim() && !found.isFetching);
    return { options: [...pages, ...things, ...talks], error: found.error, known };
  }, [words, q, found.data, found.error, found.isFetching, may, t]);
}

/** The window. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const id = useId();
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  const { options, error, known } = useOptions(words);
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const here = Math.min(at, options.length - 1);
  useEffect(() => {
    const box = dialog.current;
    if (box !== null && !box.open) box.showModal();
  }, []);
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [here, options]);
  const go = (option?: Option) => {
    if (option === undefined) return;
    onClose();
    void navigate(option.to);
  };
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const last = options.length - 1;
    const moves: Record<string, () => number> = {
      ArrowDown: () => (here >= last ? 0 : here + 1),
      ArrowUp: () => (here <= 0 ? last : here - 1),
      PageDown: () => Math.min(last, here + 8),
      PageUp: () => Math.max(0, here - 8),
    };
    const move = moves[event.key];
    if (move) {
      event.preventDefault();
      setAt(move());
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(options[here]);
    }
  };
  const groups = [...new Set(options.map(({ group }) => group))];
  return (
    <dialog
      ref={dialog}
      className="search-dialog"
      aria-label={t('search.open')}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <input
        className="search-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={here >= 0 ? `${id}-${here}` : undefined}
        aria-autocomplete="list"
        aria-label={t('search.words')}
        placeholder={t('search.words')}
        maxLength={200}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        value={words}
        onChange={(event) => {
          setWords(event.target.value);
          setAt(0);
        }}
        onKeyDown={press}
      />
      {error !== null && <Trouble error={error} />}
      <div ref={list} id={`${id}-list`} role="listbox" aria-label={t('search.found')} className="search-list">
        {groups.map((group) => (
          <div key={group} role="group" aria-labelledby={`${id}-${group}`}>
            <div id={`${id}-${group}`} className="search-group" role="presentation">
              {t(`search.groups.${group}`)}
            </div>
            {options.map((option, place) =>
              option.group !== group ? null : (
                <div
                  key={option.key}
                  id={`${id}-${place}`}
                  role="option"
                  aria-selected={place === here}
                  className="search-option"
                  onMouseMove={() => setAt(place)}
                  onClick={() => go(option)}
                >
                  <span aria-hidden="true">{option.icon ?? <RightOutlined />}</span>
                  <span className="search-title">{visible(short(option.title, SHOWN))}</span>
                  {option.about && <span className="search-about">{visible(short(option.about, SHOWN))}</span>}
                  {place === here && <EnterOutlined aria-hidden className="search-enter" />}
                </div>
              ),
            )}
          </div>
        ))}
      </div>
      <p role="status" className={options.length === 0 && known ? 'search-none' : 'unseen'}>
        {!known ? '' : options.length === 0 ? t('search.none') : t('search.count', { count: options.length })}
      </p>
    </dialog>
  );
}
