import { SettingOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/settings',
  order: 80,
  name: 'settings',
  icon: <SettingOutlined />,
  load: () => import('./Page'),
};
