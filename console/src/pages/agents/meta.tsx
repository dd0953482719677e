import { RobotOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/agents/*',
  order: 40,
  name: 'agents',
  icon: <RobotOutlined />,
  right: 'agents.read',
  load: () => import('./Page'),
};
