import { FileProtectOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/mandates',
  order: 50,
  name: 'mandates',
  icon: <FileProtectOutlined />,
  right: 'agents.read',
  load: () => import('./Page'),
};
