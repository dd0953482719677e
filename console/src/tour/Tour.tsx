// The first run, step by step: let an agent work, approve what it asks, see it paid. For a workspace that is new.
import { CheckCircleFilled, CloseOutlined, PlayCircleOutlined } from '@ant-design/icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Flex, Typography } from 'antd';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, key } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { type Progress, useProgress } from './steps';
import './tour.css';

const KEPT = 'deputy.tour'; //: 'open' once the tour was seen, 'closed' once it was dismissed

/** The tour, for those who see all runs and start some, where the workspace is new and they have not dismissed it. */
export function Tour() {
  const may = useMay();
  return may('runs.start') && may('doctor.read') ? <Offered /> : null;
}

function Offered() {
  const progress = useProgress();
  const [kept, keep] = useState(() => localStorage.getItem(KEPT));
  if (kept === null && progress !== undefined && progress.fresh && !progress.done) keep('open');
  useEffect(() => {
    if (kept !== null) localStorage.setItem(KEPT, kept);
  }, [kept]);
  if (progress === undefined || kept !== 'open') return null;
  return <Steps progress={progress} onClose={() => keep('closed')} />;
}

function Steps({ progress, onClose }: { progress: Progress; onClose: () => void }) {
  const { t } = useTranslation('tour');
  const heading = useId();
  const { started, approved, done } = progress;
  const now = !started ? 0 : !approved ? 1 : done ? 3 : 2;
  return (
    <Card className="tour" size="small" aria-labelledby={heading} role="region">
      <Flex justify="space-between" align="start" gap="small">
        <div>
          <Typography.Title level={2} id={heading} className="tour-title">
            {t(done ? 'finished' : 'title')}
          </Typography.Title>
          <Typography.Text type="secondary">{t(done ? 'finishedNext' : 'about')}</Typography.Text>
        </div>
        <Button type="text" icon={<CloseOutlined />} onClick={onClose} aria-label={t('dismiss')} />
      </Flex>
      <ol className="tour-steps">
        <Step place={0} now={now} done={started} title={t('run.title', { agent: progress.agent.name })}>
          <Begin progress={progress} />
        </Step>
        <Step place={1} now={now} done={approved} title={t('approve.title')}>
          <Approve progress={progress} />
        </Step>
        <Step place={2} now={now} done={done} title={t('paid.title')}>
          <Paid progress={progress} />
        </Step>
      </ol>
    </Card>
  );
}

interface StepProps {
  place: number;
  now: number;
  done: boolean;
  title: string;
  children: ReactNode;
}

function Step({ place, now, done, title, children }: StepProps) {
  const { t } = useTranslation('tour');
  return (
    <li aria-current={place === now ? 'step' : undefined} className={done ? 'tour-done' : place === now ? 'tour-now' : ''}>
      <span className="tour-mark" aria-hidden="true">
        {done ? <CheckCircleFilled /> : place + 1}
      </span>
      <Flex vertical gap={6} align="start">
        <strong>
          {title}
          {done && <span className="unseen">{t('isDone')}</span>}
        </strong>
        {(place === now || done) && children}
      </Flex>
    </li>
  );
}

function Begin({ progress }: { progress: Progress }) {
  const { t } = useTranslation('tour');
  const client = useQueryClient();
  const name = useRef(key());
  const begin = useMutation({
    mutationFn: () =>
      data(
        api.POST('/runs', {
          params: { header: { 'Idempotency-Key': name.current } },
          body: { agent: progress.agent.name, task: t(progress.agent.name === 'payables' ? 'run.task' : 'run.anyTask'), conversation: 'no' },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ['runs'] }),
  });
  if (progress.run !== undefined) {
    return <Link to={`/runs/${progress.run}`}>{t('run.look')}</Link>;
  }
  return (
    <>
      <Typography.Text type="secondary">
        <Said text={progress.agent.description} />
      </Typography.Text>
      <Button type="primary" icon={<PlayCircleOutlined />} loading={begin.isPending} onClick={() => begin.mutate()}>
        {t('run.begin', { agent: progress.agent.name })}
      </Button>
      {begin.isError && <Trouble error={begin.error} />}
    </>
  );
}

function Approve({ progress: { waits, approved } }: { progress: Progress }) {
  const { t } = useTranslation('tour');
  const mine = waits.filter((one) => one.mine);
  if (approved) return <Typography.Text type="secondary">{t('approve.done')}</Typography.Text>;
  if (waits.length === 0) return <Typography.Text type="secondary">{t('approve.soon')}</Typography.Text>;
  if (mine.length > 0) {
    return (
      <>
        <Typography.Text type="secondary">{t('approve.yours', { count: mine.length })}</Typography.Text>
        <Link to="/inbox">
          <Button type="primary">{t('approve.inbox')}</Button>
        </Link>
      </>
    );
  }
  const who = waits[0]?.people[0] ?? '';
  return (
    <>
      <Typography.Text type="secondary">{t('approve.others', { count: waits.length, who })}</Typography.Text>
      <Typography.Text code copyable={{ text: `deputy sign-in --as ${who}` }}>
        {`deputy sign-in --as ${who}`}
      </Typography.Text>
      <Typography.Text type="secondary">{t('approve.window')}</Typography.Text>
    </>
  );
}

function Paid({ progress: { done, run } }: { progress: Progress }) {
  const { t } = useTranslation('tour');
  if (!done || run === undefined) return <Typography.Text type="secondary">{t('paid.soon')}</Typography.Text>;
  return (
    <Flex gap="middle" wrap>
      <Link to={`/runs/${run}`}>{t('paid.look')}</Link>
      <Link to="/chat">{t('paid.chat')}</Link>
    </Flex>
  );
}
