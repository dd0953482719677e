// Who is signed in, and how the page looks and speaks to them.
import { CheckOutlined, LogoutOutlined, TranslationOutlined, UserOutlined, BulbOutlined } from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { Button, Dropdown, type MenuProps } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';

import { raw } from '~/api/client';
import { live } from '~/api/live';
import { useMe } from '~/api/me';
import { LANGUAGES, speak, type Language } from '~/i18n';
import { choose, type Mode, MODES, useMode } from './theme';

/** The menu at the right of the bar. */
export function Account() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const mode = useMode();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = async () => {
    const answer = await raw('/sign-out', { method: 'POST' }).catch(() => undefined);
    live.stop();
    client.clear();
    if (answer?.status === 200) {
      const { location } = (await answer.json()) as { location: string }; // the provider's session ends there
      window.location.assign(location);
    } else await navigate('/sign-in', { replace: true, state: { left: true } });
  };
  const chosen = (yes: boolean) => (yes ? <CheckOutlined /> : <span style={{ width: 14 }} />);
  const items: MenuProps['items'] = [
    { key: 'me', type: 'group', label: `${me.name} · ${me.roles.map((role) => t(`roles.${role}`)).join(', ')}` },
    {
      key: 'language',
      icon: <TranslationOutlined />,
      label: t('account.language'),
      children: LANGUAGES.map((one) => ({ key: one, label: t(`languages.${one}`), icon: chosen(one === i18n.language) })),
    },
    {
      key: 'theme',
      icon: <BulbOutlined />,
      label: t('account.theme'),
      children: MODES.map((one) => ({ key: one, label: t(`themes.${one}`), icon: chosen(one === mode) })),
    },
    { type: 'divider' },
    { key: 'leave', icon: <LogoutOutlined />, label: t('account.leave') },
  ];
  const click: MenuProps['onClick'] = ({ key, keyPath: [, group] }) => {
    if (group === 'language') void speak(key as Language);
    else if (group === 'theme') choose(key as Mode);
    else if (key === 'leave') void leave();
  };
  return (
    <Dropdown menu={{ items, onClick: click }} trigger={['click']} placement="bottomRight">
      <Button type="text" icon={<UserOutlined />} aria-label={t('account.open', { name: me.name })}>
        <span className="bar-person">{me.name}</span>
      </Button>
    </Dropdown>
  );
}
