// One agent: what it is, its files, its versions; frozen and thawed from here.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Button, Flex, Skeleton, Tabs, Tag, Typography } from 'antd';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useNavigate, useParams } from 'react-router';

import { api, data } from '~/api/client';
import { useMay } from '~/api/me';
import { Page } from '~/components/Page';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { Editor } from './Editor';
import { Overview, Standing } from './Overview';
import { type Agent as Found, keyed, useAgent, useSource } from './queries';
import { Levels } from './List';
import { Trial } from './Trial';
import { Versions } from './Versions';

export function Agent() {
  const { t } = useTranslation('agents');
  const { agent: name = '' } = useParams();
  const may = useMay();
  const agent = useAgent(name);
  const source = useSource(name, may('agents.source'));
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const tab = /\/(edit|versions|try)$/.exec(pathname)?.[1] ?? 'overview';
  const go = (to: string) => void navigate(`/agents/${name}${to === 'overview' ? '' : `/${to}`}`);
  if (agent.isPending)
    return (
      <Page title={name}>
        <Skeleton active />
      </Page>
    );
  if (agent.isError) {
    return (
      <Page title={name}>
        <Trouble error={agent.error} again={() => void agent.refetch()} />
      </Page>
    );
  }
  const found = agent.data;
  const tabs = [{ key: 'overview', label: t('tabs.overview'), children: <Overview agent={found} /> }];
  if (may('agents.source')) {
    tabs.push({
      key: 'edit',
      label: t(may('agents.deploy') ? 'tabs.edit' : 'tabs.read'),
      children: (
        <Suspense fallback={<Skeleton active />}>
          {source.isError && <Trouble error={source.error} again={() => void source.refetch()} />}
          {source.data && <Editor name={name} source={source.data} />}
        </Suspense>
      ),
    });
  }
  if (may('agents.deploy')) {
    tabs.push({
      key: 'try',
      label: t('tabs.try'),
      children: (
        <div className="agents-narrow">
          <Trial name={name} />
        </div>
      ),
    });
  }
  tabs.push({
    key: 'versions',
    label: t('tabs.versions'),
    children: <Versions agent={found} source={source.data} />,
  });
  return (
    <Page title={name} extra={<Actions agent={found} />}>
      <Flex vertical gap="small">
        <Flex gap="small" align="center" wrap>
          <Link to="/agents">{t('title')}</Link>
          <Levels agent={found} />
          {found.frozen && <Tag color="processing">{t('frozen')}</Tag>}
        </Flex>
        <Typography.Text type="secondary">
          <Said text={found.description} most={500} />
        </Typography.Text>
        {source.data && <Standing source={source.data} />}
        <Tabs activeKey={tab} onChange={go} items={tabs} destroyOnHidden />
      </Flex>
    </Page>
  );
}

function Actions({ agent }: { agent: Found }) {
  const { t } = useTranslation('agents');
  const may = useMay();
  const { modal, message } = App.useApp();
  const client = useQueryClient();
  const freeze = useMutation({
    mutationFn: () =>
      data(
        api.POST(agent.frozen ? '/thaw' : '/freeze', {
          params: { header: keyed() },
          body: { agent: agent.name },
        }),
      ),
    onError: (error) => void message.error(error.message),
    onSuccess: () => void message.success(t(agent.frozen ? 'thawed' : 'frozenNow', { agent: agent.name })),
    onSettled: () => client.invalidateQueries({ queryKey: ['agents'] }),
  });
  const ask = () =>
    void modal.confirm({
      title: t(agent.frozen ? 'thawAsk' : 'freezeAsk', { agent: agent.name }),
      content: t(agent.frozen ? 'thawSays' : 'freezeSays'),
      okText: t(agent.frozen ? 'thaw' : 'freeze'),
      cancelText: t('cancel'),
      okButtonProps: { danger: !agent.frozen },
      onOk: () => freeze.mutateAsync().catch(() => undefined),
    });
  if (!may('workspace.freeze')) return null;
  return (
    <Button danger={!agent.frozen} onClick={ask} loading={freeze.isPending}>
      {t(agent.frozen ? 'thaw' : 'freeze')}
    </Button>
  );
}
