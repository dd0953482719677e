// One conversation: what was said and done, what it asks, and where one goes on.
import { FileTextOutlined, StopOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Flex, Skeleton, Tag, Typography } from 'antd';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { api, data, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Trouble } from '~/components/Trouble';
import { visible } from '~/lib/visible';
import { Ask } from './Ask';
import { reads } from './Begin';
import { Composer } from './Composer';
import { Spoken, Streaming } from './Spoken';
import { type Draft, halt, say } from './sending';
import { type Entry, type Thread as Shown, useThread } from './thread';
import { Tools } from './Tools';

/** The conversation of a run. */
export function Thread({ run }: { run: string }) {
  const { t } = useTranslation('chat');
  const { thread, error, again } = useThread(run);
  if (thread === undefined) {
    return (
      <div className="chat-main chat-pad">{error ? <Trouble error={error} again={again} /> : <Skeleton active avatar />}</div>
    );
  }
  return (
    <div className="chat-main">
      <Head thread={thread} />
      <Scroll
        entries={thread.entries.length}
        own={thread.entries.filter(isOwn).length}
        heard={(thread.speech?.text.length ?? 0) + (thread.speech?.reasoning.length ?? 0)}
      >
        {thread.earlier && (
          <Button type="link" onClick={thread.earlier}>
            {t('earlier')}
          </Button>
        )}
        <ol className="chat-entries" aria-label={t('thread')}>
          {thread.entries.map((entry) => (
            <li key={entry.key}>
              {'said' in entry ? (
                <Spoken said={entry.said} run={thread.run} />
              ) : (
                <Tools effects={entry.effects} run={thread.run.id} />
              )}
            </li>
          ))}
          {thread.speech && (
            <li>
              <Streaming speech={thread.speech} agent={thread.run.agent} />
            </li>
          )}
        </ol>
        {thread.run.items
          .filter(({ answered }) => !answered)
          .sort((one, other) => Number(other.mine) - Number(one.mine))
          .map((item) => (
            <Ask key={item.id} item={item} run={thread.run} />
          ))}
        <Standing thread={thread} />
      </Scroll>
      <Foot thread={thread} />
    </div>
  );
}

function Head({ thread: { run } }: { thread: Shown }) {
  const { t } = useTranslation('chat');
  const found = useQuery({
    queryKey: ['run', run.id, 'files'],
    queryFn: () => data(api.GET('/runs/{run}/files', { params: { path: { run: run.id } } })),
  });
  const [open, setOpen] = useState(false);
  const files = found.data ?? [];
  return (
    <Flex className="chat-head" justify="space-between" align="center" gap="small" wrap>
      <Flex gap="small" align="center">
        <Typography.Title level={2}>{run.agent}</Typography.Title>
        {run.effects.some(({ rehearsal }) => rehearsal) && <Tag>{t('rehearsal')}</Tag>}
      </Flex>
      <Flex gap="small" wrap justify="end">
        {files.length > 0 && (
          <Button
            type="text"
            icon={<FileTextOutlined />}
            aria-expanded={open}
            aria-controls="chat-files"
            onClick={() => setOpen(!open)}
          >
            {t('files', { count: files.length })}
          </Button>
        )}
        <Link to={`/runs/${run.id}`}>
          <Button type="text" tabIndex={-1}>
            {t('asRun')}
          </Button>
        </Link>
      </Flex>
      {open && <Files run={run.id} files={files} />}
    </Flex>
  );
}

/** The files of the run's folder, to be kept. */
function Files({ run, files }: { run: string; files: Schemas['File'][] }) {
  const { t } = useTranslation('chat');
  return (
    <ul className="chat-file-list" id="chat-files">
      {files.map(({ path, size }) => (
        <li key={path}>
          <a href={`/api/v1/runs/${encodeURIComponent(run)}/files/content?path=${encodeURIComponent(path)}`} download>
            {visible(path)}
          </a>{' '}
          <Typography.Text type="secondary">{t('bytes', { count: size })}</Typography.Text>
        </li>
      ))}
    </ul>
  );
}

interface ScrollProps {
  children: ReactNode;
  entries: number;
  /** How many of them people said: one more leads to the end. */
  own: number;
  /** How much of a reply has come. */
  heard: number;
}

/** Stays at the end while one is there. */
function Scroll({ children, entries, own, heard }: ScrollProps) {
  const place = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    atEnd.current = true;
  }, [own]);
  useLayoutEffect(() => {
    if (atEnd.current && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [entries, heard]);
  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const grown = new ResizeObserver(() => {
      if (atEnd.current) box.scrollTop = box.scrollHeight;
    });
    for (const child of box.children) grown.observe(child);
    return () => grown.disconnect();
  }, []);
  return (
    <div
      className="chat-scroll"
      ref={place}
      tabIndex={0}
      role="log"
      aria-live="off"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 60;
      }}
    >
      <div className="chat-column">{children}</div>
    </div>
  );
}

/** What goes on, in one line that is also read out. */
function Standing({ thread: { run, entries, working, listens, over } }: { thread: Shown }) {
  const { t } = useTranslation('chat');
  const wait = run.waiting_on[0]?.kind;
  const halted = listens && entries.length > 0 && isFault(entries.at(-1));
  const why = run.error?.message;
  const people = run.items.find(({ answered, mine }) => !answered && !mine)?.people.join(', ');
  const said = over
    ? t(`ended.${run.state}`)
    : halted
      ? t('halted')
      : working
        ? t('working')
        : listens
          ? ''
          : people
            ? t('waitsFor', { people })
            : t(`waits.${wait ?? 'timer'}`);
  return (
    <div role="status" className="chat-standing">
      {working && <span className="chat-dot" aria-hidden="true" />}
      <Typography.Text type="secondary">{said}</Typography.Text>
      {why !== undefined && <Typography.Text type="danger">{visible(why.slice(0, 600))}</Typography.Text>}
    </div>
  );
}

const isOwn = (entry: Entry) => 'said' in entry && (entry.said.kind === 'message' || entry.said.kind === 'answer');

const isFault = (entry?: Entry) => entry !== undefined && 'said' in entry && entry.said.kind === 'fault';

function Foot({ thread }: { thread: Shown }) {
  const { t } = useTranslation('chat');
  const { run, over, listens } = thread;
  const me = useMe();
  const client = useQueryClient();
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });
  const agent = agents.data?.find(({ name }) => name === run.agent);
  const [busy, setBusy] = useState(false);
  const look = () => client.invalidateQueries({ queryKey: ['run', run.id] });
  const stop = useMutation({
    mutationFn: async (end: boolean) => {
      setBusy(!end);
      if (run.conversation === 'no') {
        await api.POST('/runs/{run}/cancel', { params: { path: { run: run.id }, header: { 'Idempotency-Key': `stop-${run.id}` } }, body: { reason: '' } });
      } else await halt(run.id, end);
    },
    onSettled: look,
  });
  const send = async (what: Draft) => {
    await say(run.id, what, t('here', { names: what.files.map(({ name }) => name).join(', ') }));
    setBusy(false);
    void look();
  };
  if (over || !run.may.message) {
    const why = over ? undefined : run.on_behalf_of === me.person ? t('listensNot') : t('notYours', { who: run.on_behalf_of });
    return (
      <Flex className="chat-over" justify="center" align="center" gap="small" wrap>
        {why && <Typography.Text type="secondary">{why}</Typography.Text>}
        {run.may.cancel && (
          <Button icon={<StopOutlined />} loading={stop.isPending} onClick={() => stop.mutate(true)}>
            {t('cancel')}
          </Button>
        )}
        {stop.isError && <Trouble error={stop.error} />}
        <Link to={`/chat?agent=${encodeURIComponent(run.agent)}`}>
          <Button type={over ? 'primary' : 'default'} tabIndex={-1}>
            {t('again', { agent: run.agent })}
          </Button>
        </Link>
      </Flex>
    );
  }
  const extra = (
    <Flex gap="small" justify="end">
      {stop.isError && <Trouble error={stop.error} />}
      {!listens && (
        <Button size="small" icon={<StopOutlined />} loading={stop.isPending || busy} onClick={() => stop.mutate(false)}>
          {t(run.conversation === 'no' ? 'cancel' : 'stop')}
        </Button>
      )}
      {listens && run.conversation !== 'no' && (
        <Button size="small" type="text" loading={stop.isPending} onClick={() => stop.mutate(true)}>
          {t('end')}
        </Button>
      )}
    </Flex>
  );
  return (
    <Composer
      send={send}
      files={agent !== undefined && reads(agent)}
      placeholder={t('next', { agent: run.agent })}
      extra={extra}
    />
  );
}
