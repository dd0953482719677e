// What the agent did between its words: every call with its verdict, what came of it, and all of it on demand.
import {
  CheckCircleOutlined, ClockCircleOutlined, CloseCircleOutlined, LoadingOutlined, QuestionCircleOutlined, StopOutlined,
} from '@ant-design/icons';
import { Flex, Tag } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { Said } from '~/components/Said';
import { useFormat } from '~/lib/format';
import { visible } from '~/lib/visible';
import type { Effect } from './thread';

const FEW = 4;
const QUIET = new Set(['done', 'claimed', 'proposed']);

const ICONS: Record<Effect['state'], ReactNode> = {
  proposed: <ClockCircleOutlined />, asked: <QuestionCircleOutlined />, denied: <StopOutlined />,
  claimed: <LoadingOutlined />, done: <CheckCircleOutlined />, failed: <CloseCircleOutlined />,
  in_doubt: <QuestionCircleOutlined />,
};

/** Calls that followed each other; of many that went well, one line. */
export function Tools({ effects, run }: { effects: Effect[]; run: string }) {
  const { t } = useTranslation('chat');
  const loud = effects.filter(({ state, verdict }) => !QUIET.has(state) || verdict === 'ask');
  const quiet = effects.filter((one) => !loud.includes(one));
  if (effects.length <= FEW) return <List effects={effects} run={run} />;
  return (
    <>
      {quiet.length > 0 && (
        <details className="chat-steps">
          <summary>{t('steps', { count: quiet.length })}</summary>
          <List effects={quiet} run={run} />
        </details>
      )}
      <List effects={loud} run={run} />
    </>
  );
}

function List({ effects, run }: { effects: Effect[]; run: string }) {
  if (effects.length === 0) return null;
  return (
    <ul className="chat-tools">
      {effects.map((one) => (
        <li key={one.n}>
          <Tool effect={one} run={run} />
        </li>
      ))}
    </ul>
  );
}

function Tool({ effect, run }: { effect: Effect; run: string }) {
  const { t } = useTranslation('chat');
  const { duration } = useFormat();
  const { verdict } = effect;
  const asks = effect.state === 'claimed' && effect.item !== null; // a question to people, not answered yet
  const state = asks ? 'asked' : effect.state;
  const args = JSON.stringify(effect.args);
  const path = effect.tool === 'files.write' && state === 'done' ? (effect.args as { path?: unknown }).path : undefined;
  return (
    <details className={`chat-tool chat-tool-${state}`}>
      <summary>
        <Flex gap={8} align="baseline" className="chat-tool-line">
          <span aria-hidden="true">{ICONS[state]}</span>
          <strong>{visible(effect.tool)}</strong>
          <span className="chat-tool-args mono">{args === '{}' ? '' : visible(args.slice(0, 200))}</span>
          <span className="chat-tool-state">
            {verdict === 'ask' || verdict === 'deny' ? `${t(`verdicts.${verdict}`)} · ` : ''}
            {t(asks ? 'tool.open' : `tool.${state}`)}
            {effect.ms !== null && effect.ms > 0 ? ` · ${duration(effect.ms)}` : ''}
          </span>
        </Flex>
      </summary>
      <dl className="chat-tool-all">
        <dt>{t('args')}</dt>
        <dd>
          <Said text={JSON.stringify(effect.args, null, 2)} mono />
        </dd>
        {effect.rule !== null && (
          <>
            <dt>{t('rule')}</dt>
            <dd>
              <Tag>{visible(effect.rule)}</Tag>
            </dd>
          </>
        )}
        {effect.untrusted.length > 0 && (
          <>
            <dt>{t('untrusted')}</dt>
            <dd>
              {(effect.untrusted as unknown as { argument: string; source: string }[]).map(({ argument, source }) => (
                <div key={argument}>{visible(`${argument}: ${source}`)}</div>
              ))}
            </dd>
          </>
        )}
        {effect.result !== null && effect.result !== undefined && (
          <>
            <dt>{t('result')}</dt>
            <dd>
              <Said
                text={typeof effect.result === 'string' ? effect.result : JSON.stringify(effect.result, null, 2)}
                mono
                most={1_000}
              />
            </dd>
          </>
        )}
        {effect.error !== null && (
          <>
            <dt>{t('error')}</dt>
            <dd>
              <Said text={effect.error.message} />
            </dd>
          </>
        )}
      </dl>
      {typeof path === 'string' && (
        <a
          className="chat-tool-file"
          href={`/api/v1/runs/${encodeURIComponent(run)}/files/content?path=${encodeURIComponent(path)}`}
          download
        >
          {t('download', { name: visible(path) })}
        </a>
      )}
    </details>
  );
}
