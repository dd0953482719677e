// Light, dark, or as the machine is set.
import { theme, type ThemeConfig } from 'antd';
import { useEffect, useSyncExternalStore } from 'react';

export const MODES = ['system', 'light', 'dark'] as const;
export type Mode = (typeof MODES)[number];
const KEPT = 'deputy.theme';

const watchers = new Set<() => void>();
const machine = window.matchMedia('(prefers-color-scheme: dark)');
machine.addEventListener('change', () => watchers.forEach((watcher) => watcher()));

function kept(): Mode {
  const mode = localStorage.getItem(KEPT);
  return MODES.find((one) => one === mode) ?? 'system';
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** What was chosen. */
export const useMode = () => useSyncExternalStore(watch, kept);

/** Whether the page is dark now. */
export function useDark(): boolean {
  return useSyncExternalStore(watch, () => kept() === 'dark' || (kept() === 'system' && machine.matches));
}

/** Choose. */
export function choose(mode: Mode): void {
  localStorage.setItem(KEPT, mode);
  watchers.forEach((watcher) => watcher());
}

/** The theme of all components. */
export function useTheme(): ThemeConfig {
  const dark = useDark();
  useEffect(() => {
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
  }, [dark]);
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: dark ? '#6f9bff' : '#1f4fd8',
      colorLink: dark ? '#8ab0ff' : '#1f4fd8',
      colorLinkHover: dark ? '#b3ccff' : '#173fae',
      colorPrimaryHover: dark ? '#8ab0ff' : '#173fae',
      ...(dark
        ? {}
        : {
            colorSuccessBg: '#e8f5ec',
            colorSuccessBorder: '#b7dfc4',
            colorWarningBg: '#fff5dc',
            colorWarningBorder: '#f2d899',
            colorErrorBg: '#fdeced',
            colorErrorBorder: '#f3bfc2',
            colorInfoBg: '#ebf1ff',
            colorInfoBorder: '#bcd0ff',
          }),
      // Ant Design's own colours of success and warning, and its greys, are below the contrast that WCAG AA asks for.
      colorSuccess: dark ? '#5fd38d' : '#17703a',
      colorWarning: dark ? '#f0b84a' : '#8a5a00',
      colorError: dark ? '#ff8078' : '#c0202c',
      colorInfo: dark ? '#6f9bff' : '#1f4fd8',
      colorTextTertiary: dark ? 'rgba(255,255,255,0.62)' : 'rgba(0,0,0,0.6)',
      colorTextDescription: dark ? 'rgba(255,255,255,0.65)' : 'rgba(0,0,0,0.62)',
      colorTextPlaceholder: dark ? 'rgba(255,255,255,0.58)' : 'rgba(0,0,0,0.58)',
      borderRadius: 6,
      fontFamily:
        "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', 'Noto Sans CJK SC', Roboto, sans-serif",
      motionDurationMid: '0.12s',
      motionDurationSlow: '0.16s',
    },
    components: {
      Menu: { itemSelectedColor: dark ? '#b3ccff' : '#173fae' },
      Button: { primaryColor: dark ? '#0a1330' : '#ffffff' },
      Layout: {
        headerPadding: '0 16px',
        headerHeight: 52,
        headerBg: dark ? '#141414' : '#ffffff',
        bodyBg: dark ? '#0b0b0c' : '#f5f6f8',
        siderBg: dark ? '#141414' : '#ffffff',
        lightSiderBg: dark ? '#141414' : '#ffffff',
      },
    },
  };
}
