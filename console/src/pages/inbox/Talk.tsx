// Before one decides: ask the agent or somebody else, or hand it to whom the mandate names.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Flex, Input, Select, Spin, Tag, Typography } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, key } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { usePeople } from './people';
import type { Item } from './queries';

/** What was said, and more to say. */
export function Talk({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const may = useMay();
  const open = item.kind === 'approval' && may('inbox.answer');
  if (!open && item.asides.length === 0 && item.handed.length === 0) return null;
  return (
    <section aria-label={t('talk')}>
      <h3>{t('talk')}</h3>
      <Words item={item} />
      {open && (
        <Flex vertical gap="small">
          <AskBack item={item} />
          {item.delegates.length > 0 && <Delegate item={item} />}
        </Flex>
      )}
    </section>
  );
}

function Words({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  return (
    <ul className="inbox-cases">
      {item.asides.map((one) => (
        <li key={one.id}>
          <strong>{t('asked', { by: one.by.name, to: one.to?.name ?? item.agent })}</strong>{' '}
          <Typography.Text type="secondary">{format.moment(one.at)}</Typography.Text>
          <div>
            <Said text={one.text} most={1_000} />
          </div>
          <div className="inbox-answer">
            {one.answer === null && one.failed === null && <Spin size="small" aria-label={t('waiting')} />}
            {one.answer !== null && <Said text={one.answer} most={2_000} />}
            {one.failed !== null && <Said text={one.failed} most={600} />} {one.untrusted !== null && <Tag color="warning">{t('outside')}</Tag>}
          </div>
        </li>
      ))}
      {item.handed.map((one, place) => (
        <li key={`handed-${place}`}>
          <strong>{t('handed', { by: one.by.name, to: one.to.name })}</strong>{' '}
          <Typography.Text type="secondary">{format.moment(one.at)}</Typography.Text>
          {one.reason !== '' && (
            <div>
              <Said text={one.reason} most={600} />
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

function useTold(send: (name: string) => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient();
  const name = useRef(key());
  return useMutation({
    mutationFn: () => send(name.current),
    onSuccess: () => {
      name.current = key();
      onDone();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['inbox'] }),
  });
}

function AskBack({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const people = usePeople();
  const [text, setText] = useState('');
  const [to, setTo] = useState(item.may_ask_agent ? 'agent' : undefined);
  const told = useTold(
    (name) =>
      api.POST('/inbox/{item}/ask', {
        params: { path: { item: item.id }, header: { 'Idempotency-Key': name } },
        body: { text: text.trim(), to: to ?? '' },
      }),
    () => setText(''),
  );
  const options = [
    ...(item.may_ask_agent ? [{ value: 'agent', label: t('theAgent', { name: item.agent }) }] : []),
    ...people.map(({ id, name }) => ({ value: id, label: name })),
  ];
  return (
    <>
      <Flex gap="small" wrap className="inbox-line">
        <Select aria-label={t('askWhom')} placeholder={t('askWhom')} value={to} onChange={setTo} options={options} />
        <Input aria-label={t('askWhat')} placeholder={t('askWhat')} value={text} onChange={(event) => setText(event.target.value)} />
        <Button loading={told.isPending} disabled={text.trim() === '' || to === undefined} onClick={() => told.mutate()}>
          {t('ask')}
        </Button>
      </Flex>
      {told.isError && <Trouble error={told.error} />}
    </>
  );
}

function Delegate({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const [to, setTo] = useState<string>();
  const [reason, setReason] = useState('');
  const told = useTold(
    (name) =>
      api.POST('/inbox/{item}/delegate', {
        params: { path: { item: item.id }, header: { 'Idempotency-Key': name } },
        body: { to: to ?? '', reason: reason.trim() },
      }),
    () => setReason(''),
  );
  return (
    <>
      <Flex gap="small" wrap className="inbox-line">
        <Select
          aria-label={t('handTo')}
          placeholder={t('handTo')}
          value={to}
          onChange={setTo}
          options={item.delegates.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <Input aria-label={t('handWhy')} placeholder={t('handWhy')} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Button loading={told.isPending} disabled={to === undefined} onClick={() => told.mutate()}>
          {t('hand')}
        </Button>
      </Flex>
      {told.isError && <Trouble error={told.error} />}
    </>
  );
}
