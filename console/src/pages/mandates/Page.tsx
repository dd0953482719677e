// Who may do what: every grant, what policy would answer, and the secrets that tools need.
import { Tabs } from 'antd';
import { useTranslation } from 'react-i18next';

import { useMay } from '~/api/me';
import { Page } from '~/components/Page';
import { Grants } from './Grants';
import { Secrets } from './Secrets';
import { WhatIf } from './WhatIf';
import '../agents/agents.css';

export default function Mandates() {
  const { t } = useTranslation('mandates');
  const may = useMay();
  const tabs = [{ key: 'grants', label: t('grants'), children: <Grants /> }];
  if (may('policy.check')) tabs.push({ key: 'whatif', label: t('whatIf'), children: <WhatIf /> });
  if (may('secrets.read')) tabs.push({ key: 'secrets', label: t('secrets'), children: <Secrets /> });
  return (
    <Page title={t('title')}>
      <Tabs items={tabs} destroyOnHidden />
    </Page>
  );
}
