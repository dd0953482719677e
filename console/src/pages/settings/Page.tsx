// What the workspace is set to, which models and systems it reaches, and how the console looks to whoever looks.
import { Flex } from 'antd';
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';

import { useMay } from '~/api/me';
import { Page } from '~/components/Page';
import { Appearance } from './Appearance';
import { Workspace } from './Workspace';
import './settings.css';

/** Parts of other folders (sessions and tokens, say), each with a default export. */
const PARTS = Object.values(import.meta.glob<{ default: ComponentType }>('./*/index.tsx', { eager: true }));

/** The settings. */
export default function Settings() {
  const { t } = useTranslation('settings');
  const may = useMay();
  return (
    <Page title={t('title')}>
      <Flex vertical gap="middle">
        <Appearance />
        {PARTS.map(({ default: Part }, place) => (
          <Part key={place} />
        ))}
        {may('settings.read') && <Workspace />}
      </Flex>
    </Page>
  );
}
