// Stacked bars, by Chart.js; loaded apart from everything else.
import { theme } from 'antd';
import { BarController, BarElement, CategoryScale, Chart, Legend, LinearScale, Tooltip } from 'chart.js';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';

import { useDark } from '~/shell/theme';

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, Tooltip);

export interface Line {
  name: string;
  values: number[];
  /** What has a colour of its own meaning. */
  kind?: 'done' | 'failed' | 'cancelled';
}

interface Props {
  title: string;
  labels: string[];
  lines: Line[];
  shown: (value: number) => string;
  whole: boolean;
}

const LIGHT = ['#1f4fd8', '#c2571a', '#17703a', '#8b3fb5', '#0b7285', '#a3204f', '#6b7280'];
const DARK = ['#6f9bff', '#f0a35e', '#5fd38d', '#c792ea', '#4fc3d9', '#ff8fb3', '#a8adb5'];

/** A chart. */
export default function Bars({ title, labels, lines, shown, whole }: Props) {
  const { t } = useTranslation('overview');
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<Chart<'bar'> | null>(null);
  const say = useRef(shown);
  const { token } = theme.useToken();
  const dark = useDark();
  useEffect(() => {
    say.current = shown;
  });
  useEffect(() => {
    if (canvas.current === null) return undefined;
    const made = new Chart(canvas.current, {
      type: 'bar',
      data: { labels: [], datasets: [] },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: 'index', intersect: false },
        plugins: {
          legend: { position: 'bottom', labels: { boxWidth: 10, boxHeight: 10, color: token.colorText } },
          tooltip: {
            filter: ({ raw }) => raw !== 0,
            callbacks: { label: ({ dataset, raw }) => `${dataset.label ?? ''}: ${say.current(raw as number)}` },
          },
        },
        scales: {
          x: { stacked: true, grid: { display: false }, ticks: { color: token.colorTextDescription, maxRotation: 0, autoSkipPadding: 12 } },
          y: {
            stacked: true,
            beginAtZero: true,
            grid: { color: token.colorSplit },
            ticks: { color: token.colorTextDescription, maxTicksLimit: 5, ...(whole ? { precision: 0 } : {}), callback: (value) => say.current(value as number) },
          },
        },
      },
    });
    chart.current = made;
    return () => {
      chart.current = null;
      made.destroy();
    };
  }, [token.colorText, token.colorTextDescription, token.colorSplit, whole]);
  useEffect(() => {
    if (chart.current === null) return;
    const colours = dark ? DARK : LIGHT;
    const meant = { done: token.colorSuccess, failed: token.colorError, cancelled: token.colorTextDescription };
    chart.current.data = {
      labels,
      datasets: lines.map(({ name, values, kind }, place) => ({
        label: name,
        data: values,
        backgroundColor: kind === undefined ? colours[place % colours.length] : meant[kind],
        borderRadius: 2,
        maxBarThickness: 28,
      })),
    };
    chart.current.update('none');
  }, [labels, lines, dark, token, whole]);
  return <canvas ref={canvas} role="img" aria-label={t('chart.about', { title })} />;
}
