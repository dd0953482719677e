// Try in shadow: a run that reads and only proposes everything else, shown where it was asked for.
import { ExperimentOutlined } from '@ant-design/icons';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Input, Spin, Tag, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { type Files, keyed } from './queries';

interface Props {
  name: string;
  /** A draft; without it, what is on disk. */
  files?: Files;
  version?: string;
  disabled?: boolean;
}

const OVER = ['done', 'failed', 'cancelled'];

export function Trial({ name, files, version, disabled = false }: Props) {
  const { t } = useTranslation('agents');
  const [task, setTask] = useState('');
  const begin = useMutation({
    mutationFn: () =>
      data(
        api.POST('/agents/{agent}/try', {
          params: { path: { agent: name }, header: keyed() },
          body: { task, files: files ?? {}, version: version ?? '' },
        }),
      ),
  });
  return (
    <Card size="small">
      <Flex vertical gap="small">
        <Typography.Text type="secondary">{t('trySays')}</Typography.Text>
        <Input.TextArea
          aria-label={t('task')}
          placeholder={t('task')}
          rows={3}
          value={task}
          onChange={(event) => setTask(event.target.value)}
        />
        <Flex>
          <Button
            icon={<ExperimentOutlined />}
            disabled={disabled || task.trim() === ''}
            loading={begin.isPending}
            onClick={() => begin.mutate()}
          >
            {t('try')}
          </Button>
        </Flex>
        {disabled && <Typography.Text type="secondary">{t('tryLater')}</Typography.Text>}
        {begin.isError && <Trouble error={begin.error} />}
        {begin.data && <Result run={begin.data.run} />}
      </Flex>
    </Card>
  );
}

function Result({ run }: { run: string }) {
  const { t } = useTranslation(['agents', 'common']);
  const found = useQuery({
    queryKey: ['run', run],
    queryFn: () => data(api.GET('/runs/{run}', { params: { path: { run } } })),
    refetchInterval: ({ state }) => (state.data && OVER.includes(state.data.state) ? false : 1_500),
  });
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  const shown = found.data;
  if (!shown) return <Spin />;
  const effects = shown.effects.filter((effect) => effect.tool !== '' && effect.tool !== 'model');
  const proposed = effects.filter((effect) => effect.state === 'proposed').length;
  return (
    <section aria-label={t('tryResult')} aria-live="polite">
      <Flex gap="small" align="center" wrap>
        <Tag color="processing">{t('inShadow')}</Tag>
        <Tag>{t(`common:states.${shown.state}`)}</Tag>
        {!OVER.includes(shown.state) && shown.state !== 'waiting' && <Spin size="small" />}
        <Link to={`/runs/${shown.id}`}>{t('itsRun')}</Link>
      </Flex>
      {shown.state === 'waiting' && (
        <Alert
          type="info"
          showIcon
          title={t('tryWaits', { what: shown.waiting_on.map((wait) => wait.kind).join(', ') })}
        />
      )}
      <ol className="agents-steps" aria-label={t('steps')}>
        {effects.map((effect) => (
          <Step key={effect.id} effect={effect} />
        ))}
      </ol>
      {shown.answer !== null && (
        <div>
          <strong>{t('answer')}</strong> <Said text={shown.answer} most={3_000} />
        </div>
      )}
      {shown.error && <Alert type="error" showIcon title={<Said text={shown.error.message} />} />}
      {OVER.includes(shown.state) && (
        <Typography.Text type="secondary">{t('tryDone', { count: proposed })}</Typography.Text>
      )}
    </section>
  );
}

function Step({ effect }: { effect: Schemas['SeenEffect'] }) {
  const { t } = useTranslation('agents');
  const word =
    effect.state === 'proposed'
      ? 'proposed'
      : effect.state === 'denied'
        ? 'denied'
        : effect.state === 'failed'
          ? 'failed'
          : effect.state === 'done'
            ? 'read'
            : 'open';
  const colour = {
    proposed: 'processing',
    denied: 'error',
    failed: 'error',
    read: 'success',
    open: 'default',
  }[word];
  return (
    <li>
      <Flex gap="small" align="baseline" wrap>
        <Tag color={colour}>{t(`step.${word}`)}</Tag>
        <code className="agents-code">
          <Said text={effect.tool} most={200} />
        </code>
      </Flex>
      <span className="args">
        <Said mono text={JSON.stringify(effect.args)} most={400} />
      </span>
      {effect.error && <Said text={effect.error.message} most={400} />}
    </li>
  );
}
