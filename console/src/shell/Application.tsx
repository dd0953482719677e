// Everything around the pages: theme, language, queries, and who is signed in.
import { QueryClientProvider } from '@tanstack/react-query';
import { App, ConfigProvider } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { createBrowserRouter, RouterProvider } from 'react-router';

import { client } from '~/api/queries';
import type { Language } from '~/i18n';
import { Boundary } from './Boundary';
import { nonce } from './nonce';
import { routes } from './routes';
import { useTheme } from './theme';

const router = createBrowserRouter(routes);
type Words = NonNullable<Parameters<typeof ConfigProvider>[0]['locale']>;

/** The words of the components themselves. */
async function words(language: Language): Promise<Words> {
  const [antd] = await Promise.all(
    language === 'zh'
      ? [import('antd/locale/zh_CN'), import('dayjs/locale/zh-cn')]
      : [import('antd/locale/en_GB'), import('dayjs/locale/en-gb')],
  );
  return antd.default;
}

/** The console. */
export function Application() {
  const { i18n } = useTranslation();
  const language = i18n.language as Language;
  const [locale, setLocale] = useState<Words>();
  useEffect(() => {
    void words(language).then(setLocale);
  }, [language]);
  const theme = useTheme();
  if (locale === undefined) return null; // words that come later would make everything inside anew
  return (
    <ConfigProvider theme={theme} locale={locale} csp={{ nonce }} button={{ autoInsertSpace: false }}>
      <App>
        <QueryClientProvider client={client}>
          <Boundary>
            <RouterProvider router={router} />
          </Boundary>
        </QueryClientProvider>
      </App>
    </ConfigProvider>
  );
}
