// By what the record is sifted; it stands in the address, so that a view can be handed on.
import { useQuery } from '@tanstack/react-query';
import { Button, DatePicker, Flex, Input, Select } from 'antd';
import dayjs from 'dayjs';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data } from '~/api/client';

export const NAMES = ['kind', 'agent', 'run', 'person', 'tool', 'since', 'until'] as const;
export type Sifted = Record<(typeof NAMES)[number], string>;

const KINDS = [
  'Started', 'ModelIntent', 'ModelReply', 'Verdict', 'ToolIntent', 'Outcome', 'Doubted', 'Settled', 'Elicited',
  'Received', 'BudgetShort', 'BudgetRaised', 'TimerSet', 'Compacted', 'Note', 'Ended', 'Workspace',
] as const;

interface Props {
  value: Sifted;
  onChange: (next: Partial<Sifted>) => void;
}

/** The filters. */
export function Filters({ value, onChange }: Props) {
  const { t } = useTranslation('audit');
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => data(api.GET('/agents')) });
  const people = useQuery({ queryKey: ['people'], queryFn: () => data(api.GET('/people')) });
  const some = NAMES.some((name) => value[name] !== '');
  return (
    <Flex gap="small" wrap align="flex-start" role="search" aria-label={t('sift')}>
      <Select
        mode="multiple"
        allowClear
        maxTagCount={2}
        className="audit-filter audit-kinds"
        aria-label={t('columns.kind')}
        placeholder={t('everyKind')}
        value={value.kind === '' ? [] : value.kind.split(',')}
        onChange={(kinds: string[]) => onChange({ kind: kinds.join(',') })}
        options={KINDS.map((kind) => ({ value: kind, label: t(`kinds.${kind}`) }))}
      />
      <Select
        allowClear
        showSearch
        className="audit-filter"
        aria-label={t('agent')}
        placeholder={t('everyAgent')}
        value={value.agent || null}
        onChange={(agent: string | undefined) => onChange({ agent: agent ?? '' })}
        options={agents.data?.map(({ name }) => ({ value: name, label: name })) ?? []}
      />
      <Select
        allowClear
        showSearch={{ optionFilterProp: 'label' }}
        className="audit-filter"
        aria-label={t('person')}
        placeholder={t('everybody')}
        value={value.person || null}
        onChange={(person: string | undefined) => onChange({ person: person ?? '' })}
        options={people.data?.map(({ id, name }) => ({ value: id, label: name })) ?? []}
      />
      <Typed name="tool" value={value.tool} onChange={onChange} />
      <Typed name="run" value={value.run} onChange={onChange} />
      <DatePicker.RangePicker
        className="audit-range"
        showTime={{ format: 'HH:mm' }}
        format="YYYY-MM-DD HH:mm"
        allowEmpty={[true, true]}
        placeholder={[t('since'), t('until')]}
        value={[value.since === '' ? null : dayjs(value.since), value.until === '' ? null : dayjs(value.until)]}
        onChange={(range) =>
          onChange({ since: range?.[0]?.toISOString() ?? '', until: range?.[1]?.toISOString() ?? '' })
        }
      />
      {some && (
        <Button type="link" onClick={() => onChange(Object.fromEntries(NAMES.map((name) => [name, ''])))}>
          {t('clear')}
        </Button>
      )}
    </Flex>
  );
}

/** A filter that is typed, and holds once it is entered or left. */
function Typed({ name, value, onChange }: { name: 'tool' | 'run'; value: string; onChange: Props['onChange'] }) {
  const { t } = useTranslation('audit');
  const [typed, type] = useState<string | null>(null);
  const enter = () => {
    if (typed !== null) onChange({ [name]: typed.trim() });
    type(null);
  };
  return (
    <Input
      allowClear
      className="audit-filter"
      aria-label={t(name)}
      placeholder={t(name === 'tool' ? 'everyTool' : 'everyRun')}
      value={typed ?? value}
      onChange={({ target, type: kind }) => (kind === 'click' ? onChange({ [name]: '' }) : type(target.value))}
      onPressEnter={enter}
      onBlur={enter}
    />
  );
}
