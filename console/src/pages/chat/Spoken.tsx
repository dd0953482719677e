// What somebody said: people on one side, the agent on the other, remarks of the system between them.
import Bubble from '@ant-design/x/es/bubble';
import { useQuery } from '@tanstack/react-query';
import { Button, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data } from '~/api/client';
import type { Speech } from '~/api/speech';
import { Marked } from '~/components/Marked';
import { Said as Words } from '~/components/Said';
import { useFormat } from '~/lib/format';
import { visible } from '~/lib/visible';
import type { Run, Said } from './thread';

const OURS = new Set(['task', 'message', 'answer']);

/** One thing that was said. */
export function Spoken({ said, run }: { said: Said; run: Run }) {
  const { t } = useTranslation('chat');
  const { moment, whole } = useFormat();
  if (said.kind === 'reply') {
    return (
      <Bubble
        placement="start"
        variant="borderless"
        header={<Who name={run.agent} at={said.at} />}
        content={<Reply said={said} run={run.id} />}
        contentRender={(content) => content as React.ReactNode}
      />
    );
  }
  if (OURS.has(said.kind)) {
    const who = said.by.replace(/^person:/, '');
    return (
      <Bubble
        placement="end"
        variant="filled"
        header={<Who name={who} at={said.at} />}
        content={<Words text={said.text} />}
        contentRender={(content) => content as React.ReactNode}
      />
    );
  }
  return (
    <div className="chat-remark">
      <Typography.Text type="secondary" title={whole(said.at)}>
        {t(`remark.${said.kind}`, { by: said.by.replace(/^person:/, ''), defaultValue: said.kind })}
        {' · '}
        {moment(said.at)}
      </Typography.Text>
      {said.kind !== 'halt' && (
        <Typography.Text type={said.kind === 'fault' ? 'danger' : 'secondary'}>
          <Words text={said.text} most={400} />
        </Typography.Text>
      )}
    </div>
  );
}

function Who({ name, at }: { name: string; at: string }) {
  const { moment, whole } = useFormat();
  return (
    <span className="chat-who">
      {visible(name)} <time dateTime={at} title={whole(at)}>{moment(at)}</time>
    </span>
  );
}

/** A reply; a long one is fetched when somebody wants all of it. */
function Reply({ said, run }: { said: Said; run: string }) {
  const { t } = useTranslation('chat');
  const [all, want] = useState(said.cut && said.length < 40_000);
  const path = { run, effect: String(said.effect ?? 0) };
  const whole = useQuery({
    queryKey: ['effect', run, said.effect],
    queryFn: () => data(api.GET('/runs/{run}/effects/{effect}', { params: { path } })),
    enabled: all && said.effect !== null,
    staleTime: Infinity,
  });
  const result = whole.data?.result as { text?: unknown } | null | undefined;
  const text = typeof result?.text === 'string' ? result.text : said.text;
  return (
    <>
      <Thoughts text={said.reasoning} />
      {text !== '' && <Marked text={text} />}
      {said.cut && !all && (
        <Button type="link" size="small" onClick={() => want(true)}>
          {t('whole', { count: said.length })}
        </Button>
      )}
    </>
  );
}

function Thoughts({ text, open = false }: { text: string; open?: boolean }) {
  const { t } = useTranslation('chat');
  if (text.trim() === '') return null;
  return (
    <details className="chat-thoughts" open={open}>
      <summary>{t('thoughts')}</summary>
      <Words text={text} />
    </details>
  );
}

/** What the model is saying right now. */
export function Streaming({ speech, agent }: { speech: Speech; agent: string }) {
  const { t } = useTranslation('chat');
  return (
    <Bubble
      placement="start"
      variant="borderless"
      header={<span className="chat-who">{t('speaks', { agent })}</span>}
      content={
        <div data-streaming="">
          <Thoughts text={speech.reasoning} open={speech.text === ''} />
          {speech.text !== '' && <Marked text={speech.text} />}
        </div>
      }
      contentRender={(content) => content as React.ReactNode}
    />
  );
}
