// Times, durations, amounts and identifiers, as the reader's language writes them.
import { useTranslation } from 'react-i18next';

/** How the current language writes things. */
export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.language === 'zh' ? 'zh-CN' : 'en-GB';
  return {
    /** A moment: the hour for today, the date before. */
    moment(at: string, now = new Date()): string {
      const when = new Date(at);
      const today = when.toDateString() === now.toDateString();
      return new Intl.DateTimeFormat(
        language,
        today ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' },
      ).format(when);
    },
    /** A moment in full, with its zone. */
    whole(at: string): string {
      return new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'long' }).format(new Date(at));
    },
    /** How long ago, or until. */
    relative(at: string, now = Date.now()): string {
      const seconds = (new Date(at).getTime() - now) / 1000;
      const speak = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
      for (const [unit, length] of UNITS) {
        if (Math.abs(seconds) >= length) return speak.format(Math.trunc(seconds / length), unit);
      }
      return speak.format(Math.trunc(seconds), 'second');
    },
    /** A duration in milliseconds. */
    duration(ms: number): string {
      if (ms < 1000) return `${Math.round(ms)} ms`;
      const seconds = ms / 1000;
      if (seconds < 60) return `${seconds.toFixed(1)} s`;
      const minutes = Math.floor(seconds / 60);
      if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
      return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    },
    /** A count. */
    count(value: number): string {
      return new Intl.NumberFormat(language).format(value);
    },
    /** An amount of money: a decimal text is never made a float before it is shown. */
    money({ amount, currency }: { amount: string; currency: string }): string {
      try {
        const format = new Intl.NumberFormat(language, { style: 'currency', currency, maximumFractionDigits: 4 });
        return format.format(amount as unknown as number);
      } catch {
        return `${amount} ${currency}`;
      }
    },
  };
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** An identifier as people read it out: its end tells it from its neighbours. */
export const short = (id: string) => id.slice(-8);
