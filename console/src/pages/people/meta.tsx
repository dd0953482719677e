import { TeamOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/people',
  order: 70,
  name: 'people',
  icon: <TeamOutlined />,
  right: 'people.read',
  load: () => import('./Page'),
};
