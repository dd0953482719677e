// Every agent in a line: what it is for, for whom, how free it is, and how it did lately.
import { PlusOutlined, SearchOutlined } from '@ant-design/icons';
import { Button, Empty, Flex, Input, Table, Tag, Typography } from 'antd';
import type { TableColumnsType } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';

import type { Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { type Agent, useAgents, useLately } from './queries';
import { Spark } from './Spark';

type Lately = Schemas['AgentLately'];

export function List() {
  const { t } = useTranslation('agents');
  const may = useMay();
  const navigate = useNavigate();
  const agents = useAgents();
  const lately = useLately(may('agents.record'));
  const [sought, seek] = useState('');
  const rows = useMemo(() => {
    const words = sought.trim().toLowerCase();
    return (agents.data ?? []).filter((one) =>
      [one.name, one.description, one.owner, one.model].some((text) => text.toLowerCase().includes(words)),
    );
  }, [agents.data, sought]);
  const records = useMemo(() => new Map(lately.data?.map((one) => [one.agent, one])), [lately.data]);
  const columns = useColumns(records, may('agents.record'));
  const fresh = may('agents.deploy') && (
    <Button type="primary" icon={<PlusOutlined />} onClick={() => void navigate('_new')}>
      {t('new')}
    </Button>
  );
  const none = agents.data?.length === 0;
  return (
    <Page title={t('title')} extra={fresh}>
      {agents.isError && <Trouble error={agents.error} again={() => void agents.refetch()} />}
      {none ? (
        <Empty description={t('none')}>{fresh}</Empty>
      ) : (
        <Flex vertical gap="middle">
          <Input
            type="search"
            prefix={<SearchOutlined />}
            aria-label={t('search')}
            placeholder={t('search')}
            value={sought}
            onChange={(event) => seek(event.target.value)}
            className="agents-search"
          />
          <Table<Agent>
            size="small"
            className="agents-table"
            columns={columns}
            dataSource={rows}
            rowKey="name"
            loading={agents.isPending}
            pagination={rows.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
            locale={{ emptyText: t('noMatch') }}
          />
        </Flex>
      )}
    </Page>
  );
}

function useColumns(records: Map<string, Lately>, shown: boolean): TableColumnsType<Agent> {
  const { t } = useTranslation('agents');
  const format = useFormat();
  const columns: TableColumnsType<Agent> = [
    {
      title: t('columns.agent'),
      key: 'agent',
      sorter: (one, other) => one.name.localeCompare(other.name),
      render: (_, agent) => (
        <Flex vertical>
          <Flex gap="small" align="center" wrap>
            <Link to={agent.name} className="agents-name">
              {agent.name}
            </Link>
            {agent.frozen && <Tag color="processing">{t('frozen')}</Tag>}
            {agent.driver === 'procedure' && <Tag>{t('driver.procedure')}</Tag>}
          </Flex>
          <Typography.Text type="secondary" className="agents-about">
            <Said text={agent.description} most={200} />
          </Typography.Text>
        </Flex>
      ),
    },
    {
      title: t('columns.owner'),
      dataIndex: 'owner',
      responsive: ['md'],
      width: 130,
      sorter: (one, other) => one.owner.localeCompare(other.owner),
    },
    {
      title: t('columns.mandate'),
      key: 'mandate',
      responsive: ['sm'],
      width: 210,
      render: (_, agent) => <Levels agent={agent} />,
    },
  ];
  if (!shown) return columns;
  return [
    ...columns,
    {
      title: t('columns.lately'),
      key: 'lately',
      width: 170,
      responsive: ['md'],
      render: (_, { name }) => <Spark days={records.get(name)?.days ?? []} />,
    },
    {
      title: t('columns.outcomes'),
      key: 'outcomes',
      responsive: ['lg'],
      width: 190,
      render: (_, { name }) => <Outcomes states={records.get(name)?.states ?? {}} />,
    },
    {
      title: t('columns.last'),
      key: 'last',
      responsive: ['lg'],
      width: 140,
      sorter: (one, other) =>
        (records.get(one.name)?.last ?? '').localeCompare(records.get(other.name)?.last ?? ''),
      render: (_, { name }) => {
        const last = records.get(name)?.last;
        return last ? <time dateTime={last}>{format.relative(last)}</time> : t('never');
      },
    },
  ];
}

/** How many of its grants are of which level. */
export function Levels({ agent }: { agent: Agent }) {
  const { t } = useTranslation('agents');
  const counts = { act: 0, ask: 0, shadow: 0 };
  for (const { autonomy } of agent.tools) counts[autonomy] += 1;
  const colours = { act: 'warning', ask: 'processing', shadow: 'default' } as const;
  return (
    <Flex gap={4} wrap>
      {(['act', 'ask', 'shadow'] as const).map(
        (level) =>
          counts[level] > 0 && (
            <Tag key={level} color={colours[level]}>
              {t(`counts.${level}`, { count: counts[level] })}
            </Tag>
          ),
      )}
      {agent.tools.length === 0 && <Typography.Text type="secondary">{t('counts.none')}</Typography.Text>}
    </Flex>
  );
}

function Outcomes({ states }: { states: Record<string, number> }) {
  const { t } = useTranslation(['agents', 'common']);
  const shown = Object.entries(states);
  if (shown.length === 0) return <Typography.Text type="secondary">{t('noRuns')}</Typography.Text>;
  return (
    <span className="tabular">
      {shown.map(([state, count]) => `${count} ${t(`common:states.${state}`).toLowerCase()}`).join(' · ')}
    </span>
  );
}
