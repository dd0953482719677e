// The state of a run as a tag; what it waits for with it.
import { Tag } from 'antd';
import { useTranslation } from 'react-i18next';

const COLOURS: Record<string, string> = {
  ready: 'default',
  running: 'processing',
  waiting: 'warning',
  done: 'success',
  failed: 'error',
  cancelled: 'default',
};

const WORDS = ['approval', 'question', 'in_doubt', 'budget', 'frozen', 'child', 'timer', 'message', 'configuration', 'defect'];

/** The state, and for what it waits. */
export function State({ state, summary }: { state: string; summary?: string | null }) {
  const { t } = useTranslation(['runs', 'common']);
  const waits = state === 'waiting' && summary && WORDS.includes(summary) ? t(`waits.${summary}`) : '';
  return (
    <Tag color={COLOURS[state] ?? 'default'} style={{ marginInlineEnd: 0, maxWidth: '100%', overflow: 'hidden', textOverflow: 'ellipsis' }}>
      {waits || t(`common:states.${state}`)}
    </Tag>
  );
}
