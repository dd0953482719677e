// What it costs and how it goes: numbers, charts over time, and each agent.
import { useQuery } from '@tanstack/react-query';
import { Alert, Card, Flex, Progress, Segmented, Skeleton, Table, type TableColumnsType } from 'antd';
import { type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMay, useMe } from '~/api/me';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { type Statistics, useFigures, type Window } from './asking';
import type { Line } from './Bars';
import { Series } from './Series';

/** The figures of a window of time. */
export function Figures({ window, whose }: { window: Window; whose: string }) {
  const { t } = useTranslation('overview');
  const may = useMay();
  const found = useFigures(window, whose);
  if (found.data === undefined) {
    return found.isError ? <Trouble error={found.error} again={() => void found.refetch()} /> : <Skeleton active paragraph={{ rows: 10 }} />;
  }
  return (
    <Flex vertical gap="middle">
      {found.data.behind > 0 && <Alert type="info" showIcon title={t('behind', { count: found.data.behind })} />}
      <Numbers told={found.data} />
      <Charts told={found.data} />
      <Agents told={found.data} />
      {may('budget.read') && <Budgets />}
    </Flex>
  );
}

function Numbers({ told }: { told: Statistics }) {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const { total } = told;
  const { incident, minutes, waiting, approvals } = total;
  const seconds = (value: number | null) => (value === null ? '–' : format.duration(value * 1000));
  const wrong = (['denied', 'in_doubt', 'failed', 'alarms'] as const).filter((name) => incident[name] > 0);
  return (
    <dl className="board-numbers" aria-label={t('numbers')}>
      <Number name={t('spend')} value={format.money(total.spend)} more={t('tokens', { n: format.count(total.tokens) })} />
      <Number
        name={t('runs')}
        value={format.count(total.begun)}
        more={t('ends', { done: format.count(total.done), failed: format.count(total.failed) })}
      />
      <Number
        name={t('approvals')}
        value={format.count(approvals.asked)}
        more={t('decided', { yes: format.count(approvals.approved), no: format.count(approvals.refused) })}
      />
      <Number name={t('waiting')} value={seconds(waiting.median)} more={t('p95', { time: seconds(waiting.p95) })} />
      <Number
        name={t('incidents')}
        value={format.count(total.incidents)}
        more={wrong.map((name) => t(`incident.${name}`, { count: incident[name] })).join(' · ') || t('noIncident')}
      />
      <Number
        name={t('minutes')}
        value={minutes.saved === null ? '–' : format.count(minutes.saved)}
        more={`${t('spentMinutes', { count: minutes.spent })}${minutes.saved === null ? ` · ${t('noFigure')}` : ''}`}
      />
    </dl>
  );
}

function Number({ name, value, more }: { name: string; value: ReactNode; more: ReactNode }) {
  return (
    <div className="board-number">
      <dt>{name}</dt>
      <dd className="board-big">{value}</dd>
      <dd className="board-more">{more}</dd>
    </div>
  );
}

// -- charts

const LINES = 6; // agents that have a colour of their own

const MEASURES = ['spend', 'tokens', 'begun'] as const;
type Measure = (typeof MEASURES)[number];
type Point = { spend: Schemas['Money']; tokens: number; begun: number };

const value = (point: Point | undefined, measure: Measure): number => {
  if (point === undefined) return 0;
  return measure === 'spend' ? parseFloat(point.spend.amount) : point[measure];
};

function Charts({ told }: { told: Statistics }) {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const me = useMe();
  const labels = useLabels(told);
  const [chosen, choose] = useState<Measure>();
  const measure = chosen ?? MEASURES.find((one) => value(told.total, one) > 0) ?? 'spend';
  const byAgent = useMemo(() => {
    const most = [...told.agents].sort((one, other) => value(other, measure) - value(one, measure));
    const of = (agent: string) => told.series.map(({ agents }) => value(agents[agent], measure));
    const lines: Line[] = most.slice(0, LINES).map(({ agent }) => ({ name: agent, values: of(agent) }));
    const rest = most.slice(LINES).map(({ agent }) => of(agent));
    if (rest.length > 0) {
      lines.push({ name: t('others'), values: told.series.map((_, place) => rest.reduce((sum, one) => sum + (one[place] ?? 0), 0)) });
    }
    return lines;
  }, [told, measure, t]);
  const runs = useMemo(
    () =>
      (['done', 'failed', 'cancelled'] as const).map((name) => ({
        name: t(`chart.${name}`),
        values: told.series.map((one) => one[name]),
        kind: name,
      })),
    [told, t],
  );
  const currency = me.workspace.currency;
  const shown = (n: number) => (measure === 'spend' ? format.money({ amount: String(n), currency }) : format.count(n));
  const choice = (
    <Segmented<Measure>
      size="small"
      aria-label={t('chart.measure')}
      value={measure}
      onChange={choose}
      options={MEASURES.map((one) => ({ value: one, label: t(`chart.measures.${one}`) }))}
    />
  );
  return (
    <div className="board-pair">
      <Series title={t('chart.byAgent')} labels={labels} lines={byAgent} shown={shown} whole={measure !== 'spend'} extra={choice} />
      <Series title={t('chart.runs')} labels={labels} lines={runs} shown={(n) => format.count(n)} whole />
    </div>
  );
}

function useLabels(told: Statistics): string[] {
  const { i18n } = useTranslation();
  return useMemo(() => {
    const language = i18n.language === 'zh' ? 'zh-CN' : 'en-GB';
    const hourly = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
    const daily = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
    return told.series.map(({ start }) => (told.by === 'hour' ? hourly : daily).format(new Date(start)));
  }, [told, i18n.language]);
}

// -- agents

type AgentLine = Statistics['agents'][number];

function Agents({ told }: { told: Statistics }) {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const seconds = (value: number | null) => (value === null ? '–' : format.duration(value * 1000));
  const number = (one: string, get: (line: AgentLine) => number): TableColumnsType<AgentLine>[number] => ({
    key: one,
    title: t(`columns.${one}`),
    align: 'right',
    className: 'tabular',
    sorter: (left, right) => get(left) - get(right),
    render: (_, line) => format.count(get(line)),
  });
  const columns: TableColumnsType<AgentLine> = [
    { key: 'agent', title: t('columns.agent'), dataIndex: 'agent', sorter: (left, right) => left.agent.localeCompare(right.agent) },
    { key: 'team', title: t('columns.team'), render: (_, line) => line.team ?? '–' },
    { ...number('spend', (line) => parseFloat(line.spend.amount)), render: (_, line) => format.money(line.spend) },
    number('begun', (line) => line.begun),
    number('done', (line) => line.done),
    number('failed', (line) => line.failed),
    number('asked', (line) => line.asked),
    { ...number('waiting', (line) => line.waiting.median ?? -1), render: (_, line) => seconds(line.waiting.median) },
    number('incidents', (line) => line.incidents),
    { ...number('saved', (line) => line.minutes.saved ?? -1), render: (_, line) => (line.minutes.saved === null ? '–' : format.count(line.minutes.saved)) },
  ];
  return (
    <Card size="small" title={<h2>{t('byAgent')}</h2>} className="board-panel">
      <Table<AgentLine>
        size="small"
        rowKey="agent"
        columns={columns}
        dataSource={told.agents}
        pagination={told.agents.length > 20 ? { pageSize: 20 } : false}
        scroll={{ x: 'max-content' }}
        locale={{ emptyText: t('noAgents') }}
      />
    </Card>
  );
}

// -- budget

function Budgets() {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const found = useQuery({ queryKey: ['budget'], queryFn: () => data(api.GET('/budget')) });
  const today = new Date().toISOString().slice(0, 10);
  const lines = (found.data ?? []).filter((line) => line.day === today && line.agent !== null && (line.limit.money !== null || parseFloat(line.spent.money.amount) > 0));
  if (found.isError) return <Trouble error={found.error} />;
  if (lines.length === 0) return null;
  return (
    <Card size="small" title={<h2>{t('budget.title')}</h2>} className="board-panel">
      <ul className="board-lines">
        {lines.map((line) => (
          <li key={line.account} className="board-line">
            <Flex gap="small" align="center" wrap>
              <strong style={{ minWidth: 120 }}>{line.agent}</strong>
              <Used line={line} />
              <span className="tabular">
                {line.limit.money === null
                  ? t('budget.free', { spent: format.money(line.spent.money) })
                  : t('budget.of', { spent: format.money(line.spent.money), most: format.money(line.limit.money) })}
              </span>
              {parseFloat(line.raised.money.amount) > 0 && <Raised line={line} />}
            </Flex>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** That people let an agent spend more than its mandate, and where to read who did. */
function Raised({ line }: { line: Schemas['Account'] }) {
  const { t } = useTranslation('overview');
  const format = useFormat();
  const may = useMay();
  const said = t('budget.raised', { amount: format.money(line.raised.money) });
  return may('audit.read') ? <Link to={`/audit?kind=BudgetRaised&agent=${line.agent ?? ''}`}>{said}</Link> : <span>{said}</span>;
}

function Used({ line }: { line: Schemas['Account'] }) {
  const { t } = useTranslation('overview');
  if (line.limit.money === null) return <span className="board-fill" />;
  const most = parseFloat(line.limit.money.amount);
  const share = most > 0 ? Math.min((parseFloat(line.spent.money.amount) / most) * 100, 100) : 100;
  return (
    <span className="board-fill">
      <Progress percent={Math.round(share)} size="small" status={share >= 90 ? 'exception' : 'normal'} aria-label={t('budget.used', { agent: line.agent })} />
    </span>
  );
}
