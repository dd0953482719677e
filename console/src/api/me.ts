// Who is signed in, and what they may do.
import { useSuspenseQuery } from '@tanstack/react-query';

import { api, data, type Schemas } from './client';

export type Me = Schemas['Me'];

export const meQuery = {
  queryKey: ['me'],
  queryFn: () => data(api.GET('/me')),
  staleTime: 60_000,
} as const;

/** Whoever is signed in; inside the shell there is always somebody. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** Whether one of the person's roles has this right (the server decides; this only leaves out what it would refuse). */
export function useMay(): (right: string) => boolean {
  const { rights } = useMe();
  return (right) => rights.includes(right);
}
