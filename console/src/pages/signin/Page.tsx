// Sign in: with the link that `deputy up` prints, whose secret stands behind the `#` and is sent nowhere else.
import { Card, Flex, Spin, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';

import { raw } from '~/api/client';
import { client } from '~/api/queries';
import { Trouble } from '~/components/Trouble';

/** The secret of the link that was opened, taken out of the address at once. */
const secret = window.location.pathname === '/sign-in' ? window.location.hash.slice(1) : '';
if (secret !== '') history.replaceState(null, '', window.location.pathname);
let used: Promise<unknown> | null = null;

/** Sign in, once, however often this is drawn. */
function enter(): Promise<unknown> {
  used ??= raw('/sign-in', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ link: secret }),
  });
  return used;
}

/** The page outside of all others. */
export default function SignIn() {
  const { t } = useTranslation('signin');
  const navigate = useNavigate();
  const { state } = useLocation() as { state: { from?: string } | null };
  const [error, setError] = useState<unknown>(null);
  const entering = secret !== '' && error === null && state === null;
  useEffect(() => {
    if (!entering) return;
    enter().then(
      () => {
        client.clear();
        void navigate('/', { replace: true });
      },
      (trouble: unknown) => setError(trouble),
    );
  }, [entering, navigate]);
  return (
    <Flex justify="center" align="center" style={{ minHeight: '100%', padding: 16 }} role="main">
      <Card style={{ maxWidth: 440, width: '100%' }}>
        <Typography.Title level={1} style={{ fontSize: 22 }}>
          {t('title')}
        </Typography.Title>
        {entering ? <Spin description={t('entering')} /> : <Typography.Paragraph>{t('how')}</Typography.Paragraph>}
        {error !== null && <Trouble error={error} />}
      </Card>
    </Flex>
  );
}
