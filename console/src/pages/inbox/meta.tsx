import { InboxOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';
import { Waiting } from './Waiting';

export const meta: Meta = {
  path: '/inbox/*',
  order: 10,
  name: 'inbox',
  icon: <InboxOutlined />,
  right: 'inbox.read',
  badge: Waiting,
  load: () => import('./Page'),
};
