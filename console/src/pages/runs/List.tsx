// Runs, newest first, live; filters stand in the address.
import { FilterOutlined, SearchOutlined } from '@ant-design/icons';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Badge, Button, DatePicker, Empty, Flex, Input, InputNumber, Popover, Select, Skeleton } from 'antd';
import dayjs from 'dayjs';
import { useDeferredValue, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, data } from '~/api/client';
import { Page } from '~/components/Page';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { Rows } from './Rows';

const STATES = ['', 'ready,running', 'waiting', 'done', 'failed', 'cancelled'] as const;
const FILTERS = ['state', 'agent', 'on_behalf_of', 'trigger', 'cost', 'text', 'since', 'until'] as const;
const TRIGGERS = ['person', 'schedule', 'mail', 'webhook', 'folder', 'run', 'hand'];
const LIMIT = 100;
type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

function useFilters(): [Filters, (change: Filters) => void] {
  const [params, setParams] = useSearchParams();
  const filters: Filters = {};
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) filters[name] = value;
  }
  const change = (changes: Filters) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: true },
    );
  return [filters, change];
}

/** The list. */
export function List() {
  const { t } = useTranslation('runs');
  const [filters, change] = useFilters();
  const sought = useDeferredValue(filters);
  const found = useInfiniteQuery({
    queryKey: ['runs', 'list', sought],
    queryFn: ({ pageParam }) =>
      data(api.GET('/runs', { params: { query: { ...sought, cursor: pageParam, limit: LIMIT } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const lines = found.data?.pages.flatMap((page) => page.runs) ?? [];
  const more = () => {
    if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
  };
  const filtered = Object.keys(filters).length > 0;
  return (
    <Page title={t('title')}>
      <States filters={filters} change={change} />
      <Search filters={filters} change={change} />
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
      {found.isSuccess && lines.length === 0 && (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={filtered ? t('none.filtered') : t('none.yet')}>
          {filtered ? (
            <Button onClick={() => change(Object.fromEntries(FILTERS.map((name) => [name, ''])))}>{t('none.clear')}</Button>
          ) : (
            <code className="mono">{t('none.command')}</code>
          )}
        </Empty>
      )}
      {lines.length > 0 && <Rows lines={lines} more={more} />}
      {found.isFetchingNextPage && <Skeleton active paragraph={{ rows: 2 }} />}
    </Page>
  );
}

interface Change {
  filters: Filters;
  change: (changes: Filters) => void;
}

function States({ filters, change }: Change) {
  const { t } = useTranslation(['runs', 'common']);
  const { count } = useFormat();
  const others: Filters = { ...filters };
  delete others.state;
  const counted = useQuery({
    queryKey: ['runs', 'counts', others],
    queryFn: () => data(api.GET('/runs/counts', { params: { query: others } })),
    placeholderData: keepPreviousData,
  });
  const number = (states: string) => {
    if (counted.data === undefined) return '';
    const { states: found, total, more } = counted.data;
    const sum = states === '' ? total : states.split(',').reduce((all, one) => all + (found[one as keyof typeof found] ?? 0), 0);
    return `${count(sum)}${more ? '+' : ''}`;
  };
  return (
    <div className="runs-filters">
      <div className="runs-states" role="group" aria-label={t('filters.state')}>
        {STATES.map((states) => (
          <button
            key={states}
            type="button"
            className="runs-state"
            aria-pressed={(filters.state ?? '') === states}
            onClick={() => change({ state: states })}
          >
            {t(`tabs.${states === '' ? 'all' : states === 'ready,running' ? 'running' : states}`)}{' '}
            <span className="tabular">{number(states)}</span>
          </button>
        ))}
      </div>
    </div>
  );
}

function Search({ filters, change }: Change) {
  const { t } = useTranslation('runs');
  const [text, setText] = useState(filters.text ?? '');
  useEffect(() => {
    const timer = setTimeout(() => text !== (filters.text ?? '') && change({ text }), 250);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what is typed changes the address, not the other way
  }, [text]);
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });
  const hidden = (['on_behalf_of', 'trigger', 'cost', 'since', 'until'] as const).filter((name) => filters[name]).length;
  return (
    <div className="runs-filters">
      <Input
        type="search"
        style={{ flex: '1 1 220px', maxWidth: 420 }}
        prefix={<SearchOutlined aria-hidden />}
        placeholder={t('filters.text')}
        aria-label={t('filters.text')}
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.target.value)}
      />
      <Select
        allowClear
        showSearch
        style={{ flex: '0 1 200px', minWidth: 130 }}
        aria-label={t('filters.agent')}
        placeholder={t('filters.agent')}
        value={filters.agent}
        onChange={(agent?: string) => change({ agent: agent ?? '' })}
        options={(agents.data ?? []).map(({ name }) => ({ value: name, label: name }))}
      />
      <Popover trigger="click" placement="bottomRight" content={<More filters={filters} change={change} />}>
        <Badge count={hidden} size="small">
          <Button icon={<FilterOutlined aria-hidden />}>{t('filters.more')}</Button>
        </Badge>
      </Popover>
    </div>
  );
}

function More({ filters, change }: Change) {
  const { t } = useTranslation('runs');
  const people = useQuery({ queryKey: ['people'], queryFn: () => data(api.GET('/people')) });
  return (
    <Flex vertical gap="small" style={{ width: 260 }}>
      <Select
        allowClear
        showSearch={{ optionFilterProp: 'label' }}
        aria-label={t('filters.person')}
        placeholder={t('filters.person')}
        value={filters.on_behalf_of}
        onChange={(id?: string) => change({ on_behalf_of: id ?? '' })}
        options={(people.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
      />
      <Select
        allowClear
        aria-label={t('filters.trigger')}
        placeholder={t('filters.trigger')}
        value={filters.trigger}
        onChange={(trigger?: string) => change({ trigger: trigger ?? '' })}
        options={TRIGGERS.map((value) => ({ value, label: t(`triggers.${value}`) }))}
      />
      <DatePicker.RangePicker
        aria-label={t('filters.since')}
        value={[filters.since ? dayjs(filters.since) : null, filters.until ? dayjs(filters.until) : null]}
        onChange={(days) =>
          change({
            since: days?.[0]?.startOf('day').toISOString() ?? '',
            until: days?.[1]?.endOf('day').toISOString() ?? '',
          })
        }
        allowEmpty={[true, true]}
      />
      <InputNumber
        style={{ width: '100%' }}
        stringMode
        min="0"
        aria-label={t('filters.cost')}
        placeholder={t('filters.cost')}
        value={filters.cost ?? null}
        onChange={(cost) => change({ cost: cost ?? '' })}
      />
    </Flex>
  );
}
