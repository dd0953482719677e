// What the overview asks the server for.
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { api, data, type Schemas } from '~/api/client';

export const WINDOWS = ['day', 'week', 'month', 'quarter'] as const;
export type Window = (typeof WINDOWS)[number];
export type Statistics = Schemas['Statistics'];

const DAYS: Record<Window, number> = { day: 1, week: 7, month: 30, quarter: 90 };
const EVERY = 5_000; // ms
const HOUR = 3_600_000;

/** Figures of a window of time, of all agents or of some. */
export function useFigures(window: Window, whose: string) {
  const [kind, name = ''] = whose.split(/:(.*)/s);
  return useQuery({
    queryKey: ['figures', window, whose],
    refetchInterval: EVERY,
    placeholderData: keepPreviousData,
    queryFn: () => {
      const hourly = window === 'day';
      const since = new Date(Date.now() - DAYS[window] * 24 * HOUR + (hourly ? HOUR : 24 * HOUR)).toISOString();
      const query = { since, by: hourly ? ('hour' as const) : ('day' as const) };
      return data(
        api.GET('/stats', {
          params: { query: { ...query, agent: kind === 'agent' ? name : '', team: kind === 'team' ? name : '' } },
        }),
      );
    },
  });
}

/** Agents and their teams, as far as figures tell of them. */
export function useAgents(): { agents: string[]; teams: string[] } {
  const all = useFigures('quarter', '').data?.agents ?? [];
  const teams = new Set(all.map(({ team }) => team).filter((team) => team !== null));
  return { agents: all.map(({ agent }) => agent), teams: [...teams].sort() };
}

/** What is frozen; who types commands freezes too, so that it is asked for again and again. */
export function useSwitches() {
  return useQuery({ queryKey: ['freeze'], queryFn: () => data(api.GET('/freeze')), refetchInterval: 1_500 });
}
