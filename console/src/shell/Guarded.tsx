// A page, for whoever may see it; and what stands where there is none.
import { Button, Result, Skeleton } from 'antd';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

import { useMay } from '~/api/me';
import type { Found } from '~/pages/registry';
import { Boundary } from './Boundary';

function Nothing({ why }: { why: 'missing' | 'forbidden' }) {
  const { t } = useTranslation();
  return (
    <Result
      status={why === 'missing' ? '404' : '403'}
      title={t(`nothing.${why}`)}
      subTitle={t(`nothing.${why}Next`)}
      extra={
        <Link to="/">
          <Button type="primary">{t('nothing.home')}</Button>
        </Link>
      }
    />
  );
}

/** The page, once it is loaded. */
export function Guarded({ page }: { page?: Found }) {
  const may = useMay();
  if (page === undefined) return <Nothing why="missing" />;
  if (page.right !== undefined && !may(page.right)) return <Nothing why="forbidden" />;
  return (
    <Boundary key={page.path}>
      <Suspense
        fallback={
          <div className="page">
            <Skeleton active paragraph={{ rows: 8 }} />
          </div>
        }
      >
        <page.View />
      </Suspense>
    </Boundary>
  );
}
