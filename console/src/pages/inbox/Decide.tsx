// What one can do about an item: each word is sent under a name of its own, so that it counts once.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Flex, Input, Modal } from 'antd';
import { useCallback, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, key } from '~/api/client';
import { useMay } from '~/api/me';
import { Trouble } from '~/components/Trouble';
import { visible } from '~/lib/visible';
import { useFormat } from '~/lib/format';
import { Edit } from './Edit';
import { Form } from './Form';
import { useKeys } from './keys';
import { amount } from './List';
import type { Item } from './queries';

export type Word =
  | { kind: 'approve'; edit: Record<string, unknown> | null; digest: string }
  | { kind: 'deny'; reason: string }
  | { kind: 'answer'; text: string }
  | { kind: 'settle'; happened: boolean };

/** Say something about an item; the same word keeps its name, so that sending it again does nothing twice. */
function useWord(item: Item) {
  const client = useQueryClient();
  const names = useRef(new Map<string, string>());
  return useMutation({
    mutationFn: async (word: Word) => {
      const said = JSON.stringify(word);
      const name = names.current.get(said) ?? key();
      names.current.set(said, name);
      const params = { path: { item: item.id }, header: { 'Idempotency-Key': name } };
      if (word.kind === 'approve') {
        const body = { edit: word.edit as never, digest: word.digest };
        await api.POST('/inbox/{item}/approve', { params, body });
      } else if (word.kind === 'deny') {
        await api.POST('/inbox/{item}/deny', { params, body: { reason: word.reason, digest: item.digest ?? '' } });
      } else if (word.kind === 'answer') await api.POST('/inbox/{item}/answer', { params, body: { text: word.text } });
      else await api.POST('/inbox/{item}/settle', { params, body: { happened: word.happened } });
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['inbox'] }),
  });
}

type Open = '' | 'approve' | 'deny' | 'edit' | 'yes' | 'no';

/** The buttons, and what they open. */
export function Decide({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const may = useMay();
  const word = useWord(item);
  const [open, setOpen] = useState<Open>('');
  const close = useCallback(() => setOpen(''), []);
  const decides = item.kind === 'approval' || item.kind === 'budget';
  const keys = useMemo(
    (): Record<string, () => void> =>
      decides ? { a: () => setOpen('approve'), d: () => setOpen('deny'), e: () => setOpen('edit') } : {},
    [decides],
  );
  useKeys(keys);
  if (!may('inbox.answer')) return null;
  const say = (one: Word) => {
    close();
    word.mutate(one);
  };
  return (
    <section className="inbox-decide" aria-label={t('decide')}>
      {decides && (
        <Flex gap="small" wrap>
          <Button type="primary" size="large" loading={word.isPending} onClick={() => setOpen('approve')}>
            {t('approve')}
          </Button>
          <Button danger size="large" disabled={word.isPending} onClick={() => setOpen('deny')}>
            {t('deny')}
          </Button>
          <Button size="large" disabled={word.isPending} onClick={() => setOpen('edit')}>
            {t(item.kind === 'budget' ? 'editBudget' : 'edit')}
          </Button>
        </Flex>
      )}
      {item.kind === 'question' && <Form item={item} busy={word.isPending} onAnswer={(text) => say({ kind: 'answer', text })} />}
      {item.kind === 'in_doubt' && (
        <Flex gap="small" wrap>
          <Button size="large" onClick={() => setOpen('yes')} loading={word.isPending}>
            {t('happened')}
          </Button>
          <Button size="large" onClick={() => setOpen('no')} loading={word.isPending}>
            {t('happenedNot')}
          </Button>
        </Flex>
      )}
      {word.isError && <Trouble error={word.error} />}
      <Sure item={item} open={open} onClose={close} say={say} />
      {open === 'deny' && <Deny onClose={close} onDeny={(reason) => say({ kind: 'deny', reason })} />}
      {open === 'edit' && (
        <Edit item={item} onClose={close} onApprove={(edit, digest) => say({ kind: 'approve', edit, digest })} />
      )}
    </section>
  );
}

interface SureProps {
  item: Item;
  open: Open;
  onClose: () => void;
  say: (word: Word) => void;
}

/** What cannot be undone is said once more, with its amount and whom it concerns. */
function Sure({ item, open, onClose, say }: SureProps) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const whom = item.important[0]?.value ?? '';
  const what = [item.stake ? amount(item.stake, format) : '', whom].filter((part) => part !== '').join(' → ');
  const settles = open === 'yes' || open === 'no';
  const title = settles ? t(open === 'yes' ? 'sureHappened' : 'sureHappenedNot') : t('sure');
  const agree = () =>
    settles ? say({ kind: 'settle', happened: open === 'yes' }) : say({ kind: 'approve', edit: null, digest: item.digest ?? '' });
  return (
    <Modal
      open={open === 'approve' || settles}
      title={title}
      onCancel={onClose}
      onOk={agree}
      okText={t(settles ? 'settle' : 'approve')}
      cancelText={t('back')}
      okButtonProps={{ autoFocus: true, size: 'large' }}
      cancelButtonProps={{ size: 'large' }}
    >
      <p className="inbox-stake tabular">{visible(what)}</p>
      <p>{visible((item.says ?? item.question).slice(0, 600))}</p>
      {item.untrusted.length > 0 && <p className="inbox-urgent">{t('outsideWarning')}</p>}
    </Modal>
  );
}

function Deny({ onClose, onDeny }: { onClose: () => void; onDeny: (reason: string) => void }) {
  const { t } = useTranslation('inbox');
  const [reason, setReason] = useState('');
  const said = reason.trim() !== '';
  return (
    <Modal
      open
      title={t('denyTitle')}
      onCancel={onClose}
      onOk={() => onDeny(reason.trim())}
      okText={t('deny')}
      cancelText={t('back')}
      okButtonProps={{ danger: true, disabled: !said, size: 'large' }}
      cancelButtonProps={{ size: 'large' }}
    >
      <label>
        {t('reason')}
        <Input.TextArea autoFocus rows={3} maxLength={4_000} value={reason} onChange={(event) => setReason(event.target.value)} />
      </label>
      <p className="inbox-small">{t('denyNext')}</p>
    </Modal>
  );
}
