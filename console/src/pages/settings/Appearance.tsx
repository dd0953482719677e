// Language and colours, of this browser.
import { Card, Flex, Segmented } from 'antd';
import { useTranslation } from 'react-i18next';

import { type Language, LANGUAGES, speak } from '~/i18n';
import { choose, type Mode, MODES, useMode } from '~/shell/theme';

/** How the console looks here. */
export function Appearance() {
  const { t } = useTranslation('settings');
  const { t: common, i18n } = useTranslation();
  const mode = useMode();
  return (
    <Card size="small" title={<h2 className="settings-title">{t('appearance')}</h2>}>
      <Flex gap="large" wrap>
        <Flex gap="small" align="center">
          <span>{common('account.language')}</span>
          <Segmented<Language>
            aria-label={common('account.language')}
            value={i18n.language as Language}
            onChange={(language) => void speak(language)}
            options={LANGUAGES.map((one) => ({ value: one, label: common(`languages.${one}`) }))}
          />
        </Flex>
        <Flex gap="small" align="center">
          <span>{common('account.theme')}</span>
          <Segmented<Mode>
            aria-label={common('account.theme')}
            value={mode}
            onChange={choose}
            options={MODES.map((one) => ({ value: one, label: common(`themes.${one}`) }))}
          />
        </Flex>
      </Flex>
    </Card>
  );
}
