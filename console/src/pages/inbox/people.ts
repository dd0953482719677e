// Whom one can ask.
import { useQuery } from '@tanstack/react-query';

import { api, data } from '~/api/client';
import { useMe } from '~/api/me';

/** Everybody but whoever is signed in. */
export function usePeople(): { id: string; name: string }[] {
  const me = useMe();
  const { data: people } = useQuery({ queryKey: ['people', 'names'], queryFn: () => data(api.GET('/people')), staleTime: 60_000 });
  return (people ?? []).filter(({ id }) => id !== me.person).map(({ id, name }) => ({ id, name }));
}
