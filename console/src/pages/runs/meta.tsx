import { UnorderedListOutlined } from '@ant-design/icons';
import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/runs/*',
  order: 20,
  name: 'runs',
  icon: <UnorderedListOutlined />,
  right: 'runs.read',
  load: () => import('./Page'),
};
