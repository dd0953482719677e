// Answer a question: by one of its options, by the fields of its form, or in words.
import { Button, Checkbox, Flex, Input, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { Said } from '~/components/Said';
import { visible } from '~/lib/visible';
import type { Item } from './queries';

interface Props {
  item: Item;
  busy: boolean;
  onAnswer: (text: string) => void;
}

/** A part of a form, as a server's schema has it. */
interface Field {
  type?: string;
  title?: string;
  description?: string;
  enum?: string[];
}

/** What answers the question. */
export function Form({ item, busy, onAnswer }: Props) {
  const { t } = useTranslation('inbox');
  const [text, setText] = useState('');
  if (item.form !== null) return <Fields item={item} busy={busy} onAnswer={onAnswer} />;
  return (
    <Flex vertical gap="small">
      <Flex gap="small" wrap>
        {item.options.map((option) => (
          <Button key={option} size="large" loading={busy} onClick={() => onAnswer(option)}>
            {visible(option)}
          </Button>
        ))}
      </Flex>
      {item.options.length === 0 && (
        <>
          <Input.TextArea rows={3} value={text} aria-label={t('answer')} placeholder={t('answer')} onChange={(event) => setText(event.target.value)} />
          <div>
            <Button type="primary" size="large" loading={busy} disabled={text.trim() === ''} onClick={() => onAnswer(text.trim())}>
              {t('send')}
            </Button>
          </div>
        </>
      )}
    </Flex>
  );
}

function Fields({ item, busy, onAnswer }: Props) {
  const { t } = useTranslation('inbox');
  const form = (item.form ?? {}) as unknown as { properties?: Record<string, Field>; required?: string[] };
  const fields = Object.entries(form.properties ?? {});
  const [values, setValues] = useState<Record<string, string | boolean>>({});
  const set = (name: string, value: string | boolean) => setValues((all) => ({ ...all, [name]: value }));
  const missing = (form.required ?? []).some((name) => (values[name] ?? '') === '' && form.properties?.[name]?.type !== 'boolean');
  const send = () => {
    const said = fields.flatMap(([name, field]) => {
      const value = field.type === 'boolean' ? (values[name] ?? false) : values[name];
      if (value === undefined || value === '') return [];
      return [[name, field.type === 'number' || field.type === 'integer' ? Number(value) : value] as const];
    });
    onAnswer(JSON.stringify(Object.fromEntries(said)));
  };
  return (
    <Flex vertical gap="small">
      {fields.map(([name, field]) => (
        <label key={name}>
          <Said text={field.title ?? name} most={120} />
          {field.description !== undefined && (
            <div className="inbox-small">
              <Said text={field.description} most={400} />
            </div>
          )}
          <div>
            {field.type === 'boolean' ? (
              <Checkbox checked={values[name] === true} onChange={(event) => set(name, event.target.checked)} />
            ) : field.enum !== undefined ? (
              <Select style={{ minWidth: 200 }} onChange={(value: string) => set(name, value)} options={field.enum.map((one) => ({ value: one, label: visible(one) }))} />
            ) : (
              <Input value={String(values[name] ?? '')} inputMode={field.type === 'string' ? 'text' : 'decimal'} onChange={(event) => set(name, event.target.value)} />
            )}
          </div>
        </label>
      ))}
      <div>
        <Button type="primary" size="large" loading={busy} disabled={missing} onClick={send}>
          {t('send')}
        </Button>
      </div>
    </Flex>
  );
}
