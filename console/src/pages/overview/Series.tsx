// Bars over time, drawn when somebody looks; and the same as a table, for whoever would rather read.
import { Button, Card, Flex, Skeleton, Table } from 'antd';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Line } from './Bars';

const Bars = lazy(() => import('./Bars'));

interface Props {
  title: string;
  labels: string[];
  lines: Line[];
  shown: (value: number) => string;
  /** Whether there is nothing between one and two. */
  whole?: boolean;
  extra?: ReactNode;
}

/** A chart under its title. */
export function Series({ title, labels, lines, shown, whole = false, extra }: Props) {
  const { t } = useTranslation('overview');
  const [read, setRead] = useState(false);
  const empty = lines.every(({ values }) => values.every((value) => value === 0));
  const rows = labels
    .map((label, place) => ({ key: place, label, values: lines.map(({ values }) => values[place] ?? 0) }))
    .filter(({ values }) => values.some((value) => value !== 0));
  const button = (
    <Button size="small" type="text" aria-pressed={read} onClick={() => setRead(!read)}>
      {t(read ? 'chart.draw' : 'chart.read')}
    </Button>
  );
  return (
    <Card size="small" title={<h2>{title}</h2>} extra={
        <Flex gap="small" wrap>
          {extra}
          {button}
        </Flex>
      } className="board-panel">
      {read ? (
        <Table
          size="small"
          pagination={false}
          scroll={{ x: 'max-content', y: 180 }}
          dataSource={rows.reverse()}
          locale={{ emptyText: t('chart.nothing') }}
          columns={[
            { key: 'when', title: t('chart.when'), render: (_, { label }) => label },
            ...lines.map(({ name }, place) => ({
              key: `${place}`,
              title: name,
              align: 'right' as const,
              className: 'tabular',
              render: (_: unknown, { values }: (typeof rows)[number]) => shown(values[place] ?? 0),
            })),
          ]}
        />
      ) : (
        <div className="board-chart">
          {empty ? (
            <p className="board-nothing">{t('chart.nothing')}</p>
          ) : (
            <Suspense fallback={<Skeleton active title={false} paragraph={{ rows: 5 }} />}>
              <Bars title={title} labels={labels} lines={lines} shown={shown} whole={whole} />
            </Suspense>
          )}
        </div>
      )}
    </Card>
  );
}
