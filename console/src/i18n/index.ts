// English and Chinese: a catalogue for each area, loaded when its page is.
import i18next from 'i18next';
import resources from 'i18next-resources-to-backend';
import { initReactI18next } from 'react-i18next';

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];
const KEPT = 'deputy.language';

const catalogues = import.meta.glob<{ default: Record<string, string> }>('../locales/*/*.json');

function chosen(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** Ready to translate. */
export async function prepare(): Promise<void> {
  const load = (language: string, area: string) => {
    const found = catalogues[`../locales/${language}/${area}.json`];
    if (found === undefined) return Promise.reject(new Error(`There is no catalogue ${language}/${area}.`));
    return found();
  };
  await i18next
    .use(resources(load))
    .use(initReactI18next)
    .init({
      lng: chosen(),
      supportedLngs: [...LANGUAGES],
      fallbackLng: false,
      ns: ['common'],
      defaultNS: 'common',
      interpolation: { escapeValue: false }, // React escapes
      returnEmptyString: false,
      react: { useSuspense: true },
    });
  spoken(i18next.language as Language);
}

/** Speak another language from now on. */
export async function speak(language: Language): Promise<void> {
  localStorage.setItem(KEPT, language);
  await i18next.changeLanguage(language);
  spoken(language);
}

function spoken(language: Language): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
}
