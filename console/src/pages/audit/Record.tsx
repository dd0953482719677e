// Events of the record, newest first, sifted; each can be followed to its run.
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Card, Empty, Flex, Grid, Table, type TableColumnsType, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { short, useFormat } from '~/lib/format';
import { Filters, NAMES, type Sifted } from './Filters';

type Line = Schemas['Line'];

const GRAVE: Record<string, string> = { Verdict: 'warning', Doubted: 'error', Settled: 'gold', ToolIntent: 'processing', Received: 'cyan', BudgetRaised: 'gold', Ended: 'default', Workspace: 'purple' };
const CALLS = new Set(['Verdict', 'ToolIntent']); // which say what was asked for
const PAGE = 50;
const TRIES = 4; // pages without a line that are passed over at once

/** The record. */
export function Record() {
  const { t } = useTranslation('audit');
  const [search, setSearch] = useSearchParams();
  const sifted = Object.fromEntries(NAMES.map((name) => [name, search.get(name) ?? ''])) as Sifted;
  const change = (next: Partial<Sifted>) => {
    const kept = Object.entries({ ...sifted, ...next }).filter(([, value]) => value !== '');
    setSearch(new URLSearchParams(kept), { replace: true });
  };
  const found = useInfiniteQuery({
    queryKey: ['audit', sifted],
    initialPageParam: '',
    queryFn: async ({ pageParam }) => {
      let cursor = pageParam;
      for (let tries = 0; ; tries++) {
        const page = await data(api.GET('/audit/events', { params: { query: { ...sifted, cursor, limit: PAGE } } }));
        if (page.events.length > 0 || page.next === null || tries >= TRIES) return page;
        cursor = page.next;
      }
    },
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  const lines = found.data?.pages.flatMap(({ events }) => events) ?? [];
  const looked = found.data?.pages.at(-1)?.looked_to ?? null;
  return (
    <Card size="small" title={<h2 className="audit-title">{t('record')}</h2>} extra={<Button size="small" onClick={() => void found.refetch()}>{t('newer')}</Button>}>
      <Flex vertical gap="small">
        <Filters value={sifted} onChange={change} />
        {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
        <Lines lines={lines} pending={found.isPending} />
        <Older found={found} looked={looked} some={lines.length > 0} />
      </Flex>
    </Card>
  );
}

interface OlderProps {
  found: { hasNextPage: boolean; isFetchingNextPage: boolean; isPending: boolean; fetchNextPage: () => Promise<unknown> };
  looked: string | null;
  some: boolean;
}

function Older({ found, looked, some }: OlderProps) {
  const { t } = useTranslation('audit');
  const format = useFormat();
  if (!found.hasNextPage) return some ? <Typography.Text type="secondary">{t('beginning')}</Typography.Text> : null;
  return (
    <Flex gap="small" align="center" wrap>
      <Button onClick={() => void found.fetchNextPage()} loading={found.isFetchingNextPage}>
        {t('older')}
      </Button>
      {looked !== null && <Typography.Text type="secondary">{t('looked', { at: format.moment(looked) })}</Typography.Text>}
    </Flex>
  );
}

function Lines({ lines, pending }: { lines: Line[]; pending: boolean }) {
  const { t } = useTranslation('audit');
  const format = useFormat();
  const wide = Grid.useBreakpoint().md ?? true;
  const toRun = ({ run, seq }: Line) =>
    run === 'workspace' ? (
      t('workspace')
    ) : (
      <Link to={`/runs/${run}`} className="mono audit-tight" aria-label={t('toRun', { run: short(run), seq })}>
        {short(run)}
      </Link>
    );
  const what = (line: Line, most: number) => (
    <>
      {line.tool !== null && <Said text={line.tool} mono most={120} />}{' '}
      {line.args !== null && CALLS.has(line.kind) && <Said text={line.args} mono most={most} />} <Said text={line.what} most={most} />
    </>
  );
  const kind = (line: Line) => <Tag color={GRAVE[line.kind]}>{t(`kinds.${line.kind}`, { defaultValue: line.kind })}</Tag>;
  const when = ({ at }: Line) => (
    <time dateTime={at} title={format.whole(at)} className="tabular audit-tight">
      {format.moment(at)}
    </time>
  );
  const narrow: TableColumnsType<Line> = [
    {
      key: 'all',
      title: t('record'),
      render: (_, line) => (
        <Flex vertical gap={4}>
          <Flex gap="small" wrap align="baseline">
            {kind(line)} {when(line)} {toRun(line)}
          </Flex>
          <Who agent={line.agent} whom={line.on_behalf_of} by={line.by} />
          <span>{what(line, 160)}</span>
        </Flex>
      ),
    },
  ];
  const columns: TableColumnsType<Line> = [
    {
      key: 'at',
      width: 150,
      title: t('columns.at'),
      className: 'tabular audit-tight',
      render: (_, line) => when(line),
    },
    { key: 'kind', width: 130, title: t('columns.kind'), render: (_, line) => kind(line) },
    {
      key: 'who',
      width: 150,
      title: t('columns.who'),
      render: (_, { agent, on_behalf_of, by }) => <Who agent={agent} whom={on_behalf_of} by={by} />,
    },
    {
      key: 'what',
      title: t('columns.what'),
      render: (_, line) => what(line, 220),
    },
    { key: 'cost', width: 90, title: t('columns.cost'), align: 'right', className: 'tabular audit-tight', render: (_, { cost }) => (cost === null ? '' : format.money(cost)) },
    {
      key: 'run',
      width: 110,
      title: t('columns.run'),
      render: (_, line) => toRun(line),
    },
  ];
  return (
    <Table<Line>
      size="small"
      rowKey="position"
      columns={wide ? columns : narrow}
      dataSource={lines}
      loading={pending}
      pagination={false}
      scroll={wide ? { x: 860 } : {}}
      locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('none')} /> }}
      expandable={{ expandedRowRender: (line) => <Whole line={line} /> }}
    />
  );
}

function Who({ agent, whom, by }: { agent: string | null; whom: string | null; by: string | null }) {
  const { t } = useTranslation('audit');
  return (
    <>
      {agent !== null && <div><strong>{agent}</strong></div>}
      {whom !== null && <div>{t('for', { whom })}</div>}
      {by !== null && by !== `person:${whom}` && <Typography.Text type="secondary"><Said text={t('by', { who: by.replace(/^person:/, '') })} most={80} /></Typography.Text>}
    </>
  );
}

function Whole({ line }: { line: Line }) {
  const { t } = useTranslation('audit');
  const format = useFormat();
  const rows: [string, string | null][] = [
    ['at', format.whole(line.at)],
    ['effect', line.effect],
    ['rule', line.rule],
    ['args', line.args],
    ['what', line.what],
    ['place', `${line.run} · ${line.seq} · ${line.position}`],
    ['digest', line.digest],
  ];
  return (
    <dl className="audit-whole">
      {rows.map(([name, text]) =>
        text === null || text === '' ? null : (
          <div key={name}>
            <dt>{t(`whole.${name}`)}</dt>
            <dd>
              <Said text={text} mono={name !== 'at' && name !== 'what'} most={4_000} />
            </dd>
          </div>
        ),
      )}
    </dl>
  );
}
