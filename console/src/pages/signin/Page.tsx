// Sign in: by the company's provider where one is named, or with a link, whose secret stands behind the `#` and is sent
// nowhere else. Afterwards one is where one was.
import { LoginOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Divider, Flex, Spin, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { Trans, useTranslation } from 'react-i18next';
import { useLocation, useNavigate, useSearchParams } from 'react-router';

import { raw } from '~/api/client';
import { client } from '~/api/queries';
import { Said } from '~/components/Said';
import { Trouble } from '~/components/Trouble';
import { LANGUAGES, speak } from '~/i18n';
import './signin.css';

/** How one may sign in here. */
interface Ways {
  workspace: string;
  oidc: { name: string } | null;
}

const WORDS = ['expired', 'denied', 'unverified', 'unknown_person', 'no_role', 'away', 'failed'] as const;

/** The secret of a link that was opened, taken out of the address at once. */
function taken(): string {
  if (window.location.pathname !== '/sign-in' || window.location.hash === '') return '';
  const found = window.location.hash.slice(1);
  history.replaceState(history.state, '', window.location.pathname);
  return found;
}

let secret = taken();
let failed: unknown = null; // what the last link met, told until something else is tried: this page may be drawn anew
let used: { of: string; answer: Promise<unknown> } | null = null;

/** Sign in, once for each link, however often this is drawn. */
function enter(link: string): Promise<unknown> {
  if (used?.of !== link) {
    const headers = { 'Content-Type': 'application/json' };
    used = { of: link, answer: raw('/sign-in', { method: 'POST', headers, body: JSON.stringify({ link }) }) };
  }
  return used.answer;
}

async function ways(): Promise<Ways> {
  return (await (await raw('/sign-in')).json()) as Ways;
}

/** Whether somebody is signed in already. */
async function known(): Promise<boolean> {
  return raw('/me').then(
    () => true,
    () => false,
  );
}

/** The page outside of all others. */
export default function SignIn() {
  const { t } = useTranslation('signin');
  const navigate = useNavigate();
  const { state: given } = useLocation() as { state: { from?: string; left?: boolean } | null };
  const [state] = useState(given); // a link that is opened here makes a place without one
  const [asked] = useSearchParams();
  const [ended] = useState(() => given?.from !== undefined && client.getQueryData(['me']) !== undefined);
  const [link, setLink] = useState(secret);
  const [error, tell] = useState<unknown>(failed);
  const setError = (trouble: unknown) => {
    failed = trouble;
    tell(trouble);
  };
  const refused = WORDS.find((word) => word === asked.get('refused'));
  const from = state?.from ?? '/';
  const found = useQuery({ queryKey: ['sign-in'], queryFn: ways, retry: 1, staleTime: 0 });
  useEffect(() => {
    const opened = () => {
      const next = taken();
      if (next !== '') setLink(next);
    };
    window.addEventListener('hashchange', opened); // a link that is opened where this page stands already
    return () => window.removeEventListener('hashchange', opened);
  }, []);
  useEffect(() => {
    let here = true;
    const go = () => {
      secret = '';
      failed = null;
      if (!here) return;
      client.clear();
      void navigate(from, { replace: true });
    };
    if (link !== '') {
      enter(link).then(go, (trouble: unknown) => {
        secret = '';
        failed = trouble;
        if (here) {
          setLink('');
          tell(trouble);
        }
      });
    } else if (error === null && refused === undefined && state?.left !== true) {
      void known().then((yes) => {
        if (yes) go();
      });
    }
    return () => {
      here = false;
    };
  }, [link, error, refused, from, state, navigate]);
  const told = found.data;
  const provider = told?.oidc ?? null;
  return (
    <Flex vertical justify="center" align="center" gap="middle" className="signin" role="main">
      <Card className="signin-card">
        <Typography.Title level={1} className="signin-title">
          {t('title')}
        </Typography.Title>
        <Typography.Paragraph type="secondary" className="signin-where">
          {told ? <Said text={told.workspace} most={80} /> : '\u00a0'}
        </Typography.Paragraph>
        {link !== '' ? (
          <Flex gap="small" align="center" role="status">
            <Spin size="small" /> {t('entering')}
          </Flex>
        ) : (
          <Flex vertical gap="middle">
            {error !== null && <Trouble error={error} />}
            {error === null && refused !== undefined && (
              <Alert type="error" showIcon role="alert" title={t(`refused.${refused}.what`)} description={t(`refused.${refused}.next`)} />
            )}
            {error === null && refused === undefined && state?.left === true && <Alert type="success" showIcon role="status" title={t('left')} />}
            {error === null && refused === undefined && ended && (
              <Alert type="info" showIcon role="status" title={t('ended')} description={t('endedNext')} />
            )}
            {found.isError && <Trouble error={found.error} again={() => void found.refetch()} />}
            {provider !== null && (
              <>
                <Provider name={provider.name} to={from} onTrouble={setError} />
                <Divider plain className="signin-or">
                  {t('or')}
                </Divider>
              </>
            )}
            <Typography.Paragraph className="signin-how">
              <Trans t={t} i18nKey={provider === null ? 'how' : 'howElse'} components={{ command: <code /> }} />
            </Typography.Paragraph>
          </Flex>
        )}
      </Card>
      <Languages />
    </Flex>
  );
}

function Provider({ name, to, onTrouble }: { name: string; to: string; onTrouble: (trouble: unknown) => void }) {
  const { t } = useTranslation('signin');
  const [going, setGoing] = useState(false);
  const go = async () => {
    setGoing(true);
    onTrouble(null);
    try {
      const headers = { 'Content-Type': 'application/json' };
      const answer = await raw('/sign-in/oidc', { method: 'POST', headers, body: JSON.stringify({ to }) });
      const { location } = (await answer.json()) as { location: string };
      window.location.assign(location);
    } catch (trouble) {
      setGoing(false);
      onTrouble(trouble);
    }
  };
  return (
    <Button type="primary" size="large" block icon={<LoginOutlined />} loading={going} onClick={() => void go()}>
      {t('with', { name })}
    </Button>
  );
}

function Languages() {
  const { t, i18n } = useTranslation();
  return (
    <Flex gap="small">
      {LANGUAGES.map((one) => (
        <Button key={one} type="text" size="small" lang={one} disabled={one === i18n.language} onClick={() => void speak(one)}>
          {t(`languages.${one}`)}
        </Button>
      ))}
    </Flex>
  );
}
