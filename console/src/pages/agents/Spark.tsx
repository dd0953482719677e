// Runs a day as a row of bars; what failed stands dark at the foot of its bar.
import { useTranslation } from 'react-i18next';

import type { Schemas } from '~/api/client';

interface Props {
  days: readonly Schemas['RecordDay'][];
  height?: number;
}

export function Spark({ days, height = 28 }: Props) {
  const { t } = useTranslation('agents');
  const most = Math.max(1, ...days.map((day) => day.runs));
  const total = days.reduce((sum, day) => sum + day.runs, 0);
  const failed = days.reduce((sum, day) => sum + day.failed, 0);
  const wide = 100 / Math.max(1, days.length);
  return (
    <svg
      className="agents-spark"
      role="img"
      aria-label={t('spark', { total, failed, days: days.length })}
      viewBox={`0 0 100 ${height}`}
      preserveAspectRatio="none"
      style={{ height }}
    >
      {days.map((day, place) => {
        const tall = day.runs === 0 ? 1 : Math.max(3, (day.runs / most) * (height - 2));
        const wrong = day.runs === 0 ? 0 : (day.failed / day.runs) * tall;
        return (
          <g key={day.day}>
            <title>{t('sparkDay', { day: day.day, total: day.runs, failed: day.failed })}</title>
            <rect
              x={place * wide}
              y={height - tall}
              width={wide * 0.72}
              height={tall}
              className={day.runs === 0 ? 'spark-none' : 'spark-runs'}
            />
            {wrong > 0 && (
              <rect
                x={place * wide}
                y={height - wrong}
                width={wide * 0.72}
                height={wrong}
                className="spark-failed"
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
