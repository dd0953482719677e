// A draft of an agent's files: kept in this window until it is deployed or dropped, and judged while it is written.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';

import { api, data, type Schemas } from '~/api/client';
import type { Files } from './queries';

export interface Draft {
  /** The digest of the files that it was based on; "" for a new agent. */
  base: string;
  /** What those said, to tell what was changed since. */
  was: Record<string, string>;
  files: Record<string, string>;
}

const PAUSE = 350; // ms without a key before a draft is judged
const name = (agent: string) => `deputy.draft.${agent}`;

/** What is different from what it was based on. */
export function changed(draft: Draft): Files {
  const found: Files = {};
  for (const [path, text] of Object.entries(draft.files)) if (draft.was[path] !== text) found[path] = text;
  for (const path of Object.keys(draft.was)) if (!(path in draft.files)) found[path] = null;
  return found;
}

export const isChanged = (draft: Draft) => Object.keys(changed(draft)).length > 0;

function kept(agent: string): Draft | undefined {
  try {
    const text = sessionStorage.getItem(name(agent));
    return text === null ? undefined : (JSON.parse(text) as Draft);
  } catch {
    return undefined;
  }
}

function keep(agent: string, draft: Draft | undefined): void {
  try {
    if (draft === undefined || !isChanged(draft)) sessionStorage.removeItem(name(agent));
    else sessionStorage.setItem(name(agent), JSON.stringify(draft));
  } catch {
    // The window has no room for it: the draft lives as long as the page.
  }
}

export const forget = (agent: string) => keep(agent, undefined);

/** The draft of an agent: what was kept in this window, or what the files say, followed until something is changed. */
export function useDraft(
  agent: string,
  source?: Schemas['AgentSource'],
  fresh?: Record<string, string>,
): [Draft, (draft: Draft) => void] {
  const [draft, setDraft] = useState<Draft>(
    () =>
      kept(agent) ?? {
        base: source?.digest ?? '',
        was: source?.files ?? {},
        files: source?.files ?? fresh ?? {},
      },
  );
  const set = (next: Draft) => {
    keep(agent, next);
    setDraft(next);
  };
  const read = useMemo(
    () => source && { base: source.digest, was: source.files, files: source.files },
    [source],
  );
  return [read && read.base !== draft.base && !isChanged(draft) ? read : draft, set];
}

/** A value once it stood still for a moment. */
function useCalm<T>(value: T): T {
  const [calm, setCalm] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return calm;
}

/** What the draft is worth, judged by the server beside what is on disk. */
export function useCheck(agent: string, draft: Draft, enabled: boolean) {
  const calm = useCalm(draft);
  const found = useQuery({
    queryKey: ['draft', agent, calm.base, calm.files],
    queryFn: () => data(api.POST('/agents/check', { body: { agent, files: changed(calm) } })),
    placeholderData: keepPreviousData,
    enabled,
    staleTime: 30_000,
    gcTime: 30_000,
  });
  return { ...found, settled: calm === draft && !found.isFetching };
}
