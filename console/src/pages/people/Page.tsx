// Who there is, what each may do, decides and answers for, and how much waits for them.
import { useQuery } from '@tanstack/react-query';
import { Alert, Badge, Card, Empty, Flex, Input, Skeleton, Table, type TableColumnsType, Tag, Tooltip, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import './people.css';

type Duty = Schemas['Duty'];

/** The people. */
export default function People() {
  const { t } = useTranslation('people');
  const [sought, seek] = useState('');
  const found = useQuery({ queryKey: ['people', 'duties'], queryFn: () => data(api.GET('/people/duties')), refetchInterval: 10_000 });
  const told = found.data;
  const fits = ({ id, name, email, groups, roles }: Duty) =>
    [id, name, email ?? '', ...groups, ...roles].some((text) => text.toLowerCase().includes(sought.trim().toLowerCase()));
  return (
    <Page
      title={t('title')}
      extra={<Input.Search allowClear aria-label={t('search')} placeholder={t('search')} value={sought} onChange={({ target }) => seek(target.value)} style={{ width: 260, maxWidth: '100%' }} />}
    >
      <Flex vertical gap="middle">
        {told === undefined && found.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
        {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
        {told && (
          <>
            <Alert
              type="info"
              showIcon
              title={t('file', { file: told.file })}
              description={told.self_approval ? t('selfApproval') : t('noSelfApproval')}
            />
            <List people={told.people.filter(fits)} everybody={told.people} />
            <Groups groups={told.groups} people={told.people} />
          </>
        )}
      </Flex>
    </Page>
  );
}

function List({ people, everybody }: { people: Duty[]; everybody: Duty[] }) {
  const { t } = useTranslation('people');
  const { t: common } = useTranslation();
  const me = useMe();
  const format = useFormat();
  const named = (id: string) => everybody.find((one) => one.id === id)?.name ?? id;
  const columns: TableColumnsType<Duty> = [
    {
      key: 'name',
      title: t('columns.name'),
      render: (_, one) => (
        <>
          <strong>
            <Said text={one.name} most={80} />
          </strong>{' '}
          {one.id === me.person && <Tag>{t('you')}</Tag>}
          <br />
          <Typography.Text type="secondary">
            <Said text={one.email ?? one.id} most={120} />
          </Typography.Text>
        </>
      ),
    },
    {
      key: 'waits',
      title: t('columns.waits'),
      align: 'right',
      className: 'tabular',
      sorter: (one, other) => (one.waits ?? -1) - (other.waits ?? -1),
      render: (_, { waits }) => (waits === null ? '–' : <Badge count={waits} showZero color={waits > 0 ? undefined : 'transparent'} className={waits > 0 ? '' : 'people-none'} />),
    },
    { key: 'roles', title: t('columns.roles'), render: (_, { roles }) => <Tags names={roles.map((role) => common(`roles.${role}`))} /> },
    { key: 'groups', title: t('columns.groups'), render: (_, { groups }) => <Tags names={groups} /> },
    { key: 'manager', title: t('columns.manager'), render: (_, { manager }) => (manager === null ? '–' : named(manager)) },
    {
      key: 'limit',
      title: t('columns.limit'),
      align: 'right',
      className: 'tabular',
      render: (_, { limits }) =>
        limits['approve'] === undefined ? t('noLimit') : format.money({ amount: String(limits['approve']), currency: me.workspace.currency }),
    },
    { key: 'approves', title: t('columns.approves'), render: (_, one) => <Approves duty={one} /> },
    { key: 'owns', title: t('columns.owns'), render: (_, { owns }) => (owns.length === 0 ? '–' : owns.map((agent) => <Agent key={agent} name={agent} />)) },
  ];
  return (
    <Table<Duty>
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={people}
      scroll={{ x: 'max-content' }}
      pagination={people.length > 50 ? { pageSize: 50 } : false}
      locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('nobody')} /> }}
    />
  );
}

function Tags({ names }: { names: string[] }) {
  return names.length === 0 ? '–' : names.map((name) => <Tag key={name}>{name}</Tag>);
}

function Agent({ name }: { name: string }) {
  return (
    <Link to={`/agents/${name}`} className="people-agent">
      {name}
    </Link>
  );
}

const SHOWN = 3;

/** What somebody is asked about: tools by agent, and as what they are asked. */
function Approves({ duty }: { duty: Duty }) {
  const { t } = useTranslation('people');
  const { approves } = duty;
  if (approves.length === 0) return '–';
  return (
    <ul className="people-approves">
      {approves.slice(0, SHOWN).map((one) => (
        <li key={`${one.agent} ${one.tool}`}>
          <Tooltip title={t('through', { entries: one.through.join(', ') })}>
            <span tabIndex={0}>
              <Agent name={one.agent} /> <span className="mono">{one.tool}</span>
            </span>
          </Tooltip>
        </li>
      ))}
      {approves.length > SHOWN && <li>{t('more', { count: approves.length - SHOWN })}</li>}
    </ul>
  );
}

function Groups({ groups, people }: { groups: Schemas['Group'][]; people: Duty[] }) {
  const { t } = useTranslation('people');
  if (groups.length === 0) return null;
  const named = (id: string) => people.find((one) => one.id === id)?.name ?? id;
  return (
    <Card size="small" title={<h2 className="people-title">{t('groups')}</h2>}>
      <dl className="people-groups">
        {groups.map((group) => (
          <div key={group.id}>
            <dt>
              <strong>{group.name}</strong> <span className="mono">{`group:${group.id}`}</span>
            </dt>
            <dd>{group.members.length === 0 ? t('empty') : group.members.map(named).join(', ')}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
