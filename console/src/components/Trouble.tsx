// What went wrong, and what to do next.
import { Alert, Button } from 'antd';
import { useTranslation } from 'react-i18next';

import { Problem } from '~/api/client';
import { Said } from './Said';

interface Props {
  error: unknown;
  again?: () => void;
}

/** An error as a person can use it. */
export function Trouble({ error, again }: Props) {
  const { t } = useTranslation();
  const known = error instanceof Problem && error.status !== 0;
  const lost = error instanceof Problem && error.status === 0;
  const title = known ? <Said text={error.detail} /> : t(lost ? 'trouble.away' : 'trouble.bug');
  const next = known ? <Said text={error.remedy} /> : t(lost ? 'trouble.awayNext' : 'trouble.bugNext');
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={title}
      description={next}
      action={again && <Button onClick={again}>{t('trouble.again')}</Button>}
    />
  );
}
