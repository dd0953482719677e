// Where one can go.
import { Flex, Menu } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router';

import { useMay } from '~/api/me';
import icon from '~/icon.svg';
import { PAGES } from '~/pages/registry';

/** The sign above the navigation. */
export function Brand() {
  const { t } = useTranslation();
  return (
    <Link to="/" className="brand" aria-label={t('shell.home')}>
      <img src={icon} alt="" />
      {t('brand')}
    </Link>
  );
}

/** The pages that whoever is signed in may see. */
export function Navigation({ onGo }: { onGo?: () => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const { pathname } = useLocation();
  const pages = PAGES.filter(({ order, right }) => order !== undefined && (right === undefined || may(right)));
  const here = pages.filter(({ home }) => pathname === home || (home !== '/' && pathname.startsWith(`${home}/`)));
  return (
    <nav aria-label={t('shell.navigation')}>
      <Menu
        mode="inline"
        style={{ borderInlineEnd: 0 }}
        selectedKeys={here.map(({ home }) => home)}
        onClick={onGo}
        items={pages.map(({ home, name, icon: Icon, badge: Badge }) => ({
          key: home,
          icon: Icon,
          label: (
            <Link to={home}>
              <Flex justify="space-between" align="center">
                {t(`nav.${name}`)}
                {Badge && <Badge />}
              </Flex>
            </Link>
          ),
        }))}
      />
    </nav>
  );
}
