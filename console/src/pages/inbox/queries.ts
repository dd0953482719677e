// What the inbox asks of the server.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { api, data, type Schemas } from '~/api/client';

export type Line = Schemas['InboxLine'];
export type Item = Schemas['InboxItem'];
export type Page = Schemas['InboxPage'];

/** Who is asked about a run need not see its events: so what they look at is looked for, too (ms). */
export const EVERY = 2_000;

/** Which items. */
export interface Sought {
  kind: string;
  agent: string;
  text: string;
}

export const lines = (sought: Sought) =>
  infiniteQueryOptions({
    queryKey: ['inbox', 'list', sought],
    queryFn: ({ pageParam }) => data<Page>(api.GET('/inbox/page', { params: { query: { ...sought, cursor: pageParam } } })),
    refetchInterval: EVERY * 2,
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
  });

export const itemOf = (id: string) =>
  queryOptions({
    queryKey: ['inbox', 'item', id],
    queryFn: () => data<Item>(api.GET('/inbox/{item}', { params: { path: { item: id } } })),
    retry: false,
    refetchInterval: ({ state }) => (state.status === 'error' ? false : EVERY),
  });

export const casesOf = (id: string) =>
  queryOptions({
    queryKey: ['cases', id],
    queryFn: () => data(api.GET('/inbox/{item}/similar', { params: { path: { item: id } } })),
    retry: false,
    staleTime: 60_000,
  });
