// The matrix: agent by tools, with limits and approvers; found by any word.
import { SearchOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Empty, Flex, Grid, Input, Segmented, Table, Tag, Tooltip, Typography } from 'antd';
import type { TableColumnsType } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { Trouble } from '~/components/Trouble';
import { visible } from '~/lib/visible';
import { useGrant } from '../agents/Mandate';

type Row = Schemas['MandateRow'];
const COLOURS = { act: 'warning', ask: 'processing', shadow: 'default' } as const;
const LEVELS = ['all', 'act', 'ask', 'shadow'] as const;

export function Grants() {
  const { t } = useTranslation(['mandates', 'agents']);
  const found = useQuery({ queryKey: ['agents', 'mandates'], queryFn: () => data(api.GET('/mandates')) });
  const [sought, seek] = useState('');
  const [level, setLevel] = useState<(typeof LEVELS)[number]>('all');
  const rows = useMemo(() => {
    const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
    return (found.data ?? []).filter((row) => {
      const text = [
        row.agent,
        row.owner,
        row.pattern,
        ...row.approvers,
        ...row.people,
        ...row.tools.map((tool) => tool.name),
      ];
      const all = text.join(' ').toLowerCase();
      return (level === 'all' || row.autonomy === level) && words.every((word) => all.includes(word));
    });
  }, [found.data, sought, level]);
  const columns = useColumns();
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  if (found.data?.length === 0) return <Empty description={t('none')} />;
  return (
    <Flex vertical gap="middle">
      <Flex gap="small" wrap>
        <Input
          type="search"
          prefix={<SearchOutlined />}
          className="agents-search"
          aria-label={t('search')}
          placeholder={t('search')}
          value={sought}
          onChange={(event) => seek(event.target.value)}
        />
        <Segmented
          aria-label={t('level')}
          value={level}
          onChange={setLevel}
          options={LEVELS.map((one) => ({
            value: one,
            label: one === 'all' ? t('all') : t(`agents:level.${one}`),
          }))}
        />
      </Flex>
      <Table<Row>
        size="small"
        rowKey={(row) => `${row.agent}/${row.pattern}`}
        columns={columns}
        dataSource={rows}
        loading={found.isPending}
        pagination={rows.length > 100 ? { pageSize: 100, showSizeChanger: false } : false}
        locale={{ emptyText: t('noMatch') }}
      />
    </Flex>
  );
}

function useColumns(): TableColumnsType<Row> {
  const { t } = useTranslation(['mandates', 'agents']);
  const say = useGrant();
  const narrow = Grid.useBreakpoint().sm === false;
  const may = (row: Row) => (
    <Flex gap="small" align="baseline">
      <Tag color={COLOURS[row.autonomy]}>{t(`agents:level.${row.autonomy}`)}</Tag>
      <span>{say({ ...row, approvers: row.stated ? row.approvers : [] })}</span>
    </Flex>
  );
  return [
    {
      title: t('agents:columns.agent'),
      key: 'agent',
      width: narrow ? 110 : 150,
      sorter: (one, other) => one.agent.localeCompare(other.agent),
      render: (_, row) => (
        <Flex vertical>
          <Link to={`/agents/${row.agent}`} className="agents-name">
            {row.agent}
          </Link>
          {row.frozen && (
            <span>
              <Tag color="processing">{t('agents:frozen')}</Tag>
            </span>
          )}
        </Flex>
      ),
    },
    {
      title: t('tools'),
      key: 'tools',
      sorter: (one, other) => one.pattern.localeCompare(other.pattern),
      render: (_, row) => (
        <Flex vertical gap={2}>
          <Flex gap="small" align="baseline" wrap>
            <code className="agents-code">{visible(row.pattern)}</code>
            {row.consequential && (
              <Tooltip title={t('consequentialSays')}>
                <Tag>{t('consequential')}</Tag>
              </Tooltip>
            )}
          </Flex>
          {narrow && may(row)}
          {row.pattern.endsWith('*') && (
            <Typography.Text type="secondary">
              {row.tools.map((tool) => visible(tool.name)).join(', ') || t('noTool')}
              {row.more > row.tools.length && ` ${t('more', { count: row.more - row.tools.length })}`}
            </Typography.Text>
          )}
          {!row.pattern.endsWith('*') && row.more === 0 && (
            <Typography.Text type="secondary">{t('noTool')}</Typography.Text>
          )}
        </Flex>
      ),
    },
    {
      title: t('may'),
      key: 'may',
      responsive: ['sm'],
      render: (_, row) => may(row),
    },
    {
      title: t('people'),
      key: 'people',
      responsive: ['md'],
      width: 200,
      render: (_, row) =>
        row.autonomy === 'ask' ? (
          row.people.length > 0 ? (
            row.people.map(visible).join(', ')
          ) : (
            <Tag color="error">{t('nobody')}</Tag>
          )
        ) : (
          '–'
        ),
    },
    { title: t('agents:columns.owner'), dataIndex: 'owner', responsive: ['lg'], width: 110 },
  ];
}
