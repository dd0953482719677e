// What was said in a run, and room to say something more.
import { useMutation, useQuery } from '@tanstack/react-query';
import { Button, Flex, Input, Skeleton, Tag } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data, key, type Schemas } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

const PEOPLE = ['task', 'message', 'answer', 'cancel', 'raised'];

/** The conversation. */
export function Conversation({ run }: { run: Schemas['SeenRun'] }) {
  const { t } = useTranslation('runs');
  const [limit, setLimit] = useState(50);
  const found = useQuery({
    queryKey: ['run', run.id, 'conversation', limit],
    queryFn: () => data(api.GET('/runs/{run}/conversation', { params: { path: { run: run.id }, query: { limit } } })),
    placeholderData: (before) => before,
  });
  return (
    <>
      {found.isPending && <Skeleton active />}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.data?.before && limit < 200 && (
        <Button block size="small" onClick={() => setLimit(200)}>{t('said.earlier')}</Button>
      )}
      <ul className="said-list" aria-label={t('said.title')}>
        {found.data?.said.map((one, place) => (
          <Entry key={`${one.seq}-${place}`} one={one} />
        ))}
        {run.answer !== null && (
          <li className="said-entry">
            <Who name={t('said.kinds.end')} />
            <Said text={run.answer} />
          </li>
        )}
        {run.error && (
          <li className="said-entry">
            <Who name={t('said.kinds.failed')} />
            <Said text={run.error.message} />
          </li>
        )}
      </ul>
      {run.may.message && <Write run={run.id} />}
    </>
  );
}

function Who({ name, at, tag }: { name: string; at?: string; tag?: string }) {
  const { moment } = useFormat();
  return (
    <Flex gap="small" align="baseline" className="runs-sub">
      <strong>{name}</strong>
      {tag && <Tag>{tag}</Tag>}
      {at && <time dateTime={at}>{moment(at)}</time>}
    </Flex>
  );
}

function Entry({ one }: { one: Schemas['Said'] }) {
  const { t } = useTranslation('runs');
  const kind = PEOPLE.includes(one.kind) ? 'person' : one.kind;
  const by = one.by.replace(/^person:/, '');
  return (
    <li className={`said-entry ${kind}`}>
      <Who name={t(`said.kinds.${one.kind}`, { by })} at={one.at} tag={one.by === 'rehearsal' ? t('effect.rehearsal') : undefined} />
      <Said text={one.text} most={1_000} />
      {one.cut && <span className="runs-sub">{t('said.cut', { count: one.length })}</span>}
      {one.reasoning && (
        <details>
          <summary className="runs-sub">{t('said.reasoning')}</summary>
          <Said text={one.reasoning} />
        </details>
      )}
      {one.calls.length > 0 && (
        <Flex wrap gap={4} style={{ marginTop: 4 }}>
          {one.calls.map((call) => (
            <Tag key={call.n} className="mono">
              <Said text={call.tool} most={80} />
            </Tag>
          ))}
        </Flex>
      )}
    </li>
  );
}

function Write({ run }: { run: string }) {
  const { t } = useTranslation('runs');
  const [text, setText] = useState('');
  const name = useRef(key());
  const sending = useMutation({
    mutationFn: () =>
      data(
        api.POST('/runs/{run}/messages', {
          params: { path: { run }, header: { 'Idempotency-Key': name.current } },
          body: { text },
        }),
      ),
    onSuccess: () => {
      name.current = key();
      setText('');
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') sending.mutate();
      }}
    >
      <Flex gap="small" align="end">
        <Input.TextArea
          autoSize={{ minRows: 1, maxRows: 6 }}
          aria-label={t('said.write')}
          placeholder={t('said.write')}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button htmlType="submit" type="primary" loading={sending.isPending} disabled={text.trim() === ''}>
          {t('said.send')}
        </Button>
      </Flex>
      {sending.isError && <Trouble error={sending.error} />}
    </form>
  );
}
