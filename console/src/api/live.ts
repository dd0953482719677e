// The events of the workspace as they happen: one connection for the whole page, which comes back by itself.
import type { QueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';

/** An event of the journal, with its place. */
export interface Happened {
  run: string;
  seq: number;
  type: string;
  [member: string]: unknown;
}

export type Standing = 'connecting' | 'live' | 'away';
type Hear = (event: Happened) => void;

const FIRST = 500; // ms before the first new try
const LONGEST = 10_000;

class Live {
  private source: EventSource | null = null;
  private last = '';
  private wait = FIRST;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly hearers = new Set<Hear>();
  private readonly watchers = new Set<() => void>();
  standing: Standing = 'connecting';

  /** Begin to listen, unless begun. */
  start(): void {
    if (this.source !== null) return;
    clearTimeout(this.timer);
    const place = this.last === '' ? '' : `?after=${this.last}`;
    // eslint-disable-next-line no-restricted-globals -- the listener itself
    const source = new EventSource(`/api/v1/events${place}`);
    this.source = source;
    source.onopen = () => {
      this.wait = FIRST;
      this.stand('live');
    };
    source.onmessage = (message: MessageEvent<string>) => {
      this.last = message.lastEventId;
      const event = JSON.parse(message.data) as Happened;
      this.hearers.forEach((hear) => hear(event));
    };
    source.onerror = () => {
      source.close();
      this.source = null;
      this.stand('away');
      this.timer = setTimeout(() => this.start(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST);
    };
  }

  /** Stop listening: whoever looks is signed out. */
  stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.last = '';
    this.stand('connecting');
  }

  hear(hear: Hear): () => void {
    this.hearers.add(hear);
    return () => this.hearers.delete(hear);
  }

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  private stand(standing: Standing): void {
    this.standing = standing;
    this.watchers.forEach((watcher) => watcher());
  }
}

export const live = new Live();

/** How the connection stands. */
export function useStanding(): Standing {
  return useSyncExternalStore(live.watch, () => live.standing);
}

/** Hear every event while the component is there; `hear` should not change with each drawing. */
export function useLive(hear: Hear): void {
  useEffect(() => live.hear(hear), [hear]);
}

const CALM = 300; // ms in which what happens is gathered

/** Ask again for what an event may have changed, and for everything once the server is back. */
export function refresh(client: QueryClient): () => void {
  let runs = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const touched = runs;
    runs = new Set();
    void client.invalidateQueries({
      predicate: ({ queryKey: [area, run] }) => {
        if (area === 'run') return typeof run === 'string' && touched.has(run);
        return typeof area === 'string' && LIVELY.has(area);
      },
    });
  };
  const forget = live.hear((event) => {
    runs.add(event.run);
    timer ??= setTimeout(flush, CALM);
  });
  let before = live.standing;
  const leave = live.watch(() => {
    if (live.standing === 'live' && before === 'away') void client.invalidateQueries();
    before = live.standing;
  });
  return () => {
    clearTimeout(timer);
    forget();
    leave();
  };
}

/** First words of the query keys that any event may change; `['run', id, …]` changes with events of that run. */
const LIVELY = new Set(['runs', 'inbox', 'budget', 'agents', 'triggers', 'stats']);
