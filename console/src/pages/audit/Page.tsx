// The record: looked through, verified, and handed over whole.
import { DownloadOutlined } from '@ant-design/icons';
import { Button, Flex } from 'antd';
import { useTranslation } from 'react-i18next';

import { Page } from '~/components/Page';
import { Record } from './Record';
import { Verify } from './Verify';
import './audit.css';

/** The audit. */
export default function Audit() {
  const { t } = useTranslation('audit');
  return (
    <Page
      title={t('title')}
      extra={
        <Button icon={<DownloadOutlined />} href="/api/v1/audit/export" download="deputy-audit.jsonl">
          {t('export')}
        </Button>
      }
    >
      <Flex vertical gap="middle">
        <Verify />
        <Record />
      </Flex>
    </Page>
  );
}
