// An agent at a glance: its mandate, its record, its budget, and what starts it.
import { Alert, Card, Skeleton, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { Mandate } from './Mandate';
import { type Agent, useRecord } from './queries';
import { Spark } from './Spark';
import { Triggers } from './Triggers';

export function Overview({ agent }: { agent: Agent }) {
  const { t } = useTranslation('agents');
  const may = useMay();
  return (
    <div className="agents-grid">
      <div className="agents-stack">
        <Card size="small" title={t('mandate')}>
          <Mandate agent={agent} />
        </Card>
        <Card size="small" title={t('triggers')}>
          <Triggers agent={agent} />
        </Card>
        <Card size="small" title={t('instructions')}>
          {agent.instructions === '' ? (
            <Typography.Text type="secondary">{t('noInstructions')}</Typography.Text>
          ) : (
            <Said text={agent.instructions} most={1_500} />
          )}
        </Card>
      </div>
      <div className="agents-stack">
        {may('agents.record') && <Record agent={agent} />}
        <Card size="small" title={t('facts')}>
          <Facts agent={agent} />
        </Card>
      </div>
    </div>
  );
}

function Record({ agent }: { agent: Agent }) {
  const { t } = useTranslation(['agents', 'common']);
  const format = useFormat();
  const found = useRecord(agent.name, true);
  const record = found.data;
  const counted = record && record.runs > 0;
  return (
    <Card
      size="small"
      title={t('record')}
      className="agents-record"
      extra={<Link to={`/runs?agent=${agent.name}`}>{t('allRuns')}</Link>}
    >
      {found.isPending && <Skeleton active paragraph={{ rows: 3 }} />}
      {found.isError && <Trouble error={found.error} />}
      {record && !counted && <Typography.Text type="secondary">{t('noRecord')}</Typography.Text>}
      {record && counted && (
        <>
          <dl className="agents-numbers">
            {Object.entries(record.states).map(([state, count]) => (
              <Number key={state} name={t(`common:states.${state}`)} value={format.count(count)} />
            ))}
            <Number name={t('numbers.asked')} value={format.count(record.asked)} />
            <Number name={t('numbers.approved')} value={format.count(record.approved)} />
            <Number name={t('numbers.edited')} value={format.count(record.edited)} />
            <Number name={t('numbers.refused')} value={format.count(record.refused)} />
            <Number name={t('numbers.denied')} value={format.count(record.denied)} />
            <Number name={t('numbers.in_doubt')} value={format.count(record.in_doubt)} />
            <Number name={t('numbers.money')} value={format.money(record.money)} />
            {record.median_seconds !== null && (
              <Number name={t('numbers.median')} value={format.duration(record.median_seconds * 1000)} />
            )}
          </dl>
          <Spark days={record.days} height={56} />
          <Typography.Text type="secondary">
            {t(record.more ? 'countedNewest' : 'countedAll', { count: record.runs })}
            {record.trials > 0 && ` ${t('trials', { count: record.trials })}`}
          </Typography.Text>
        </>
      )}
      {record?.today && <Today today={record.today} />}
    </Card>
  );
}

function Number({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Today({
  today,
}: {
  today: NonNullable<NonNullable<ReturnType<typeof useRecord>['data']>['today']>;
}) {
  const { t } = useTranslation('agents');
  const format = useFormat();
  // The bar alone is drawn from a float; the amounts are shown as they are.
  const share = today.limit
    ? Math.min(100, (parseFloat(today.spent.amount) / parseFloat(today.limit.amount)) * 100)
    : 0;
  const says = today.limit
    ? t('todayOf', { spent: format.money(today.spent), limit: format.money(today.limit) })
    : t('today', { spent: format.money(today.spent) });
  return (
    <div style={{ marginTop: 12 }}>
      <div>{says}</div>
      {today.limit && (
        <div className="agents-bar" aria-hidden>
          <span style={{ width: `${share || 0}%` }} />
        </div>
      )}
    </div>
  );
}

function Facts({ agent }: { agent: Agent }) {
  const { t } = useTranslation('agents');
  const format = useFormat();
  const limits = (account: 'run' | 'day') => {
    const { money, tokens, steps, wall } = agent.budget[account];
    const parts = [
      money && format.money(money),
      tokens !== null && t('of.tokens', { count: tokens, shown: format.count(tokens) }),
      steps !== null && t('of.steps', { count: steps, shown: format.count(steps) }),
      wall !== null && format.duration(wall * 1000),
    ].filter(Boolean);
    return parts.length > 0 ? parts.join(' · ') : t('unlimited');
  };
  return (
    <dl className="agents-numbers agents-facts">
      <Number name={t('columns.owner')} value={agent.owner} />
      <Number name={t('model')} value={agent.model} />
      <Number name={t('driverName')} value={t(`driver.${agent.driver}`)} />
      <Number name={t('version')} value={agent.version.slice(0, 12)} />
      <Number name={t('account.run')} value={limits('run')} />
      <Number name={t('account.day')} value={limits('day')} />
    </dl>
  );
}

/** Said where the files on disk are not what is in force. */
export function Standing({
  source,
}: {
  source: { version: string; deployed: string; findings: { message: string; level: string }[] };
}) {
  const { t } = useTranslation('agents');
  const wrong = source.findings.find((finding) => finding.level === 'error');
  if (wrong) {
    return (
      <Alert type="error" showIcon title={t('filesWrong')} description={<Said text={wrong.message} />} />
    );
  }
  if (source.version !== source.deployed) return <Alert type="info" showIcon title={t('ahead')} />;
  return null;
}
