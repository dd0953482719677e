// The switch that stops everything: said plainly, asked about once, and undone as plainly.
import { LockOutlined, UnlockOutlined } from '@ant-design/icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Flex, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { useSwitches } from './asking';

type Switches = Schemas['Switches'];

/** Whether agents may begin anything, and the switch for it. */
export function Freeze() {
  const { t } = useTranslation('overview');
  const { modal } = App.useApp();
  const client = useQueryClient();
  const found = useSwitches();
  const turn = useMutation({
    mutationFn: ({ agent, frozen }: { agent: string | null; frozen: boolean }) =>
      data(frozen ? api.POST('/freeze', WRITE(agent)) : api.POST('/thaw', WRITE(agent))),
    onSettled: () => client.invalidateQueries({ predicate: ({ queryKey: [area] }) => area === 'freeze' || area === 'agents' }),
  });
  if (found.isError && found.data === undefined) return <Trouble error={found.error} again={() => void found.refetch()} />;
  const switches: Switches | undefined = found.data;
  const everything = switches?.workspace ?? null;
  const ask = () =>
    modal.confirm({
      title: t('freeze.sure'),
      content: t('freeze.does'),
      okText: t('freeze.do'),
      okButtonProps: { danger: true, autoFocus: false },
      cancelText: t('freeze.leave'),
      autoFocusButton: 'cancel',
      onOk: () => turn.mutateAsync({ agent: null, frozen: true }).catch(() => undefined),
    });
  return (
    <Flex vertical gap="small">
      {turn.isError && <Trouble error={turn.error} />}
      {everything === null ? (
        <Card size="small" className="board-switch">
          <Flex justify="space-between" align="center" gap="middle" wrap>
            <div>
              <Typography.Text strong>
                <span className="board-dot" aria-hidden="true" /> {t('freeze.off')}
              </Typography.Text>
              <br />
              <Typography.Text type="secondary">{t('freeze.offMore')}</Typography.Text>
            </div>
            {switches?.may === true && (
              <Button danger size="large" icon={<LockOutlined />} onClick={ask} loading={turn.isPending}>
                {t('freeze.all')}
              </Button>
            )}
          </Flex>
        </Card>
      ) : (
        <Alert
          type="error"
          showIcon
          icon={<LockOutlined />}
          role="status"
          title={<strong>{t('freeze.on')}</strong>}
          description={<Since switched={everything} />}
          action={
            switches?.may === true && (
              <Button
                size="large"
                icon={<UnlockOutlined />}
                loading={turn.isPending}
                onClick={() => turn.mutate({ agent: null, frozen: false })}
              >
                {t('freeze.thaw')}
              </Button>
            )
          }
        />
      )}
      {switches?.agents.map((one) => (
        <Alert
          key={one.agent}
          type="warning"
          showIcon
          icon={<LockOutlined />}
          title={t('freeze.agent', { agent: one.agent })}
          description={<Since switched={one} />}
          action={
            switches.may && (
              <Button size="small" onClick={() => turn.mutate({ agent: one.agent, frozen: false })}>
                {t('freeze.thaw')}
              </Button>
            )
          }
        />
      ))}
    </Flex>
  );
}

const WRITE = (agent: string | null) => ({ body: { agent }, params: { header: { 'Idempotency-Key': crypto.randomUUID() } } });

function Since({ switched }: { switched: Schemas['Since'] }) {
  const { t } = useTranslation('overview');
  const format = useFormat();
  if (switched.since === null) return t('freeze.onMore');
  const who = (switched.by ?? '').replace(/^person:/, '');
  return `${t('freeze.since', { who, at: format.moment(switched.since) })} ${t('freeze.onMore')}`;
}
