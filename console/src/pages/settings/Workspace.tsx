// What deputy.toml says: the workspace, its models and whether they were proved, its connections, its telemetry.
import { useQuery } from '@tanstack/react-query';
import { Alert, Card, Descriptions, Flex, Skeleton, Table, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { Models } from './Models';

type Told = Schemas['Settings'];

/** The workspace's own settings. */
export function Workspace() {
  const { t } = useTranslation('settings');
  const found = useQuery({
    queryKey: ['settings'],
    queryFn: () => data(api.GET('/settings')),
    refetchInterval: ({ state }) => (state.data?.models.some(({ proof }) => proof?.state === 'running') ? 700 : 10_000),
  });
  const told = found.data;
  if (told === undefined) {
    return found.isError ? <Trouble error={found.error} again={() => void found.refetch()} /> : <Skeleton active paragraph={{ rows: 10 }} />;
  }
  return (
    <Flex vertical gap="middle">
      {told.wrong !== null && <Alert type="error" showIcon title={t('wrong')} description={<Said text={told.wrong} />} />}
      <General told={told} />
      <Models models={told.models} />
      <Connections told={told} />
      <Traces told={told} />
    </Flex>
  );
}

function General({ told }: { told: Told }) {
  const { t } = useTranslation('settings');
  const yes = (value: boolean) => t(value ? 'yes' : 'no');
  const items: [string, string][] = [
    ['name', told.name],
    ['currency', told.currency],
    ['timezone', told.timezone],
    ['selfApproval', yes(told.self_approval)],
    ['database', told.database.file ?? told.database.kind],
    ['listens', `${told.web.host}:${told.web.port}`],
    ['exposed', told.web.public_url ?? t(told.web.expose ? 'webhooks' : 'no')],
    ['signIn', told.sign_in.oidc === null ? t('links') : (told.sign_in.oidc.name ?? told.sign_in.oidc.issuer)],
    ['teams', told.teams.map(({ team, weight }) => `${team} ×${weight}`).join(', ') || '–'],
  ];
  return (
    <Card
      size="small"
      title={<h2 className="settings-title">{t('workspace')}</h2>}
      extra={<Typography.Text type="secondary">{t('file', { file: told.file })}</Typography.Text>}
    >
      <Descriptions
        size="small"
        column={{ xs: 1, sm: 2, lg: 4 }}
        items={items.map(([key, text]) => ({ key, label: t(`general.${key}`), children: <Said text={text} most={200} /> }))}
      />
    </Card>
  );
}

function Connections({ told }: { told: Told }) {
  const { t } = useTranslation('settings');
  return (
    <Card size="small" title={<h2 className="settings-title">{t('connections')}</h2>}>
      {told.connections.length === 0 ? <Typography.Text type="secondary">{t('noConnections')}</Typography.Text> : <Table
        size="small"
        rowKey="title"
        pagination={false}
        scroll={{ x: 'max-content' }}
        dataSource={told.connections}
        columns={[
          { key: 'name', title: t('columns.name'), render: (_, { name }) => <strong>{name}</strong> },
          { key: 'kind', title: t('columns.kind'), render: (_, { kind }) => <Tag>{t(`connection.${kind}`, { defaultValue: kind })}</Tag> },
          { key: 'title', title: t('columns.where'), render: (_, { title }) => <span className="mono">{`[${title}]`}</span> },
        ]}
      />}
    </Card>
  );
}

function Traces({ told }: { told: Told }) {
  const { t } = useTranslation('settings');
  const { telemetry } = told;
  return (
    <Card size="small" title={<h2 className="settings-title">{t('traces.title')}</h2>}>
      {telemetry === null ? (
        <Typography.Text type="secondary">{t('traces.none')}</Typography.Text>
      ) : (
        <Flex vertical gap="small">
          {telemetry.problem !== null && <Alert type="warning" showIcon title={<Said text={telemetry.problem} />} />}
          <Descriptions
            size="small"
            column={{ xs: 1, sm: 2, lg: 4 }}
            items={[
              { key: 'to', label: t('traces.to'), children: <Said text={telemetry.traces} mono /> },
              { key: 'service', label: t('traces.service'), children: <Said text={telemetry.service} /> },
              { key: 'content', label: t('traces.content'), children: t(telemetry.content ? 'yes' : 'no') },
              { key: 'sent', label: t('traces.sent'), children: `${telemetry.sent} / ${telemetry.refused}` },
            ]}
          />
        </Flex>
      )}
    </Card>
  );
}
