// What a run waits for, and what whoever looks can do about it here: answer, settle; approvals have their own page.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Flex, Input, Popconfirm } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, data, key, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

type Item = Schemas['SeenItem'];

/** One thing that waits for people. */
export function Waiting({ item, run }: { item: Item; run: Schemas['SeenRun'] }) {
  const { t } = useTranslation('runs');
  const { relative } = useFormat();
  const about = run.effects.find((one) => one.id === item.effect);
  const doubt = item.kind === 'in_doubt';
  return (
    <Alert
      type={doubt ? 'error' : 'warning'}
      showIcon
      style={{ marginBottom: 12 }}
      title={t(`items.${item.kind}`, { tool: item.tool ?? '', people: item.people.join(', ') })}
      description={
        <Flex vertical gap="small">
          {item.question && <Said text={item.question} most={1_000} />}
          {item.why && item.why !== item.question && <Said text={item.why} most={600} />}
          {doubt && about && (
            <span>
              {t('items.known', { attempts: about.attempts.length, at: about.begun ? relative(about.begun) : '', state: t(`repeats.${about.repeat}`) })}
            </span>
          )}
          {item.answered && <strong>{t('items.answered')}</strong>}
          {item.mine && !item.answered && <Act item={item} run={run.id} />}
        </Flex>
      }
    />
  );
}

function Act({ item, run }: { item: Item; run: string }) {
  const { t } = useTranslation('runs');
  const client = useQueryClient();
  const name = useRef(key());
  const [text, setText] = useState('');
  const sending = useMutation({
    mutationFn: (said: { text?: string; happened?: boolean }) => {
      const params = { path: { item: item.id }, header: { 'Idempotency-Key': name.current } };
      return said.happened === undefined
        ? data(api.POST('/inbox/{item}/answer', { params, body: { text: said.text ?? '' } }))
        : data(api.POST('/inbox/{item}/settle', { params, body: { happened: said.happened } }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['run', run] }),
    onError: () => {
      name.current = key();
    },
  });
  if (item.kind === 'approval' || item.kind === 'budget' || item.form) {
    return (
      <Link to={`/inbox/${item.id}`}>
        <Button type="primary">{t('items.open')}</Button>
      </Link>
    );
  }
  return (
    <>
      {item.kind === 'in_doubt' ? (
        <Flex wrap gap="small">
          {[true, false].map((happened) => (
            <Popconfirm
              key={String(happened)}
              title={t(happened ? 'items.sureHappened' : 'items.sureNot')}
              okText={t('items.yes')}
              cancelText={t('items.no')}
              onConfirm={() => sending.mutate({ happened })}
            >
              <Button loading={sending.isPending}>{t(happened ? 'items.happened' : 'items.not')}</Button>
            </Popconfirm>
          ))}
        </Flex>
      ) : item.options.length > 0 ? (
        <Flex wrap gap="small">
          {item.options.map((option) => (
            <Button key={option} loading={sending.isPending} onClick={() => sending.mutate({ text: option })}>
              <Said text={option} most={120} />
            </Button>
          ))}
        </Flex>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim() !== '') sending.mutate({ text });
          }}
        >
          <Flex gap="small">
            <Input aria-label={t('items.answer')} value={text} onChange={(event) => setText(event.target.value)} />
            <Button htmlType="submit" type="primary" loading={sending.isPending} disabled={text.trim() === ''}>
              {t('items.answer')}
            </Button>
          </Flex>
        </form>
      )}
      {sending.isError && <Trouble error={sending.error} />}
    </>
  );
}
