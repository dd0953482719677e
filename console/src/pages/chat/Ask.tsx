// What the agent asks people, answered where it is asked.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Flex, Input, Typography } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, key } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { visible } from '~/lib/visible';
import type { Item, Run } from './thread';

type Word =
  | { kind: 'approve' }
  | { kind: 'deny'; reason: string }
  | { kind: 'answer'; text: string }
  | { kind: 'settle'; happened: boolean };

/** An item, for those who may answer it; for others, that it waits. */
export function Ask({ item, run }: { item: Item; run: Run }) {
  const { t } = useTranslation('chat');
  const client = useQueryClient();
  const names = useRef(new Map<string, string>()); // the same word is sent under the same name, however often
  const give = useMutation({
    mutationFn: async (word: Word) => {
      const said = JSON.stringify(word);
      const name = names.current.get(said) ?? key();
      names.current.set(said, name);
      const params = { path: { item: item.id }, header: { 'Idempotency-Key': name } };
      if (word.kind === 'approve') await api.POST('/inbox/{item}/approve', { params, body: { edit: null, digest: '' } });
      else if (word.kind === 'deny') await api.POST('/inbox/{item}/deny', { params, body: { reason: word.reason, digest: '' } });
      else if (word.kind === 'answer') await api.POST('/inbox/{item}/answer', { params, body: { text: word.text } });
      else await api.POST('/inbox/{item}/settle', { params, body: { happened: word.happened } });
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['run', run.id] }),
  });
  const effect = run.effects.find(({ id }) => id === item.effect);
  return (
    <Card size="small" className={item.mine ? 'chat-ask chat-ask-mine' : 'chat-ask'} role="group" aria-label={t(`asking.${item.kind}`)}>
      <Typography.Text type="secondary">{t(`asking.${item.kind}`)}</Typography.Text>
      <p className="chat-question">
        <Said text={item.question} />
      </p>
      {effect !== undefined && item.kind === 'approval' && (
        <dl className="chat-tool-all">
          {Object.entries(effect.args as Record<string, unknown>).map(([argument, value]) => (
            <div key={argument} className="chat-arg">
              <dt className="mono">{visible(argument)}</dt>
              <dd>
                <Said text={typeof value === 'string' ? value : JSON.stringify(value)} mono most={600} />
                {(effect.untrusted as unknown as { argument: string; source: string }[])
                  .filter((one) => one.argument === argument)
                  .map(({ source }) => (
                    <Typography.Text key={source} type="warning" className="chat-origin">
                      {t('from', { source: visible(source) })}
                    </Typography.Text>
                  ))}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {item.why !== '' && (
        <Typography.Text type="secondary">
          <Said text={item.why} most={600} />
        </Typography.Text>
      )}
      {item.mine ? (
        <Answers item={item} give={give.mutate} busy={give.isPending} />
      ) : (
        <p>{t('waitsFor', { people: item.people.join(', ') })}</p>
      )}
      {give.isError && <Trouble error={give.error} />}
    </Card>
  );
}

interface AnswerProps {
  item: Item;
  give: (word: Word) => void;
  busy: boolean;
}

function Answers({ item, give, busy }: AnswerProps) {
  const { t } = useTranslation('chat');
  const [text, setText] = useState('');
  const [refusing, refuse] = useState(false);
  if (item.kind === 'in_doubt') {
    return (
      <Flex gap="small" wrap>
        <Button loading={busy} onClick={() => give({ kind: 'settle', happened: true })}>{t('happened')}</Button>
        <Button loading={busy} onClick={() => give({ kind: 'settle', happened: false })}>{t('happenedNot')}</Button>
      </Flex>
    );
  }
  if (item.kind === 'question' && item.form !== null) {
    return (
      <Link to={`/inbox/${item.id}`}>
        <Button type="primary" tabIndex={-1}>{t('form')}</Button>
      </Link>
    );
  }
  if (item.kind === 'question' && item.options.length > 0) {
    return (
      <Flex gap="small" wrap>
        {item.options.map((option) => (
          <Button key={option} loading={busy} onClick={() => give({ kind: 'answer', text: option })}>
            {visible(option)}
          </Button>
        ))}
      </Flex>
    );
  }
  if (item.kind === 'question' || refusing) {
    const said = () => give(refusing ? { kind: 'deny', reason: text } : { kind: 'answer', text });
    return (
      <Flex gap="small" wrap>
        <Input.TextArea
          autoFocus={refusing}
          rows={1}
          value={text}
          aria-label={t(refusing ? 'reason' : 'answer')}
          placeholder={t(refusing ? 'reason' : 'answer')}
          onChange={(event) => setText(event.target.value)}
          onPressEnter={(event) => {
            if (event.shiftKey || event.nativeEvent.isComposing || text.trim() === '') return;
            event.preventDefault();
            said();
          }}
        />
        <Button type="primary" danger={refusing} loading={busy} disabled={text.trim() === ''} onClick={said}>
          {t(refusing ? 'deny' : 'answer')}
        </Button>
        {refusing && <Button onClick={() => refuse(false)}>{t('back')}</Button>}
      </Flex>
    );
  }
  return (
    <Flex gap="small" wrap>
      <Button type="primary" loading={busy} onClick={() => give({ kind: 'approve' })}>{t('approve')}</Button>
      <Button loading={busy} onClick={() => refuse(true)}>{t('deny')}</Button>
    </Flex>
  );
}
