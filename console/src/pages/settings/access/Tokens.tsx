// The tokens of one's programs: made here, shown once, and ended.
import { PlusOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Flex, Form, Input, InputNumber, Modal, Select, Skeleton, Table, type TableColumnsType, Tag, Typography } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data, key, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useFormat } from '~/lib/format';

type Token = Schemas['Token'];
type Made = Schemas['Made'];
type Wish = Schemas['NewToken'];

const ROLES = ['owner', 'admin', 'builder', 'approver', 'member', 'auditor'];
const MOST_DAYS = 366;

/** One's tokens; everybody's for who may. */
export function Tokens() {
  const { t } = useTranslation('access');
  const client = useQueryClient();
  const { modal } = App.useApp();
  const [making, setMaking] = useState(false);
  const found = useQuery({ queryKey: ['tokens'], queryFn: () => data(api.GET('/tokens')) });
  const again = () => client.invalidateQueries({ queryKey: ['tokens'] });
  const end = useMutation({
    mutationFn: (token: string) => data(api.POST('/tokens/{token}/revoke', { body: {}, params: { path: { token }, header: { 'Idempotency-Key': key() } } })),
    onSettled: again,
  });
  const sure = (one: Token) =>
    modal.confirm({
      title: t('token.sure'),
      content: <Said text={one.note || one.id} most={120} />,
      okText: t('token.end'),
      okButtonProps: { danger: true },
      cancelText: t('keep'),
      onOk: () => end.mutateAsync(one.id).catch(() => undefined),
    });
  return (
    <Card
      size="small"
      title={<h2 className="settings-title">{t('tokens')}</h2>}
      extra={
        <Button size="small" icon={<PlusOutlined />} onClick={() => setMaking(true)}>
          {t('token.new')}
        </Button>
      }
    >
      <Flex vertical gap="small">
        <Typography.Text type="secondary">{t('tokensHow')}</Typography.Text>
        {found.isPending && <Skeleton active paragraph={{ rows: 2 }} title={false} />}
        {[found.error, end.error].map((error, place) => error !== null && <Trouble key={place} error={error} />)}
        {found.data && found.data.length > 0 && <List tokens={found.data} onEnd={sure} />}
        {found.data?.length === 0 && <span>{t('noTokens')}</span>}
      </Flex>
      {making && (
        <New
          onClose={() => {
            setMaking(false);
            void again();
          }}
        />
      )}
    </Card>
  );
}

function List({ tokens, onEnd }: { tokens: Token[]; onEnd: (token: Token) => void }) {
  const { t } = useTranslation('access');
  const { t: common } = useTranslation();
  const me = useMe();
  const format = useFormat();
  const columns: TableColumnsType<Token> = [
    {
      key: 'note',
      title: t('columns.note'),
      render: (_, one) => (
        <Flex gap={6} wrap align="center">
          {one.note === '' ? <span className="mono">{one.id}</span> : <Said text={one.note} most={100} />}
          {one.person !== me.person && (
            <Tag>
              <Said text={one.person} />
            </Tag>
          )}
        </Flex>
      ),
    },
    { key: 'role', title: t('columns.role'), render: (_, { role }) => common(`roles.${role}`) },
    { key: 'used', title: t('columns.used'), render: (_, { used }) => (used === null ? t('never') : <time dateTime={used} title={format.whole(used)}>{format.relative(used)}</time>) },
    {
      key: 'expires',
      title: t('columns.expires'),
      render: (_, { expires }) => (new Date(expires) < new Date() ? <Tag>{t('over')}</Tag> : <time dateTime={expires} title={format.whole(expires)}>{format.moment(expires)}</time>),
    },
    {
      key: 'end',
      title: <span className="visually-hidden">{t('token.end')}</span>,
      align: 'right',
      render: (_, one) => (
        <Button size="small" onClick={() => onEnd(one)} aria-label={t('token.endNamed', { name: one.note || one.id })}>
          {t('token.end')}
        </Button>
      ),
    },
  ];
  return (
    <Table<Token>
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={tokens}
      pagination={{ pageSize: 10, hideOnSinglePage: true }}
      scroll={{ x: 'max-content' }}
    />
  );
}

/** The roles that a token of this person may have. */
function offered(roles: string[]): string[] {
  if (roles.includes('owner')) return ROLES;
  if (roles.includes('admin')) return ROLES.filter((role) => role !== 'owner');
  return ROLES.filter((role) => role === 'member' || roles.includes(role));
}

function New({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('access');
  const { t: common } = useTranslation();
  const me = useMe();
  const [form] = Form.useForm<Wish>();
  const under = useRef(key());
  const make = useMutation({
    mutationFn: (body: Wish) => data(api.POST('/tokens', { body, params: { header: { 'Idempotency-Key': under.current } } })),
    onError: () => {
      under.current = key();
    },
  });
  const made: Made | undefined = make.data;
  return (
    <Modal
      open
      title={t('token.new')}
      onCancel={onClose}
      okText={made ? t('token.done') : t('token.make')}
      cancelText={t('keep')}
      cancelButtonProps={made ? { style: { display: 'none' } } : undefined}
      confirmLoading={make.isPending}
      onOk={made ? onClose : () => form.submit()}
      mask={{ closable: false }}
    >
      {made ? (
        <Flex vertical gap="small" role="status">
          <Alert type="warning" showIcon title={t('token.once')} />
          <Typography.Text code copyable={{ text: made.token ?? '' }} className="access-token">
            {made.token ?? t('token.gone')}
          </Typography.Text>
        </Flex>
      ) : (
        <Form<Wish> form={form} layout="vertical" initialValues={{ role: 'member', days: 30, note: '' }} onFinish={(wish) => make.mutate(wish)}>
          {make.isError && <Trouble error={make.error} />}
          <Form.Item name="note" label={t('columns.note')} extra={t('token.noteHow')}>
            <Input maxLength={100} autoFocus />
          </Form.Item>
          <Form.Item name="role" label={t('columns.role')} extra={t('token.roleHow')}>
            <Select options={offered(me.roles).map((role) => ({ value: role, label: common(`roles.${role}`) }))} />
          </Form.Item>
          <Form.Item name="days" label={t('token.days')} rules={[{ required: true, message: t('token.daysHow', { most: MOST_DAYS }) }]}>
            <InputNumber min={1} max={MOST_DAYS} precision={0} />
          </Form.Item>
        </Form>
      )}
    </Modal>
  );
}
