// Whether the record is as it was written, and where it is not.
import { SafetyCertificateOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Progress, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, key, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

const EVERY = 400; // ms
const SHOWN = 50;

/** The check, how far it is, and what it found. */
export function Verify() {
  const { t } = useTranslation('audit');
  const format = useFormat();
  const client = useQueryClient();
  const found = useQuery({
    queryKey: ['verification'],
    queryFn: () => data(api.GET('/audit/verify')),
    refetchInterval: ({ state }) => (state.data?.state === 'running' ? EVERY : false),
  });
  const begin = useMutation({
    mutationFn: () => data(api.POST('/audit/verify', { body: {}, params: { header: { 'Idempotency-Key': key() } } })),
    onSuccess: (stands) => client.setQueryData(['verification'], stands),
  });
  const stands = found.data;
  const going = stands?.state === 'running';
  return (
    <Card size="small">
      <Flex vertical gap="small">
        <Flex justify="space-between" align="center" gap="small" wrap>
          <div>
            <Typography.Text strong>{t('verify.title')}</Typography.Text>
            <br />
            <Typography.Text type="secondary">{t('verify.about')}</Typography.Text>
          </div>
          <Button type="primary" icon={<SafetyCertificateOutlined />} loading={going || begin.isPending} onClick={() => begin.mutate()}>
            {t(stands?.state === 'done' ? 'verify.again' : 'verify.begin')}
          </Button>
        </Flex>
        {begin.isError && <Trouble error={begin.error} />}
        {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
        {going && (
          <Progress
            percent={stands.of === 0 ? 0 : Math.min(Math.round((stands.runs / stands.of) * 100), 99)}
            format={() => t('verify.far', { runs: format.count(stands.runs), of: format.count(stands.of) })}
            aria-label={t('verify.going')}
          />
        )}
        {stands?.state === 'broken' && <Alert type="error" showIcon title={t('verify.broken')} />}
        {stands?.report && <Report report={stands.report} when={stands.ended} />}
      </Flex>
    </Card>
  );
}

function Report({ report, when }: { report: Schemas['Audit']; when: string | null }) {
  const { t } = useTranslation('audit');
  const format = useFormat();
  const looked = t('verify.looked', {
    runs: format.count(report.runs),
    events: format.count(report.events),
    blobs: format.count(report.blobs),
    seals: format.count(report.seals),
    at: when === null ? '' : format.moment(when),
  });
  const findings = report.findings as unknown as Finding[];
  if (report.ok) {
    return (
      <Alert
        type="success"
        showIcon
        role="status"
        title={t('verify.sound')}
        description={
          <>
            <div>{looked}</div>
            {report.seals > 0 && (
              <div>
                {t('verify.keep')} <code className="mono audit-seal">{`${report.seals}:${report.seal}`}</code>
              </div>
            )}
          </>
        }
      />
    );
  }
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={t('verify.wrong', { count: findings.length + report.more })}
      description={
        <>
          <div>{looked}</div>
          <ul className="audit-findings">
            {findings.slice(0, SHOWN).map((one, place) => (
              <li key={place}>
                <Where place={one.place} /> <Said text={one.message} />
              </li>
            ))}
          </ul>
          {findings.length + report.more > SHOWN && t('verify.more', { count: findings.length + report.more - SHOWN })}
        </>
      }
    />
  );
}

interface Finding {
  code: string;
  message: string;
  place: { run?: string; seq?: number; table?: string; key?: string; seal?: number };
}

function Where({ place }: { place: Finding['place'] }) {
  const { t } = useTranslation('audit');
  const { run, seq, table, seal } = place;
  if (run !== undefined && run !== '') {
    const name = seq === undefined ? t('verify.run', { run }) : t('verify.event', { run, seq });
    return run === 'workspace' ? <strong>{name}</strong> : <Link to={`/runs/${run}`}>{name}</Link>;
  }
  if (seal !== undefined) return <strong>{t('verify.seal', { seal })}</strong>;
  return <strong>{table === undefined ? t('verify.whole') : t('verify.table', { table })}</strong>;
}
