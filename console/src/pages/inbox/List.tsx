// What waits, the most urgent first; the keys j and k go through it.
import { SearchOutlined } from '@ant-design/icons';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Checkbox, Empty, Flex, Input, Select, Skeleton, Tag, Typography } from 'antd';
import { useCallback, useDeferredValue, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';

import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { Bulk } from './Bulk';
import { useKeys } from './keys';
import { type Line, lines } from './queries';

const KINDS = ['approval', 'question', 'in_doubt', 'budget'] as const;
const COLOURS = { approval: 'processing', question: 'default', in_doubt: 'error', budget: 'warning' } as const;

interface Props {
  chosen?: string;
  wide: boolean;
}

/** The list, with what narrows it. */
export function List({ chosen, wide }: Props) {
  const { t } = useTranslation('inbox');
  const [kind, setKind] = useState('');
  const [agent, setAgent] = useState('');
  const [typed, setTyped] = useState('');
  const text = useDeferredValue(typed.trim());
  const found = useInfiniteQuery(lines({ kind, agent, text }));
  const items = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  const [marked, mark] = useState<ReadonlySet<string>>(new Set());
  const choices = items.filter((one) => marked.has(one.id) && one.bulk);
  useSteps(items, chosen);
  const counts = found.data?.pages[0]?.counts;
  const narrowed = kind !== '' || agent !== '' || text !== '';
  return (
    <section className="inbox-list" aria-label={t('list')}>
      <Flex gap="small" wrap className="inbox-filters">
        <Input
          type="search"
          allowClear
          prefix={<SearchOutlined />}
          aria-label={t('search')}
          placeholder={t('search')}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Select
          aria-label={t('kind')}
          value={kind}
          onChange={setKind}
          options={[
            { value: '', label: t('all', { count: counts?.all ?? 0 }) },
            ...KINDS.map((one) => ({ value: one, label: `${t(`kinds.${one}`)} (${counts?.kinds[one] ?? 0})` })),
          ]}
        />
        <Select
          aria-label={t('agent')}
          value={agent}
          onChange={setAgent}
          options={[
            { value: '', label: t('everyAgent') },
            ...Object.entries(counts?.agents ?? {}).map(([name, count]) => ({ value: name, label: `${name} (${count})` })),
          ]}
        />
      </Flex>
      {choices.length > 0 && <Bulk items={choices} onDone={() => mark(new Set())} />}
      {found.isPending && <Skeleton active paragraph={{ rows: 6 }} />}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.isSuccess && items.length === 0 && (
        <Empty description={<Nothing narrowed={narrowed} />} image={Empty.PRESENTED_IMAGE_SIMPLE} />
      )}
      <ol className="inbox-lines">
        {items.map((item) => (
          <Row
            key={item.id}
            item={item}
            chosen={item.id === chosen}
            marked={marked.has(item.id)}
            onMark={() => mark((before) => toggled(before, item.id))}
          />
        ))}
      </ol>
      {found.hasNextPage && (
        <Button block loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t('more')}
        </Button>
      )}
      {wide && items.length > 0 && <Typography.Text type="secondary">{t('keys')}</Typography.Text>}
    </section>
  );
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  const { t } = useTranslation('inbox');
  return (
    <>
      <strong>{t(narrowed ? 'noMatch' : 'nothing')}</strong>
      <br />
      {t(narrowed ? 'noMatchNext' : 'nothingNext')}
    </>
  );
}

function toggled(before: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const after = new Set(before);
  if (!after.delete(id)) after.add(id);
  return after;
}

/** j and k: to the next, and the one before. */
function useSteps(items: readonly Line[], chosen: string | undefined): void {
  const navigate = useNavigate();
  const step = useCallback(
    (by: number) => {
      const place = items.findIndex((one) => one.id === chosen);
      const next = items[place < 0 ? 0 : Math.min(Math.max(place + by, 0), items.length - 1)];
      if (next !== undefined) void navigate(`/inbox/${next.id}`);
    },
    [items, chosen, navigate],
  );
  useKeys({ j: () => step(1), k: () => step(-1) });
}

interface RowProps {
  item: Line;
  chosen: boolean;
  marked: boolean;
  onMark: () => void;
}

function Row({ item, chosen, marked, onMark }: RowProps) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const said = item.says ?? item.question;
  return (
    <li className={chosen ? 'inbox-row inbox-row-chosen' : 'inbox-row'}>
      {item.bulk && <Checkbox checked={marked} onChange={onMark} aria-label={t('mark', { id: item.id })} />}
      <Link to={`/inbox/${item.id}`} aria-current={chosen ? 'true' : undefined}>
        <Flex justify="space-between" gap="small">
          <span>
            <Tag color={COLOURS[item.kind]}>{t(`kinds.${item.kind}`)}</Tag>
            <strong>{item.agent}</strong>
          </span>
          {item.stake && <strong className="tabular">{amount(item.stake, format)}</strong>}
        </Flex>
        <div className="inbox-says">
          <Said text={said === '' ? (item.tool ?? '') : said} most={160} />
        </div>
        <Flex justify="space-between" gap="small" className="inbox-small">
          <span>
            {item.untrusted > 0 && <Tag color="warning">{t('outside')}</Tag>}
            {item.unanswered > 0 && <Tag>{t('asking')}</Tag>}
            {item.handed_by && <Tag>{t('handedBy', { name: item.handed_by })}</Tag>}
            {t('since', { when: format.relative(item.created) })}
          </span>
          {item.expires && item.urgency !== 'later' && (
            <span className="inbox-urgent">{t('until', { when: format.relative(item.expires) })}</span>
          )}
        </Flex>
      </Link>
    </li>
  );
}

/** An amount; what has no currency beside it is a number. */
export function amount(stake: NonNullable<Line['stake']>, format: ReturnType<typeof useFormat>): string {
  return stake.currency === null ? stake.amount : format.money({ amount: stake.amount, currency: stake.currency });
}
