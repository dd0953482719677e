// The task, and what the run did around what is asked.
import { Collapse, Tag, Timeline, Typography } from 'antd';
import { useTranslation } from 'react-i18next';

import { Said } from '~/components/Said';
import { useFormat } from '~/lib/format';
import type { Item } from './queries';

const COLOURS: Record<string, string> = { done: 'green', failed: 'red', denied: 'red', asked: 'blue', in_doubt: 'red' };

/** What led here. */
export function Story({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const steps = item.timeline.map((one) => ({
    key: one.effect,
    color: one.here ? 'blue' : (COLOURS[one.state] ?? 'gray'),
    content: (
      <>
        {one.here ? <strong>{t('here')}</strong> : <Said text={one.kind === 'model' ? t('model') : one.tool} most={120} mono />}{' '}
        {one.at && <Typography.Text type="secondary">{format.moment(one.at)}</Typography.Text>}{' '}
        {one.untrusted && <Tag color="warning">{t('outside')}</Tag>}
        <div className="inbox-small">
          <Said text={one.text} most={240} />
        </div>
      </>
    ),
  }));
  return (
    <Collapse
      size="small"
      items={[
        { key: 'task', label: t('task'), children: <Said text={item.task} most={4_000} /> },
        { key: 'story', label: t('story'), children: <Timeline items={steps} /> },
      ]}
    />
  );
}
