// The effects of a run, oldest first; those before the latest hundred on demand.
import { useQueries } from '@tanstack/react-query';
import { Button, Empty } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data, type Schemas } from '~/api/client';
import { Effect } from './Effect';

/** The timeline. */
export function Timeline({ run }: { run: Schemas['SeenRun'] }) {
  const { t } = useTranslation('runs');
  const [asked, setAsked] = useState<number[]>([]);
  const pages = useQueries({
    queries: asked.map((before) => ({
      queryKey: ['run', run.id, 'effects', before],
      queryFn: () => data(api.GET('/runs/{run}/effects', { params: { path: { run: run.id }, query: { before, limit: 100 } } })),
    })),
  });
  const oldest = pages.length === 0 ? run.effects_before : pages.at(-1)?.data?.before;
  const known = new Map(run.effects.map((one) => [one.n, one]));
  for (const page of pages) page.data?.effects.forEach((one) => known.has(one.n) || known.set(one.n, one));
  const effects = [...known.values()].sort((one, other) => one.n - other.n);
  return (
    <>
      {oldest && (
        <Button block size="small" loading={pages.at(-1)?.isPending ?? false} onClick={() => setAsked([...asked, oldest])}>
          {t('timeline.earlier', { count: run.effects_total - effects.length })}
        </Button>
      )}
      {effects.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('timeline.none')} />}
      <ol className="effects" aria-label={t('timeline.title')}>
        {effects.map((seen) => (
          <Effect key={seen.n} run={run.id} seen={seen} />
        ))}
      </ol>
    </>
  );
}
