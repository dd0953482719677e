// What policy would answer to a call, without anybody making it.
import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, AutoComplete, Button, Card, Flex, Form, Input, Select, Tag } from 'antd';
import { useTranslation } from 'react-i18next';

import { api, data, type Schemas } from '~/api/client';
import { useMe } from '~/api/me';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { useAgents } from '../agents/queries';

const COLOURS = { allow: 'success', ask: 'processing', shadow: 'default', deny: 'error' } as const;

interface Asked {
  agent: string;
  tool: string;
  args?: string;
  on_behalf_of?: string;
}

export function WhatIf() {
  const { t } = useTranslation('mandates');
  const me = useMe();
  const [form] = Form.useForm<Asked>();
  const agents = useAgents();
  const people = useQuery({ queryKey: ['people'], queryFn: () => data(api.GET('/people')) });
  const grants = useQuery({ queryKey: ['agents', 'mandates'], queryFn: () => data(api.GET('/mandates')) });
  const agent = Form.useWatch('agent', form);
  const tools = [
    ...new Set(
      grants.data?.filter((row) => row.agent === agent).flatMap((row) => row.tools.map((tool) => tool.name)),
    ),
  ];
  const check = useMutation({
    mutationFn: (asked: Asked) =>
      data(
        api.POST('/policy/check', {
          body: {
            agent: asked.agent,
            tool: asked.tool,
            args: asked.args?.trim() ? (JSON.parse(asked.args) as Record<string, never>) : null,
            on_behalf_of: asked.on_behalf_of ?? null,
          },
        }),
      ),
  });
  const json = (_: unknown, text?: string) => {
    if (!text?.trim()) return Promise.resolve();
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Promise.resolve();
    } catch {
      // said below
    }
    return Promise.reject(new Error(t('notJson')));
  };
  return (
    <div className="agents-grid">
      <Form<Asked>
        form={form}
        layout="vertical"
        requiredMark={false}
        onFinish={(asked) => check.mutate(asked)}
        initialValues={{ on_behalf_of: me.person }}
      >
        <Form.Item name="agent" label={t('agent')} rules={[{ required: true, message: t('needed') }]}>
          <Select showSearch options={agents.data?.map(({ name }) => ({ value: name, label: name }))} />
        </Form.Item>
        <Form.Item name="tool" label={t('tool')} rules={[{ required: true, message: t('needed') }]}>
          <AutoComplete
            options={tools.map((name) => ({ value: name }))}
            showSearch={{ filterOption: true }}
          />
        </Form.Item>
        <Form.Item name="args" label={t('args')} extra={t('argsHelp')} rules={[{ validator: json }]}>
          <Input.TextArea rows={4} className="agents-code" spellCheck={false} />
        </Form.Item>
        <Form.Item name="on_behalf_of" label={t('onBehalf')}>
          <Select
            showSearch
            options={people.data?.map(({ id, name }) => ({ value: id, label: `${name} (${id})` }))}
          />
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={check.isPending}>
          {t('check')}
        </Button>
      </Form>
      <div aria-live="polite">
        {check.isError && <Trouble error={check.error} />}
        {check.data && <Verdict said={check.data} />}
      </div>
    </div>
  );
}

function Verdict({ said }: { said: Schemas['PolicySaid'] }) {
  const { t } = useTranslation('mandates');
  const facts: [string, string][] = [
    [t('rule'), said.rule],
    [t('class'), said.class],
    [t('why'), said.why],
    [t('asks'), said.people.join(', ')],
    [t('as'), said.approvers.join(', ')],
    [t('args'), JSON.stringify(said.args)],
  ];
  return (
    <Card size="small" title={<Tag color={COLOURS[said.verdict]}>{t(`verdict.${said.verdict}`)}</Tag>}>
      <Flex vertical gap="small">
        <span>{t(`verdictSays.${said.verdict}`, { agent: said.agent, who: said.on_behalf_of })}</span>
        <dl className="agents-facts">
          {facts.map(
            ([name, value]) =>
              value !== '' && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <Said text={value} most={600} />
                  </dd>
                </div>
              ),
          )}
        </dl>
        {said.invalid !== null && (
          <Alert type="warning" showIcon title={t('invalid')} description={<Said text={said.invalid} />} />
        )}
        {said.frozen && <Alert type="info" showIcon title={t('isFrozen')} />}
      </Flex>
    </Card>
  );
}
