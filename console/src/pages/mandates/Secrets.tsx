// Which secrets there are and who needs them; a value goes in and never comes out.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Empty, Flex, Form, Input, Modal, Popconfirm, Table, Tag, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { useMay } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';
import { keyed } from '../agents/queries';

type Secret = Schemas['SecretShown'];

export function Secrets() {
  const { t } = useTranslation('mandates');
  const format = useFormat();
  const may = useMay();
  const { message } = App.useApp();
  const client = useQueryClient();
  const found = useQuery({ queryKey: ['secrets'], queryFn: () => data(api.GET('/secrets')) });
  const [setting, set] = useState<string>();
  const remove = useMutation({
    mutationFn: (name: string) =>
      data(api.POST('/secrets/remove', { params: { header: keyed() }, body: { name } })),
    onError: (error) => void message.error(error.message),
    onSettled: () => client.invalidateQueries({ queryKey: ['secrets'] }),
  });
  const sets = may('secrets.set');
  if (found.isError) return <Trouble error={found.error} again={() => void found.refetch()} />;
  return (
    <Flex vertical gap="middle">
      <Flex justify="space-between" gap="small" wrap align="center">
        <Typography.Text type="secondary">{t('secretsSay')}</Typography.Text>
        {sets && (
          <Button type="primary" onClick={() => set('')}>
            {t('newSecret')}
          </Button>
        )}
      </Flex>
      <Table<Secret>
        size="small"
        rowKey="name"
        loading={found.isPending}
        dataSource={found.data ?? []}
        pagination={false}
        locale={{ emptyText: <Empty description={t('noSecrets')} /> }}
        columns={[
          {
            title: t('secretName'),
            key: 'name',
            render: (_, one) => (
              <Flex gap="small" align="baseline" wrap>
                <code className="agents-code">
                  <Said text={one.name} most={120} />
                </code>
                {!one.set && <Tag color="error">{t('missing')}</Tag>}
              </Flex>
            ),
          },
          {
            title: t('usedBy'),
            key: 'used',
            responsive: ['sm'],
            render: (_, one) => <Said text={one.used_by.join('; ') || t('unused')} most={300} />,
          },
          {
            title: t('setBy'),
            key: 'by',
            responsive: ['md'],
            render: (_, one) =>
              one.at ? `${(one.by ?? '').replace(/^person:/, '')} · ${format.moment(one.at)}` : '–',
          },
          ...(sets
            ? [
                {
                  title: '',
                  key: 'do',
                  render: (_: unknown, one: Secret) => (
                    <Flex gap="small" justify="end" wrap>
                      <Button size="small" onClick={() => set(one.name)}>
                        {t(one.set ? 'replace' : 'setIt')}
                      </Button>
                      {one.set && (
                        <Popconfirm
                          title={t('removeAsk', { name: one.name })}
                          description={one.used_by.length > 0 ? t('removeUsed') : undefined}
                          okText={t('remove')}
                          cancelText={t('cancel')}
                          onConfirm={() => remove.mutate(one.name)}
                        >
                          <Button size="small" danger>
                            {t('remove')}
                          </Button>
                        </Popconfirm>
                      )}
                    </Flex>
                  ),
                },
              ]
            : []),
        ]}
      />
      {setting !== undefined && <Set name={setting} onClose={() => set(undefined)} />}
    </Flex>
  );
}

function Set({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation('mandates');
  const client = useQueryClient();
  const [form] = Form.useForm<{ name: string; value: string }>();
  const keep = useMutation({
    mutationFn: (body: { name: string; value: string }) =>
      data(api.POST('/secrets', { params: { header: keyed() }, body })),
    onSuccess: () => {
      onClose();
      void client.invalidateQueries({ queryKey: ['secrets'] });
    },
    gcTime: 0, // the value is remembered nowhere
  });
  return (
    <Modal
      open
      title={t('newSecret')}
      okText={t('keep')}
      cancelText={t('cancel')}
      okButtonProps={{ loading: keep.isPending }}
      onOk={form.submit}
      onCancel={onClose}
      destroyOnHidden
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ name }}
        onFinish={(body) => keep.mutate(body)}
      >
        <Form.Item name="name" label={t('secretName')} rules={[{ required: true, message: t('needed') }]}>
          <Input disabled={name !== ''} autoComplete="off" spellCheck={false} />
        </Form.Item>
        <Form.Item
          name="value"
          label={t('value')}
          extra={t('valueHelp')}
          rules={[{ required: true, message: t('needed') }]}
        >
          <Input.Password autoComplete="new-password" visibilityToggle={false} />
        </Form.Item>
      </Form>
      {keep.isError && <Trouble error={keep.error} />}
    </Modal>
  );
}
