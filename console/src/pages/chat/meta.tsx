import { MessageOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/chat/*',
  order: 30,
  name: 'chat',
  icon: <MessageOutlined />,
  right: 'runs.start',
  load: () => import('./Page'),
};
