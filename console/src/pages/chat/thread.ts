// A conversation as it is shown: what was said and what was done, in the order of the journal.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { api, data, type Schemas } from '~/api/client';
import { type Speech, useSpeech } from '~/api/speech';

export type Run = Schemas['SeenRun'];
export type Effect = Run['effects'][number];
export type Said = Schemas['Said'];
export type Item = Run['items'][number];

export type Entry = { at: number; key: string } & ({ said: Said } | { effects: Effect[] });

export interface Thread {
  run: Run;
  entries: Entry[];
  speech?: Speech;
  /** Whether the agent is at work. */
  working: boolean;
  /** Whether it is its person's turn. */
  listens: boolean;
  over: boolean;
  earlier?: () => void;
}

const OVER = new Set(['done', 'failed', 'cancelled']);
const PAGE = 100;

/** All of a conversation that is shown. */
export function useThread(id: string): { thread?: Thread; error: unknown; again: () => void } {
  const path = { run: id };
  const run = useQuery({
    queryKey: ['run', id, 'seen'],
    queryFn: () => data(api.GET('/runs/{run}', { params: { path } })),
  });
  const said = useInfiniteQuery({
    queryKey: ['run', id, 'said'],
    queryFn: ({ pageParam }) =>
      data(api.GET('/runs/{run}/conversation', { params: { path, query: { before: pageParam, limit: PAGE } } })),
    initialPageParam: 0,
    getNextPageParam: ({ before }) => before ?? undefined,
  });
  const state = run.data?.state;
  const over = state !== undefined && OVER.has(state);
  const working = state === 'ready' || state === 'running';
  const speech = useSpeech(id, run.data?.events_total ?? 0, run.isSuccess && !over);
  const again = () => {
    void run.refetch();
    void said.refetch();
  };
  if (run.data === undefined || said.data === undefined) return { error: run.error ?? said.error, again };
  const words = [...said.data.pages].reverse().flatMap((page) => page.said);
  const spoken = words.some(({ kind, effect }) => kind === 'reply' && effect === speech?.n);
  const call = run.data.effects.find(({ n }) => n === speech?.n);
  const fresh = speech !== undefined && !spoken && (call === undefined || call.state === 'claimed');
  return {
    error: null,
    again,
    thread: {
      run: run.data,
      entries: entriesOf(words, run.data),
      speech: fresh ? speech : undefined,
      working,
      over,
      listens: run.data.waiting_on.some(({ kind }) => kind === 'message'),
      earlier: said.hasNextPage ? () => void said.fetchNextPage() : undefined,
    },
  };
}

function entriesOf(words: Said[], run: Run): Entry[] {
  const first = words[0]?.seq ?? 0;
  const tools = run.effects.filter(({ kind, seq }) => kind === 'tool' && seq >= first);
  const all = [
    ...words.map((said) => ({ at: said.seq, order: 0, said, effect: undefined })),
    ...tools.map((effect) => ({ at: effect.seq, order: effect.n, said: undefined, effect })),
  ].sort((one, other) => one.at - other.at || one.order - other.order);
  const entries: Entry[] = [];
  for (const { at, said, effect } of all) {
    const last = entries.at(-1);
    if (said) {
      if (said.text !== '' || said.reasoning !== '') entries.push({ at, key: `said-${said.seq}`, said });
    } else if (last && 'effects' in last) last.effects.push(effect);
    else entries.push({ at, key: `effects-${effect.n}`, effects: [effect] });
  }
  return entries;
}
