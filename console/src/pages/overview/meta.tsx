import { DashboardOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/overview',
  order: 5,
  name: 'overview',
  icon: <DashboardOutlined />,
  load: () => import('./Page'),
};
