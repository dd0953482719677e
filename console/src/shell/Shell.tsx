// The frame of all pages: navigation at the side (a drawer on a phone), the bar above, and how the connection stands.
import { MenuOutlined } from '@ant-design/icons';
import { Alert, Button, Drawer, Flex, Grid, Layout, Spin } from 'antd';
import { useQueryClient } from '@tanstack/react-query';
import { Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Outlet, useLocation, useNavigate } from 'react-router';

import { onSignedOut } from '~/api/client';
import { live, refresh, useStanding } from '~/api/live';
import { useMe } from '~/api/me';
import { Account } from './Account';
import { Boundary } from './Boundary';
import { Brand, Navigation } from './Navigation';
import { SLOTS } from './slots';

/** The frame; whoever is not signed in is led to where one signs in, and back. */
export function Shell() {
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  useEffect(
    () =>
      onSignedOut(() => {
        live.stop();
        void navigate('/sign-in', { replace: true, state: { from: pathname + search } });
      }),
    [navigate, pathname, search],
  );
  return (
    <Boundary>
      <Suspense fallback={<Spin fullscreen />}>
        <Frame />
      </Suspense>
    </Boundary>
  );
}

function Frame() {
  const { t } = useTranslation();
  const me = useMe();
  const client = useQueryClient();
  const wide = Grid.useBreakpoint().lg ?? window.innerWidth >= 992;
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  useEffect(() => {
    live.start();
    return refresh(client);
  }, [client, me.person]);
  return (
    <Layout style={{ minHeight: '100vh' }}>
      <a className="skip" href="#content">
        {t('shell.skip')}
      </a>
      {wide ? (
        <Layout.Sider theme="light" width={216} style={{ position: 'sticky', top: 0, height: '100vh', overflow: 'auto' }}>
          <Brand />
          <Navigation />
        </Layout.Sider>
      ) : (
        <Drawer open={open} onClose={close} placement="left" size={264} title={<Brand />} styles={{ body: { padding: 0 } }}>
          <Navigation onGo={close} />
        </Drawer>
      )}
      <Layout>
        <Bar onMenu={wide ? undefined : () => setOpen(true)} />
        <Away />
        <Layout.Content id="content" role="main" tabIndex={-1}>
          <Outlet />
        </Layout.Content>
      </Layout>
    </Layout>
  );
}

function Bar({ onMenu }: { onMenu?: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <Layout.Header className="bar">
      <Flex align="center" gap="small" style={{ height: '100%', width: '100%' }}>
        {onMenu && <Button type="text" icon={<MenuOutlined />} aria-label={t('shell.menu')} onClick={onMenu} />}
        <strong className="bar-name">{me.workspace.name}</strong>
        <Flex justify="center" className="bar-middle">
          {SLOTS.map(({ name, View }) => (
            <View key={name} />
          ))}
        </Flex>
        <Account />
      </Flex>
    </Layout.Header>
  );
}

/** Said while the server does not answer; what stands on the page is then as old as the message says. */
function Away() {
  const { t } = useTranslation();
  const standing = useStanding();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(standing === 'away'), standing === 'away' ? 800 : 0);
    return () => clearTimeout(timer);
  }, [standing]);
  return late ? <Alert banner type="warning" role="status" title={t('shell.away')} /> : null;
}
