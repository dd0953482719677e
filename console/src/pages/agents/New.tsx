// A new agent: a name, something to begin with, and then the editor; nothing is written before it is deployed.
import { useQuery } from '@tanstack/react-query';
import { Button, Flex, Form, Input, Radio, Skeleton, Typography } from 'antd';
import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api, data } from '~/api/client';
import { Page } from '~/components/Page';
import { Trouble } from '~/components/Trouble';
import { Editor } from './Editor';
import { useAgents } from './queries';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

interface Chosen {
  name: string;
  template: string;
}

export function New() {
  const { t } = useTranslation('agents');
  const [begun, begin] = useState<{ name: string; files: Record<string, string> }>();
  const agents = useAgents();
  const found = useQuery({ queryKey: ['templates'], queryFn: () => data(api.GET('/templates')) });
  if (begun) {
    return (
      <Page title={t('newNamed', { name: begun.name })}>
        <Suspense fallback={<Skeleton active />}>
          <Editor name={begun.name} fresh={begun.files} />
        </Suspense>
      </Page>
    );
  }
  const start = ({ name, template }: Chosen) => {
    const one = found.data?.find((each) => each.template === template);
    if (!one) return;
    const files = Object.entries(one.files).map(([path, text]) => [path, text.replaceAll(one.name, name)]);
    begin({ name, files: Object.fromEntries(files) as Record<string, string> });
  };
  const taken = new Set(agents.data?.map((one) => one.name));
  const free = (_: unknown, name: string) =>
    taken.has(name) ? Promise.reject(new Error(t('nameTaken'))) : Promise.resolve();
  return (
    <Page title={t('new')}>
      {found.isPending && <Skeleton active />}
      {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
      {found.data && (
        <Form<Chosen>
          layout="vertical"
          onFinish={start}
          initialValues={{ template: found.data[0]?.template }}
          requiredMark={false}
          className="agents-narrow"
        >
          <Form.Item
            name="name"
            label={t('name')}
            extra={t('nameHelp')}
            validateFirst
            rules={[
              { required: true, message: t('nameNeeded') },
              { pattern: NAME, message: t('nameWrong') },
              { validator: free },
            ]}
          >
            <Input autoFocus autoComplete="off" spellCheck={false} maxLength={64} />
          </Form.Item>
          <Form.Item name="template" label={t('template')}>
            <Radio.Group>
              <Flex vertical gap="small">
                {found.data.map((one) => (
                  <Radio key={one.template} value={one.template}>
                    <strong>{t(`templates.${one.template}.name`)}</strong>
                    <br />
                    <Typography.Text type="secondary">{t(`templates.${one.template}.about`)}</Typography.Text>
                  </Radio>
                ))}
              </Flex>
            </Radio.Group>
          </Form.Item>
          <Button type="primary" htmlType="submit">
            {t('begin')}
          </Button>
        </Form>
      )}
    </Page>
  );
}
