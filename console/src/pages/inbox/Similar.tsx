// How similar cases were decided.
import { useQuery } from '@tanstack/react-query';
import { Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { Said } from '~/components/Said';
import { useFormat } from '~/lib/format';
import { casesOf, type Item } from './queries';

const COLOURS: Record<string, string> = { approved: 'success', denied: 'error', expired: 'default', raised: 'warning' };

/** The latest ones that are most alike; nothing where there are none. */
export function Similar({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  const format = useFormat();
  const found = useQuery(casesOf(item.id));
  const cases = found.data ?? [];
  if (cases.length === 0) return null;
  return (
    <section aria-label={t('similar')}>
      <h3>{t('similar')}</h3>
      <ul className="inbox-cases">
        {cases.map((one) => (
          <li key={one.item}>
            <Tag color={COLOURS[one.decision]}>{t(`decisions.${one.decision}`)}</Tag>
            {one.edited && <Tag>{t('edited')}</Tag>}
            {one.stake !== null && <strong className="tabular">{one.stake}</strong>}{' '}
            <Link to={`/runs/${one.run}`}>{format.moment(one.at)}</Link>{' '}
            <Typography.Text type="secondary">{t('by', { name: one.by.name })}</Typography.Text>
            {one.same.length > 0 && (
              <Typography.Text type="secondary"> {t('same', { names: one.same.join(', ') })}</Typography.Text>
            )}
            {one.reason !== null && (
              <div>
                <Said text={one.reason} most={240} />
              </div>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
