// What the effect would be done with, in full, and where each value came from.
import { Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { Said } from '~/components/Said';
import type { Item } from './queries';

const COLOURS = { outside: 'warning', trusted: 'success', agent: 'default' } as const;

/** All arguments. */
export function Arguments({ item }: { item: Item }) {
  const { t } = useTranslation('inbox');
  return (
    <section aria-label={t('arguments')}>
      <h3>{t('arguments')}</h3>
      <dl className="inbox-args">
        {item.arguments.map((one) => (
          <div key={one.name}>
            <dt>
              <Said text={one.name} most={120} mono />
            </dt>
            <dd>
              <Said text={written(one.value)} most={1_500} mono={typeof one.value !== 'string'} />
              <div className="inbox-small">
                <Tag color={COLOURS[one.trust]}>{t(`trust.${one.trust}`)}</Tag>
                {one.authority && <Tag color="processing">{t('authority')}</Tag>}
                {one.sources.map((source, place) => (
                  <span key={place} className="inbox-source">
                    {source.effect === '' ? (
                      <Said text={source.name} most={120} />
                    ) : (
                      <Link to={`/runs/${item.run}`}>
                        <Said text={source.name} most={120} />
                      </Link>
                    )}
                  </span>
                ))}
              </div>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** A value as text. */
export function written(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 1) ?? '');
}
