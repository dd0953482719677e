// Where one is signed in; and an end to it, one by one or everywhere.
import { LogoutOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Card, Flex, Skeleton, Table, type TableColumnsType, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, key, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

type Session = Schemas['Session'];

/** One's sessions; everybody's for who may. */
export function Sessions() {
  const { t } = useTranslation('access');
  const me = useMe();
  const client = useQueryClient();
  const { modal } = App.useApp();
  const found = useQuery({ queryKey: ['sessions'], queryFn: () => data(api.GET('/sessions')) });
  const again = () => client.invalidateQueries({ queryKey: ['sessions'] });
  const end = useMutation({
    mutationFn: (session: string) =>
      data(api.POST('/sessions/{session}/revoke', { body: {}, params: { path: { session }, header: { 'Idempotency-Key': key() } } })),
    onSettled: again,
  });
  const everywhere = useMutation({
    mutationFn: () => data(api.POST('/sign-out-everywhere', { body: { others: true, person: null }, params: { header: { 'Idempotency-Key': key() } } })),
    onSettled: again,
  });
  const sessions = found.data ?? [];
  const others = sessions.filter(({ current, person }) => !current && person === me.person).length;
  const sure = () =>
    modal.confirm({
      title: t('others.sure'),
      content: t('others.does'),
      okText: t('others.do'),
      cancelText: t('keep'),
      onOk: () => everywhere.mutateAsync().catch(() => undefined),
    });
  return (
    <Card
      size="small"
      title={<h2 className="settings-title">{t('sessions')}</h2>}
      extra={
        <Button size="small" disabled={others === 0} icon={<LogoutOutlined />} onClick={sure}>
          {t('others.button')}
        </Button>
      }
    >
      <Flex vertical gap="small">
        <Typography.Text type="secondary">{t('sessionsHow')}</Typography.Text>
        {found.isPending && <Skeleton active paragraph={{ rows: 2 }} title={false} />}
        {[found.error, end.error, everywhere.error].map((error, place) => error !== null && <Trouble key={place} error={error} />)}
        {found.data && <List sessions={sessions} ending={end.isPending ? end.variables : undefined} onEnd={(id) => end.mutate(id)} />}
      </Flex>
    </Card>
  );
}

function List({ sessions, ending, onEnd }: { sessions: Session[]; ending?: string; onEnd: (id: string) => void }) {
  const { t } = useTranslation('access');
  const me = useMe();
  const format = useFormat();
  const columns: TableColumnsType<Session> = [
    {
      key: 'program',
      title: t('columns.browser'),
      render: (_, one) => (
        <Flex gap={6} wrap align="center">
          {one.program === '' ? t('unknown') : <Said text={one.program} most={100} />}
          {one.current && <Tag color="success">{t('current')}</Tag>}
          {one.person !== me.person && (
            <Tag>
              <Said text={one.person} />
            </Tag>
          )}
        </Flex>
      ),
    },
    { key: 'by', title: t('columns.by'), render: (_, { by }) => t(`by.${by}`) },
    { key: 'used', title: t('columns.used'), render: (_, { used }) => <time dateTime={used} title={format.whole(used)}>{format.relative(used)}</time> },
    { key: 'expires', title: t('columns.expires'), render: (_, { expires }) => <time dateTime={expires} title={format.whole(expires)}>{format.moment(expires)}</time> },
    {
      key: 'end',
      title: <span className="visually-hidden">{t('end')}</span>,
      align: 'right',
      render: (_, one) =>
        one.current ? null : (
          <Button size="small" loading={ending === one.id} onClick={() => onEnd(one.id)} aria-label={t('endNamed', { program: one.program || t('unknown') })}>
            {t('end')}
          </Button>
        ),
    },
  ];
  return <Table<Session> size="small" rowKey="id" columns={columns} dataSource={sessions} pagination={{ pageSize: 10, hideOnSinglePage: true }} scroll={{ x: 'max-content' }} />;
}
