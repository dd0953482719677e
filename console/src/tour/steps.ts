// How far one is with the first run: read off the workspace as it is, never off what was clicked here.
import { useQueries, useQuery } from '@tanstack/react-query';

import { api, data, type Schemas } from '~/api/client';

type Seen = Schemas['SeenRun'];
type Effect = Seen['effects'][number];

/** The most runs a workspace has had that is still new. */
const NEW = 20;
const LOOKED_AT = 3;

export interface Progress {
  agent: Schemas['Agent'];
  /** The newest run of the agent, if there is one. */
  run?: string;
  started: boolean;
  approved: boolean;
  done: boolean;
  /** What waits there for people's consent. */
  waits: Seen['items'];
  /** Whether the workspace is one that has hardly been used. */
  fresh: boolean;
}

const AGREED = new Set(['claimed', 'done', 'failed', 'in_doubt']);

/** An effect that people were asked about and agreed to. */
const agreed = (one: Effect) => one.verdict === 'ask' && AGREED.has(one.state);
/** What one would see paid: it cannot be taken back, people agreed, and it happened. */
const happened = (one: Effect) => agreed(one) && one.state === 'done';

/** The agent to begin with: the example's, or the first that asks before it acts. */
function first(agents: Schemas['Agent'][]): Schemas['Agent'] | undefined {
  const asks = (one: Schemas['Agent']) => one.tools.some(({ autonomy }) => autonomy === 'ask');
  return agents.find(({ name }) => name === 'payables') ?? agents.find(asks) ?? agents[0];
}

/** The progress, or nothing while it is not known or there is no agent. */
export function useProgress(): Progress | undefined {
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });
  const agent = agents.data && first(agents.data);
  const all = useQuery({
    queryKey: ['runs', 'tour'],
    queryFn: () => data(api.GET('/runs', { params: { query: { limit: NEW + 1 } } })),
  });
  const name = agent?.name ?? '';
  const own = useQuery({
    queryKey: ['runs', 'tour', name],
    queryFn: () => data(api.GET('/runs', { params: { query: { agent: name, limit: LOOKED_AT } } })),
    enabled: name !== '',
  });
  const runs = useQueries({
    queries: (own.data?.runs ?? []).map(({ id }) => ({
      queryKey: ['run', id, 'tour'],
      queryFn: () => data(api.GET('/runs/{run}', { params: { path: { run: id } } })),
    })),
  });
  if (agent === undefined || all.data === undefined || own.data === undefined) return undefined;
  if (runs.some((one) => one.isPending)) return undefined;
  const effects = runs.flatMap((one) => one.data?.effects ?? []);
  return {
    agent,
    run: own.data.runs[0]?.id,
    started: own.data.runs.length > 0,
    approved: effects.some(agreed),
    done: effects.some(happened),
    waits: runs.flatMap((one) => one.data?.items ?? []).filter(({ kind, answered }) => kind === 'approval' && !answered),
    fresh: all.data.runs.length <= NEW,
  };
}
