// What was in force, newest first: by whom, what it widened, how it differs; and the way back.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Card, Empty, Flex, Modal, Skeleton, Tag, Tooltip, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { AuthorityChanges, Direction, useSentence } from './Authority';
import { type Agent, keyed, useVersions, type Version } from './queries';

type Source = Schemas['AgentSource'];

export function Versions({ agent, source }: { agent: Agent; source?: Source }) {
  const { t } = useTranslation('agents');
  const found = useVersions(agent.name);
  const may = useMay();
  const [compared, compare] = useState<{ before: string; after: string }>();
  const [back, goBack] = useState<Version>();
  if (found.isPending) return <Skeleton active />;
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  if (found.data.length === 0) return <Empty description={t('noVersions')} />;
  const current = found.data.find((one) => one.current);
  return (
    <>
      <ul className="agents-plain" aria-label={t('tabs.versions')}>
        {found.data.map((version, place) => (
          <li key={`${version.at}${version.version}`}>
            <One
              version={version}
              onCompare={
                may('agents.source')
                  ? () =>
                      compare({
                        before: version.current ? (found.data[place + 1]?.version ?? '') : version.version,
                        after: current?.version ?? version.version,
                      })
                  : undefined
              }
              comparable={version.current ? found.data.length > 1 : version.version !== current?.version}
              onBack={
                may('agents.deploy') && source && version.version !== current?.version
                  ? () => goBack(version)
                  : undefined
              }
            />
          </li>
        ))}
      </ul>
      {compared && <Compared agent={agent.name} {...compared} onClose={() => compare(undefined)} />}
      {back && source && (
        <Back agent={agent.name} version={back} source={source} onClose={() => goBack(undefined)} />
      )}
    </>
  );
}

interface OneProps {
  version: Version;
  comparable: boolean;
  onCompare?: () => void;
  onBack?: () => void;
}

function One({ version, comparable, onCompare, onBack }: OneProps) {
  const { t } = useTranslation('agents');
  const format = useFormat();
  const say = useSentence();
  const who = version.by === 'system' ? t('onDisk') : version.by.replace(/^person:/, '');
  return (
    <Card size="small" variant="borderless">
      <Flex gap="small" align="center" wrap>
        <code className="agents-code">{version.version.slice(0, 12)}</code>
        {version.current && <Tag color="success">{t('inForce')}</Tag>}
        {version.direction === null ? <Tag>{t('first')}</Tag> : <Direction direction={version.direction} />}
        <Tooltip title={format.whole(version.at)}>
          <time dateTime={version.at}>{format.moment(version.at)}</time>
        </Tooltip>
        <Said text={who} most={100} />
        <Flex gap="small" style={{ marginInlineStart: 'auto' }}>
          {onCompare && comparable && (
            <Button size="small" onClick={onCompare}>
              {t(version.current ? 'compareBefore' : 'compareNow')}
            </Button>
          )}
          {onBack && (
            <Button size="small" onClick={onBack}>
              {t('rollBack')}
            </Button>
          )}
        </Flex>
      </Flex>
      {version.changes.length > 0 && (
        <ul className="agents-says">
          {version.changes.slice(0, 6).map((change, place) => (
            <li key={place}>{say(change)}</li>
          ))}
        </ul>
      )}
    </Card>
  );
}

interface ComparedProps {
  agent: string;
  before: string;
  after: string;
  onClose: () => void;
}

function Compared({ agent, before, after, onClose }: ComparedProps) {
  const { t } = useTranslation('agents');
  const found = useDiff(agent, before, after);
  return (
    <Modal
      open
      width={820}
      footer={null}
      onCancel={onClose}
      title={t('compareTitle', { before: before.slice(0, 12), after: after.slice(0, 12) })}
    >
      {found.isPending && <Skeleton active />}
      {found.isError && <Trouble error={found.error} />}
      {found.data && <AuthorityChanges authority={found.data} texts />}
    </Modal>
  );
}

const useDiff = (agent: string, before: string, after: string) =>
  useQuery({
    queryKey: ['diff', agent, before, after],
    queryFn: () =>
      data(api.GET('/agents/{agent}/diff', { params: { path: { agent }, query: { before, after } } })),
    staleTime: Infinity,
  });

function Back({
  agent,
  version,
  source,
  onClose,
}: {
  agent: string;
  version: Version;
  source: Source;
  onClose: () => void;
}) {
  const { t } = useTranslation('agents');
  const { message } = App.useApp();
  const client = useQueryClient();
  const found = useDiff(agent, source.deployed, version.version);
  const back = useMutation({
    mutationFn: () =>
      data(
        api.POST('/agents/{agent}/rollback', {
          params: { path: { agent }, header: keyed() },
          body: { version: version.version, base: source.digest },
        }),
      ),
    onSuccess: async () => {
      onClose();
      void message.success(t('rolledBack', { version: version.version.slice(0, 12) }));
      await client.invalidateQueries({ queryKey: ['agents'] });
    },
    onError: () => void client.invalidateQueries({ queryKey: ['agents', agent, 'source'] }),
  });
  const widens = found.data?.direction === 'widens';
  return (
    <Modal
      open
      width={720}
      title={t('rollBackAsk', { version: version.version.slice(0, 12) })}
      okText={t('rollBack')}
      cancelText={t('cancel')}
      okButtonProps={{ danger: widens, loading: back.isPending, disabled: found.isPending }}
      onOk={() => back.mutate()}
      onCancel={onClose}
    >
      <Flex vertical gap="small">
        <Typography.Text>{t('rollBackSays')}</Typography.Text>
        {found.isPending && <Skeleton active paragraph={{ rows: 2 }} />}
        {found.isError && <Trouble error={found.error} />}
        {found.data && <AuthorityChanges authority={found.data} />}
        {back.isError && <Trouble error={back.error} />}
      </Flex>
    </Modal>
  );
}
