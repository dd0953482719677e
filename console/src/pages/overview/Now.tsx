// What waits for whoever looks, and what runs.
import { useQuery } from '@tanstack/react-query';
import { Card, Flex, Skeleton, Tag, Typography } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { short, useFormat } from '~/lib/format';

const SHOWN = 6;
const COLOURS = { approval: 'warning', question: 'processing', in_doubt: 'error', budget: 'gold' } as const;
const STATES = { ready: 'default', running: 'processing', waiting: 'warning' } as const;

/** What waits for whoever looks, the most urgent first. */
export function Needed() {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const found = useQuery({
    queryKey: ['inbox', 'overview'],
    queryFn: () => data(api.GET('/inbox/page', { params: { query: { limit: SHOWN } } })),
  });
  const items = found.data?.items ?? [];
  return (
    <Panel
      title={t('needed.title', { count: found.data?.counts.all ?? 0 })}
      to="/inbox"
      all={t('needed.all')}
      pending={found.isPending}
      error={found.error}
      empty={items.length === 0 && <Nothing title={t('needed.none')} next={t('needed.noneMore')} />}
    >
      {items.map((item) => (
        <li key={item.id}>
          <Link to={`/inbox/${item.id}`} className="board-line">
            <Flex gap="small" align="baseline">
              <Tag color={COLOURS[item.kind]}>{t(`kinds.${item.kind}`)}</Tag>
              <span className="board-fill">
                <strong>{item.agent}</strong> <What item={item} />
              </span>
              <Typography.Text type="secondary" className="tabular board-when">
                {format.relative(item.created)}
              </Typography.Text>
            </Flex>
          </Link>
        </li>
      ))}
    </Panel>
  );
}

/** What an item is about, in a line. */
function What({ item }: { item: Schemas['InboxLine'] }) {
  const words = item.important.map(({ name, value }) => `${name}: ${value}`).join(', ');
  if (item.kind !== 'approval') return <Said text={item.question} most={140} />;
  if (item.says !== null) return <Said text={item.says} most={140} />;
  return (
    <>
      {item.tool !== null && <Said text={item.tool} most={80} mono />} <Said text={words} most={120} mono />
    </>
  );
}

/** Runs that are not over. */
export function LiveRuns() {
  const { t } = useTranslation('overview');
  const { t: common } = useTranslation();
  const format = useFormat();
  const found = useQuery({
    queryKey: ['runs', 'overview'],
    queryFn: () => data(api.GET('/runs', { params: { query: { state: 'running,ready,waiting', limit: SHOWN } } })),
  });
  const runs = found.data?.runs ?? [];
  return (
    <Panel
      title={t('live.title')}
      to="/runs"
      all={t('live.all')}
      pending={found.isPending}
      error={found.error}
      empty={runs.length === 0 && <Nothing title={t('live.none')} next={t('live.noneMore')} />}
    >
      {runs.map((run) => (
        <li key={run.id}>
          <Link to={`/runs/${run.id}`} className="board-line">
            <Flex gap="small" align="baseline">
              <Tag color={STATES[run.state as keyof typeof STATES]}>{common(`states.${run.state}`)}</Tag>
              <span className="board-fill">
                <strong>{run.agent}</strong>{' '}
                <Typography.Text type="secondary">{t('live.for', { who: run.on_behalf_of })}</Typography.Text>
              </span>
              <span className="mono">{short(run.id)}</span>
              <Typography.Text type="secondary" className="tabular board-when">
                {format.relative(run.changed)}
              </Typography.Text>
            </Flex>
          </Link>
        </li>
      ))}
    </Panel>
  );
}

interface PanelProps {
  title: string;
  to: string;
  all: string;
  pending: boolean;
  error: Error | null;
  empty: ReactNode;
  children: ReactNode;
}

function Panel({ title, to, all, pending, error, empty, children }: PanelProps) {
  const lines = pending ? <Skeleton active paragraph={{ rows: 3 }} title={false} /> : empty || <ul className="board-lines">{children}</ul>;
  return (
    <Card size="small" title={<h2>{title}</h2>} extra={<Link to={to}>{all}</Link>} className="board-panel">
      {error === null ? lines : <Trouble error={error} />}
    </Card>
  );
}

/** Nothing is there, and what to do about it. */
export function Nothing({ title, next }: { title: string; next: string }) {
  return (
    <div className="board-empty">
      <strong>{title}</strong>
      <Typography.Text type="secondary">{next}</Typography.Text>
    </div>
  );
}
