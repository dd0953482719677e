// The models, where their calls go, and whether they were proved to do what Deputy asks of them.
import { ExperimentOutlined } from '@ant-design/icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Button, Card, Table, type TableColumnsType, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, key, type Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

type Model = Schemas['Model'];

const COLOURS = { ok: 'success', warning: 'warning', error: 'error' } as const;

/** The models. */
export function Models({ models }: { models: Model[] }) {
  const { t } = useTranslation('settings');
  const may = useMay();
  const { modal } = App.useApp();
  const client = useQueryClient();
  const begin = useMutation({
    mutationFn: (model: string) =>
      data(api.POST('/models/{model}/prove', { body: {}, params: { path: { model }, header: { 'Idempotency-Key': key() } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings'] }),
  });
  const ask = (model: string) =>
    modal.confirm({
      title: t('prove.sure', { model }),
      content: t('prove.does'),
      okText: t('prove.do'),
      cancelText: t('prove.leave'),
      onOk: () => begin.mutateAsync(model).catch(() => undefined),
    });
  const columns: TableColumnsType<Model> = [
    {
      key: 'name',
      title: t('columns.name'),
      render: (_, one) => (
        <>
          <strong>{one.name}</strong>
          {one.model !== null && (
            <>
              <br />
              <Said text={one.model} mono most={80} />
            </>
          )}
        </>
      ),
    },
    {
      key: 'where',
      title: t('columns.where'),
      render: (_, { addresses, provider }) =>
        addresses.length === 0 ? <Tag>{t(`provider.${provider}`)}</Tag> : addresses.map((one) => <div key={one}><Said text={one} mono most={120} /></div>),
    },
    { key: 'key', title: t('columns.key'), render: (_, { key: reference }) => (reference === null ? '–' : <span className="mono">{reference}</span>) },
    { key: 'state', title: t('columns.proof'), render: (_, one) => <State model={one} /> },
    {
      key: 'do',
      title: '',
      align: 'right',
      render: (_, one) =>
        may('models.prove') && one.provider !== 'rehearsal' ? (
          <Button size="small" icon={<ExperimentOutlined />} loading={one.proof?.state === 'running'} onClick={() => ask(one.name)}>
            {t('prove.button')}
          </Button>
        ) : null,
    },
  ];
  return (
    <Card size="small" title={<h2 className="settings-title">{t('models')}</h2>}>
      {begin.isError && <Trouble error={begin.error} />}
      {models.length === 0 ? <Typography.Text type="secondary">{t('noModels')}</Typography.Text> : <Table<Model>
        size="small"
        rowKey="name"
        columns={columns}
        dataSource={models}
        pagination={false}
        scroll={{ x: 'max-content' }}
        expandable={{
          rowExpandable: ({ proof }) => proof !== null && proof.checks.length > 0,
          expandedRowRender: ({ proof }) => <Checks checks={proof?.checks ?? []} />,
        }}
      />}
    </Card>
  );
}

function State({ model }: { model: Model }) {
  const { t } = useTranslation('settings');
  const format = useFormat();
  const { proof, problem, provider, known } = model;
  if (provider === 'rehearsal') return <Typography.Text type="secondary">{t('proof.rehearsal')}</Typography.Text>;
  if (problem !== null) return <Typography.Text type="danger"><Said text={problem} most={300} /></Typography.Text>;
  if (proof === null) return <Typography.Text type="secondary">{t(known ? 'proof.never' : 'proof.unknown')}</Typography.Text>;
  if (proof.state === 'running') return t('proof.going', { count: proof.checks.length });
  const wrong = proof.checks.filter(({ level }) => level === 'error').length;
  const odd = proof.checks.filter(({ level }) => level === 'warning').length;
  const level = wrong > 0 ? 'error' : odd > 0 ? 'warning' : 'ok';
  return (
    <>
      <Tag color={COLOURS[level]}>{t(`proof.${level}`)}</Tag>{' '}
      <Typography.Text type="secondary">{t('proof.at', { at: format.moment(proof.at) })}</Typography.Text>
    </>
  );
}

function Checks({ checks }: { checks: Schemas['Check'][] }) {
  const { t } = useTranslation('settings');
  return (
    <ul className="settings-checks">
      {checks.map((one, place) => (
        <li key={place}>
          <Tag color={COLOURS[one.level]}>{t(`level.${one.level}`)}</Tag> <strong>{one.check}</strong> <Said text={one.message} />{' '}
          {one.remedy !== '' && (
            <Typography.Text type="secondary">
              <Said text={one.remedy} />
            </Typography.Text>
          )}
        </li>
      ))}
    </ul>
  );
}
