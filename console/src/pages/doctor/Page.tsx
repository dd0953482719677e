// What is right and wrong with the workspace: what is wrong first, each with what to do about it.
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Collapse, Flex, Skeleton, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import './doctor.css';

type Found = Schemas['Finding'];

const COLOURS = { ok: 'success', warning: 'warning', error: 'error' } as const;

/** The doctor. */
export default function Doctor() {
  const { t } = useTranslation('doctor');
  const found = useQuery({ queryKey: ['doctor'], queryFn: () => data(api.GET('/doctor')), staleTime: 30_000 });
  const again = () => void found.refetch();
  const by = (level: Found['level']) => found.data?.filter((one) => one.level === level) ?? [];
  const wrong = by('error').length;
  const odd = by('warning').length;
  return (
    <Page title={t('title')} extra={<Button onClick={again} loading={found.isFetching}>{t('again')}</Button>}>
      <Flex vertical gap="middle">
        {found.isPending && (
          <Card size="small">
            <Typography.Text type="secondary">{t('examining')}</Typography.Text>
            <Skeleton active />
          </Card>
        )}
        {found.isError && <Trouble error={found.error} again={again} />}
        {found.data && (
          <Alert
            showIcon
            role="status"
            type={wrong > 0 ? 'error' : odd > 0 ? 'warning' : 'success'}
            title={wrong > 0 ? t('wrong', { count: wrong }) : odd > 0 ? t('odd', { count: odd }) : t('well')}
          />
        )}
        {(['error', 'warning'] as const).map((level) => by(level).length > 0 && <Group key={level} level={level} found={by(level)} />)}
        {by('ok').length > 0 && (
          <Collapse
            size="small"
            items={[{ key: 'ok', label: t('fine', { count: by('ok').length }), children: <Lines found={by('ok')} /> }]}
            defaultActiveKey={wrong + odd === 0 ? ['ok'] : []}
          />
        )}
      </Flex>
    </Page>
  );
}

function Group({ level, found }: { level: 'error' | 'warning'; found: Found[] }) {
  const { t } = useTranslation('doctor');
  return (
    <Card size="small" title={<h2 className="doctor-title">{t(`groups.${level}`)}</h2>}>
      <Lines found={found} />
    </Card>
  );
}

/** Findings by what was examined, in the order in which it was. */
function Lines({ found }: { found: Found[] }) {
  const { t } = useTranslation('doctor');
  const checks = [...new Set(found.map(({ check }) => check))];
  return (
    <div className="doctor-lines">
      {checks.map((check) => (
        <section key={check}>
          <h3>
            <Said text={check} most={80} />
          </h3>
          <ul>
            {found
              .filter((one) => one.check === check)
              .map((one, place) => (
                <li key={place}>
                  <Tag color={COLOURS[one.level]}>{t(`levels.${one.level}`)}</Tag> <Said text={one.message} />
                  {one.remedy !== '' && (
                    <div className="doctor-remedy">
                      <Typography.Text type="secondary">{t('next')}</Typography.Text> <Said text={one.remedy} />
                    </div>
                  )}
                </li>
              ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
