// How much waits for whoever is signed in, beside the name of the page.
import { useQuery } from '@tanstack/react-query';
import { Badge } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data } from '~/api/client';
import { EVERY } from './queries';

/** The count; nothing where nothing waits. */
export function Waiting() {
  const { t } = useTranslation();
  const { data: page } = useQuery({
    queryKey: ['inbox', 'count'],
    queryFn: () => data(api.GET('/inbox/page', { params: { query: { limit: 1 } } })),
    refetchInterval: EVERY * 4,
  });
  const count = page?.counts.all ?? 0;
  return count === 0 ? null : <Badge count={count} overflowCount={999} title={t('inbox.waiting', { count })} color="#b4232f" />;
}
