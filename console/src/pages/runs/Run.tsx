// One run: how it stands, what it waits for, its effects in order, and what was said beside them.
import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, Button, Flex, Grid, Input, Modal, Skeleton, Tabs, Typography } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { api, data, key, type Schemas } from '~/api/client';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { short, useFormat } from '~/lib/format';
import { Conversation } from './Conversation';
import { Files } from './Files';
import { useNow } from './now';
import { State } from './State';
import { Timeline } from './Timeline';
import { Waiting } from './Waiting';

type Seen = Schemas['SeenRun'];

/** One run. */
export default function Run() {
  const { t } = useTranslation('runs');
  const { run = '' } = useParams();
  const navigate = useNavigate();
  const found = useQuery({
    queryKey: ['run', run, 'head'],
    queryFn: () => data(api.GET('/runs/{run}', { params: { path: { run } } })),
  });
  const id = found.data?.id;
  useEffect(() => {
    if (id !== undefined && id !== run) void navigate(`/runs/${id}`, { replace: true });
  }, [id, run, navigate]);
  if (found.data === undefined) {
    return (
      <Page title={t('one', { run: short(run) })}>
        {found.isError ? <Trouble error={found.error} again={() => void found.refetch()} /> : <Skeleton active paragraph={{ rows: 8 }} />}
        <Link to="/runs">{t('back')}</Link>
      </Page>
    );
  }
  return <Told run={found.data} />;
}

function Told({ run }: { run: Seen }) {
  const { t } = useTranslation('runs');
  const narrow = !Grid.useBreakpoint().lg;
  const timeline = (
    <section className="run-card" aria-label={t('timeline.title')}>
      {!narrow && <Typography.Title level={2}>{t('timeline.title')}</Typography.Title>}
      <Timeline run={run} />
    </section>
  );
  const said = (
    <section className="run-card" aria-label={t('said.title')}>
      {!narrow && <Typography.Title level={2}>{t('said.title')}</Typography.Title>}
      <Conversation run={run} />
    </section>
  );
  const files = (
    <section className="run-card" aria-label={t('files.title')}>
      {!narrow && <Typography.Title level={2}>{t('files.title')}</Typography.Title>}
      <Files run={run.id} />
    </section>
  );
  return (
    <Page
      title={`${run.agent} · ${short(run.id)}`}
      extra={
        <Flex gap="small" align="center">
          <State state={run.state} summary={run.waiting_on[0]?.kind} />
          {run.may.cancel && <Cancel run={run.id} />}
        </Flex>
      }
    >
      <Flex vertical gap={12}>
        {run.frozen && run.ended === null && <Alert type="info" showIcon title={t('frozen')} description={t('frozenNext')} />}
        {run.items.length > 0 && (
          <div>
            {run.items.map((item) => (
              <Waiting key={item.id} item={item} run={run} />
            ))}
          </div>
        )}
        <Facts run={run} />
        {narrow ? (
          <Tabs
            items={[
              { key: 'timeline', label: t('timeline.title'), children: timeline },
              { key: 'said', label: t('said.title'), children: said },
              { key: 'files', label: t('files.title'), children: files },
            ]}
          />
        ) : (
          <div className="run-columns">
            {timeline}
            <Flex vertical gap={16}>
              {said}
              {files}
            </Flex>
          </div>
        )}
      </Flex>
    </Page>
  );
}

function Facts({ run }: { run: Seen }) {
  const { t } = useTranslation('runs');
  const { count, duration, money, moment, whole } = useFormat();
  const now = useNow(run.ended === null);
  const ms = new Date(run.ended ?? now).getTime() - new Date(run.created).getTime();
  const most = run.budget.limits;
  return (
    <section className="run-card" aria-label={t('facts.title')}>
      <Typography.Paragraph style={{ marginBottom: 12 }}>
        <Said text={run.task || t('noTask')} most={600} />
      </Typography.Paragraph>
      <dl className="run-facts">
        <Fact name={t('facts.for')}>{run.on_behalf_of}</Fact>
        <Fact name={t('facts.by')}>
          {run.started_by.replace(/^person:/, '')}
          {run.trigger !== 'person' && ` · ${t(`triggers.${run.trigger}`, run.trigger)}`}
        </Fact>
        <Fact name={t('facts.spent')}>
          <span className="tabular">
            {money(run.spent.money)}
            {most.money && ` / ${money(most.money)}`}
          </span>
        </Fact>
        <Fact name={t('facts.steps')}>
          <span className="tabular">
            {count(run.spent.steps)}
            {most.steps !== null && ` / ${count(most.steps)}`}
          </span>
        </Fact>
        <Fact name={t('facts.tokens')}>
          <span className="tabular">{count(run.spent.tokens)}</span>
        </Fact>
        <Fact name={t('facts.duration')}>
          <span className="tabular">{duration(Math.max(0, ms))}</span>
        </Fact>
        <Fact name={t('facts.created')}>
          <time dateTime={run.created} title={whole(run.created)}>
            {moment(run.created)}
          </time>
        </Fact>
        <Fact name={t('facts.version')}>
          <Link to={`/agents/${run.agent}`}>
            {run.agent} <span className="mono">{run.version.slice(0, 8)}</span>
          </Link>
        </Fact>
        {run.parent && (
          <Fact name={t('facts.parent')}>
            <Link to={`/runs/${run.parent}`} className="mono">
              {short(run.parent)}
            </Link>
          </Fact>
        )}
        {run.children.length > 0 && (
          <Fact name={t('facts.children')}>
            <Flex wrap gap={8}>
              {run.children.map((child) => (
                <Link key={child.id} to={`/runs/${child.id}`}>
                  {child.agent} <State state={child.state} summary={child.summary} />
                </Link>
              ))}
            </Flex>
          </Fact>
        )}
        {run.untrusted.length > 0 && (
          <Fact name={t('facts.untrusted')}>
            <Said text={run.untrusted.join(', ')} most={200} />
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Cancel({ run }: { run: string }) {
  const { t } = useTranslation('runs');
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const name = useRef(key());
  const sending = useMutation({
    mutationFn: () =>
      data(
        api.POST('/runs/{run}/cancel', {
          params: { path: { run }, header: { 'Idempotency-Key': name.current } },
          body: { reason },
        }),
      ),
    onSuccess: () => setOpen(false),
  });
  return (
    <>
      <Button danger onClick={() => setOpen(true)}>{t('cancel.open')}</Button>
      <Modal
        open={open}
        title={t('cancel.title')}
        okText={t('cancel.do')}
        cancelText={t('cancel.keep')}
        okButtonProps={{ danger: true, loading: sending.isPending }}
        onOk={() => sending.mutate()}
        onCancel={() => setOpen(false)}
      >
        <Flex vertical gap="small">
          <span>{t('cancel.what')}</span>
          <Input aria-label={t('cancel.reason')} placeholder={t('cancel.reason')} value={reason} onChange={(event) => setReason(event.target.value)} />
          {sending.isError && <Trouble error={sending.error} />}
        </Flex>
      </Modal>
    </>
  );
}
