// Decide several at once, where their mandates let that be; each is a decision of its own.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Flex, Input, Popconfirm } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data, key } from '~/api/client';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import type { Line } from './queries';

/** The bar for what is marked. */
export function Bulk({ items, onDone }: { items: Line[]; onDone: () => void }) {
  const { t } = useTranslation('inbox');
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const name = useRef(key());
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'deny') =>
      data(
        api.POST('/inbox/bulk', {
          params: { header: { 'Idempotency-Key': name.current } },
          body: { items: items.map(({ id, digest }) => ({ id, digest: digest ?? '' })), decision, reason },
        }),
      ),
    onSettled: () => {
      name.current = key();
      void client.invalidateQueries({ queryKey: ['inbox'] });
    },
    onSuccess: (told) => {
      if (told?.every((one) => one.ok)) onDone();
    },
  });
  const refused = decide.data?.filter((one) => !one.ok) ?? [];
  return (
    <div className="inbox-bulk">
      <Flex gap="small" wrap align="center">
        <strong>{t('bulk.marked', { count: items.length })}</strong>
        <Popconfirm title={t('bulk.sure', { count: items.length })} onConfirm={() => decide.mutate('approve')} okText={t('approve')} cancelText={t('back')}>
          <Button type="primary" loading={decide.isPending}>
            {t('approve')}
          </Button>
        </Popconfirm>
        <Input value={reason} onChange={(event) => setReason(event.target.value)} placeholder={t('reason')} aria-label={t('reason')} />
        <Button danger disabled={reason.trim() === ''} loading={decide.isPending} onClick={() => decide.mutate('deny')}>
          {t('deny')}
        </Button>
      </Flex>
      {refused.map((one) => (
        <Alert key={one.id} type="warning" title={<Said text={one.detail ?? ''} />} />
      ))}
      {decide.isError && <Trouble error={decide.error} />}
    </div>
  );
}
