// A new conversation: with whom, and the first words.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Empty, Radio, Skeleton, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useSearchParams } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { Composer } from './Composer';
import { begin, type Draft } from './sending';

/** Whether an agent reads files that are handed to it. */
export const reads = ({ tools, driver }: Schemas['Agent']) =>
  driver === 'loop' &&
  tools.some(({ pattern }) => pattern === 'files.read' || (pattern.endsWith('*') && 'files.read'.startsWith(pattern.slice(0, -1))));

/** Choose an agent, and write to it. */
export function Begin() {
  const { t } = useTranslation('chat');
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asked] = useSearchParams();
  const found = useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });
  const [chosen, choose] = useState(asked.get('agent') ?? '');
  const agents = [...(found.data ?? [])].sort((one, other) => Number(other.driver === 'loop') - Number(one.driver === 'loop'));
  const agent = agents.find(({ name }) => name === chosen) ?? agents[0];
  const send = async (what: Draft) => {
    if (agent === undefined) return;
    const id = await begin(agent.name, what, t('here', { names: what.files.map(({ name }) => name).join(', ') }));
    void client.invalidateQueries({ queryKey: ['runs'] });
    await navigate(`/chat/${id}`);
  };
  return (
    <div className="chat-main">
      <div className="chat-scroll">
        <div className="chat-begin">
          <Typography.Title level={2}>{t('whom')}</Typography.Title>
          {found.isPending && <Skeleton active />}
          {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
          {found.isSuccess && agents.length === 0 && (
            <Empty description={t('noAgents')}>
              <Link to="/agents">{t('toAgents')}</Link>
            </Empty>
          )}
          <Radio.Group
            className="chat-agents"
            aria-label={t('whom')}
            value={agent?.name}
            onChange={(event) => choose(event.target.value as string)}
          >
            {agents.map((one) => (
              <Radio key={one.name} value={one.name} className="chat-agent">
                <strong>{one.name}</strong>
                <Typography.Text type="secondary">
                  <Said text={one.description} most={240} />
                  {one.frozen && ` ${t('frozen')}`}
                  {one.driver === 'procedure' && ` ${t('once')}`}
                </Typography.Text>
              </Radio>
            ))}
          </Radio.Group>
        </div>
      </div>
      {agent !== undefined && (
        <Composer
          send={send}
          files={reads(agent)}
          placeholder={t('first', { agent: agent.name })}
        />
      )}
    </div>
  );
}
