// What starts an agent by itself: when it did, when it will, what did not happen; fired by hand, paused and resumed.
import { CaretRightOutlined, PauseOutlined, ThunderboltOutlined } from '@ant-design/icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Flex, Skeleton, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMay, useMe } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { type Agent, keyed, useTriggers } from './queries';

export function Triggers({ agent }: { agent: Agent }) {
  const { t } = useTranslation('agents');
  const me = useMe();
  const may = useMay();
  const found = useTriggers();
  const mine = found.data?.filter((one) => one.agent === agent.name);
  const tends = may('triggers.tend') && (me.person === agent.owner || may('agents.deploy'));
  if (found.isPending) return <Skeleton active paragraph={{ rows: 2 }} />;
  if (found.isError) return <Trouble error={found.error} />;
  if (!mine?.length) return <Typography.Text type="secondary">{t('noTriggers')}</Typography.Text>;
  return (
    <ul className="agents-plain">
      {mine.map((trigger) => (
        <li key={trigger.trigger}>
          <One trigger={trigger} tends={tends} />
        </li>
      ))}
    </ul>
  );
}

function One({ trigger, tends }: { trigger: Schemas['Trigger']; tends: boolean }) {
  const { t } = useTranslation('agents');
  const format = useFormat();
  const { message } = App.useApp();
  const client = useQueryClient();
  const named = { agent: trigger.agent, trigger: String(trigger.number) };
  const settled = () => client.invalidateQueries({ queryKey: ['triggers'] });
  const failed = (error: Error) => void message.error(error.message);
  const fire = useMutation({
    mutationFn: () =>
      data(api.POST('/triggers/fire', { params: { header: keyed() }, body: { ...named, content: '' } })),
    onSuccess: () => void message.success(t('fired')),
    onError: failed,
    onSettled: settled,
  });
  const pause = useMutation({
    mutationFn: () =>
      data(
        api.POST(trigger.paused ? '/triggers/resume' : '/triggers/pause', {
          params: { header: keyed() },
          body: named,
        }),
      ),
    onError: failed,
    onSettled: settled,
  });
  const last = trigger.last as { at: string; run: string | null; state: string } | null;
  return (
    <Flex vertical gap={4}>
      <Flex gap="small" align="center" wrap>
        <Tag>{trigger.kind}</Tag>
        <Said text={trigger.source} most={200} />
        {trigger.paused && <Tag color="warning">{t('paused')}</Tag>}
        {tends && (
          <Flex gap={4} style={{ marginInlineStart: 'auto' }}>
            <Button
              size="small"
              icon={<ThunderboltOutlined />}
              loading={fire.isPending}
              onClick={() => fire.mutate()}
            >
              {t('fire')}
            </Button>
            <Button
              size="small"
              icon={trigger.paused ? <CaretRightOutlined /> : <PauseOutlined />}
              loading={pause.isPending}
              onClick={() => pause.mutate()}
            >
              {t(trigger.paused ? 'resume' : 'pause')}
            </Button>
          </Flex>
        )}
      </Flex>
      <Typography.Text type="secondary">
        <Said text={trigger.task} most={300} />
      </Typography.Text>
      <Flex gap="middle" wrap>
        {trigger.next && !trigger.paused && (
          <span>
            {t('next')} <time dateTime={trigger.next}>{format.moment(trigger.next)}</time>
          </span>
        )}
        {last && (
          <span>
            {t('last')} <time dateTime={last.at}>{format.moment(last.at)}</time>
            {last.run && (
              <>
                {' '}
                <Link to={`/runs/${last.run}`}>{t('itsRun')}</Link>
              </>
            )}
          </span>
        )}
        {trigger.waiting > 0 && <span>{t('queued', { count: trigger.waiting })}</span>}
      </Flex>
      {trigger.alarms.map((alarm) => (
        <Alert key={alarm} type="warning" showIcon title={<Said text={alarm} />} />
      ))}
    </Flex>
  );
}
