// Approve something else than was proposed: the server says what it would be before anybody agrees.
import { useMutation } from '@tanstack/react-query';
import { Button, Flex, Input, Modal } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { written } from './Arguments';
import type { Item } from './queries';

interface Props {
  item: Item;
  onClose: () => void;
  onApprove: (edit: Record<string, unknown>, digest: string) => void;
}

/** The arguments, each in a field; or, of a budget, by how much. */
export function Edit({ item, onClose, onApprove }: Props) {
  const { t } = useTranslation('inbox');
  const budget = item.kind === 'budget';
  const unit = item.budget?.unit ?? 'money';
  const before: Record<string, unknown> = budget ? { [unit]: '' } : (item.args as Record<string, unknown>);
  const [fields, setFields] = useState<Record<string, string>>(() =>
    Object.fromEntries(Object.entries(before).map(([name, value]) => [name, written(value)])),
  );
  const [wrong, setWrong] = useState('');
  const preview = useMutation({
    mutationFn: (edit: Record<string, unknown>) =>
      data(api.POST('/inbox/{item}/preview', { params: { path: { item: item.id }, header: { 'Idempotency-Key': crypto.randomUUID() } }, body: { edit: edit as never } })),
  });
  const patch = (): Record<string, unknown> | null => {
    const edit: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(before)) {
      const now = fields[name] ?? '';
      if (now === written(value)) continue;
      const read = parsed(now, value, budget && unit !== 'money');
      if (read === undefined) {
        setWrong(name);
        return null;
      }
      edit[name] = read;
    }
    setWrong('');
    return edit;
  };
  const change = (name: string, value: string) => {
    preview.reset();
    setFields((all) => ({ ...all, [name]: value }));
  };
  const look = () => {
    const edit = patch();
    if (edit === null) return;
    if (budget) onApprove(edit, '');
    else preview.mutate(edit);
  };
  const approve = () => {
    const edit = patch();
    if (edit !== null) onApprove(edit, item.digest ?? '');
  };
  const changed = Object.entries(before).some(([name, value]) => fields[name] !== written(value));
  const ready = preview.isSuccess;
  return (
    <Modal
      open
      width={640}
      title={t(budget ? 'editBudgetTitle' : 'editTitle')}
      onCancel={onClose}
      footer={
        <Flex gap="small" justify="end">
          <Button size="large" onClick={onClose}>{t('back')}</Button>
          {ready ? (
            <Button size="large" type="primary" onClick={approve}>{t('approveEdited')}</Button>
          ) : (
            <Button size="large" type="primary" disabled={!changed} loading={preview.isPending} onClick={look}>
              {t(budget ? 'raise' : 'look')}
            </Button>
          )}
        </Flex>
      }
    >
      <Flex vertical gap="small">
        {Object.keys(before).map((name) => (
          <label key={name}>
            <Said text={budget ? t(`units.${name}`, { defaultValue: name }) : name} most={80} mono={!budget} />
            <Input.TextArea rows={rowsOf(fields[name] ?? '')} value={fields[name] ?? ''} status={wrong === name ? 'error' : undefined} onChange={(event) => change(name, event.target.value)} />
          </label>
        ))}
        {wrong !== '' && <p role="alert" className="inbox-urgent">{t('notReadable', { name: wrong })}</p>}
        {preview.isError && <Trouble error={preview.error} />}
        {preview.data && <Preview before={before} after={preview.data.args as Record<string, unknown>} people={preview.data.people} />}
      </Flex>
    </Modal>
  );
}

/** Room for a text: a field that measures itself would style itself, which the page's policy forbids. */
function rowsOf(text: string): number {
  const lines = text.split('\n', 8).reduce((sum, line) => sum + 1 + Math.floor(line.length / 70), 0);
  return Math.min(8, Math.max(1, lines));
}

/** What was typed, as the kind of value that stood there; undefined where it is none. */
function parsed(text: string, before: unknown, whole: boolean): unknown {
  if (typeof before === 'string' && !whole) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

interface PreviewProps {
  before: Record<string, unknown>;
  after: Record<string, unknown>;
  people: string[];
}

function Preview({ before, after, people }: PreviewProps) {
  const { t } = useTranslation('inbox');
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return (
    <div role="status" className="inbox-preview">
      <strong>{t('becomes')}</strong>
      {changed.map((name) => (
        <p key={name}>
          <Said text={name} most={80} mono />: <del><Said text={written(before[name])} most={200} /></del>{' '}
          <ins><Said text={written(after[name])} most={200} /></ins>
        </p>
      ))}
      {people.length > 0 && <p className="inbox-small">{t('mayGive', { names: people.join(', ') })}</p>}
    </div>
  );
}
